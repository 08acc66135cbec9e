//! tmp
fn main() {
    for c in irsa_api::custom_resource_definitions().unwrap() {
        println!("---\n{}", serde_saphyr::to_string(&c).unwrap());
    }
}
