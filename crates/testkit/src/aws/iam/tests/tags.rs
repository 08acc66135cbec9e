//! Tags of roles and providers.

use super::support::{Bench, TRUST, elements, walk};

fn tags(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let mut parameters = vec![("RoleName".to_owned(), "app".to_owned())];
    for (index, (key, value)) in pairs.iter().enumerate() {
        parameters.push((format!("Tags.member.{}.Key", index + 1), key.clone()));
        parameters.push((format!("Tags.member.{}.Value", index + 1), value.clone()));
    }
    parameters
}

fn borrowed(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    parameters
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn tags_are_added_replaced_and_removed_without_regard_to_case() {
    let mut bench = Bench::new();
    bench.create_role("app");
    bench.ok("TagRole", &borrowed(&tags(&[pair("Team", "a"), pair("env", "x")])));
    bench.ok("TagRole", &borrowed(&tags(&[pair("team", "b")])));
    let xml = bench.ok("ListRoleTags", &[("RoleName", "app")]);
    assert_eq!(
        (elements(&xml, "Key"), elements(&xml, "Value")),
        (vec!["env", "team"], vec!["x", "b"])
    );
    bench.ok(
        "UntagRole",
        &[
            ("RoleName", "app"),
            ("TagKeys.member.1", "ENV"),
            ("TagKeys.member.2", "none"),
        ],
    );
    assert_eq!(
        walk(&mut bench, "ListRoleTags", &[("RoleName", "app")], "Key").0,
        ["team"]
    );
}

#[test]
fn bad_tags_are_refused_each_with_its_code() {
    let mut bench = Bench::new();
    bench.create_role("app");
    let many: Vec<_> = (0..51).map(|index| pair(&format!("k{index}"), "")).collect();
    for (bad, code) in [
        (vec![pair("k", "1"), pair("K", "2")], "InvalidInput"),
        (vec![pair("aws:k", "1")], "InvalidInput"),
        (vec![pair("AWS:k", "1")], "InvalidInput"),
        (vec![pair("", "1")], "ValidationError"),
        (vec![pair("a;b", "1")], "ValidationError"),
        (vec![pair("k", "a;b")], "ValidationError"),
        (vec![pair(&"k".repeat(129), "1")], "ValidationError"),
        (vec![pair("k", &"v".repeat(257))], "ValidationError"),
        (vec![], "ValidationError"),
        (many, "ValidationError"),
    ] {
        assert_eq!(bench.refused("TagRole", &borrowed(&tags(&bad))), code, "{bad:?}");
    }
    let good = [pair("example.dev/cluster a_b:c=d+e-f@g", ""), pair("ключ", "значение")];
    bench.ok("TagRole", &borrowed(&tags(&good)));
}

#[test]
fn a_role_has_at_most_fifty_tags_over_all_calls() {
    let mut bench = Bench::new();
    let fifty: Vec<_> = (0..50).map(|index| pair(&format!("k{index}"), "v")).collect();
    let mut create = tags(&fifty);
    create.push(pair("AssumeRolePolicyDocument", TRUST));
    bench.ok("CreateRole", &borrowed(&create));
    assert_eq!(
        bench.refused("TagRole", &borrowed(&tags(&[pair("further", "v")]))),
        "LimitExceeded"
    );
    bench.ok("TagRole", &borrowed(&tags(&[pair("k1", "changed")])));
}

#[test]
fn providers_have_tags_of_their_own() {
    let mut bench = Bench::new();
    bench.ok("CreateOpenIDConnectProvider", &[("Url", "https://a.example")]);
    let arn = "arn:aws:iam::111122223333:oidc-provider/a.example";
    let tag = [
        ("OpenIDConnectProviderArn", arn),
        ("Tags.member.1.Key", "k"),
        ("Tags.member.1.Value", "v"),
    ];
    bench.ok("TagOpenIDConnectProvider", &tag);
    assert_eq!(
        walk(&mut bench, "ListOpenIDConnectProviderTags", &tag[..1], "Key").0,
        ["k"]
    );
    bench.ok("UntagOpenIDConnectProvider", &[tag[0], ("TagKeys.member.1", "k")]);
    assert!(
        walk(&mut bench, "ListOpenIDConnectProviderTags", &tag[..1], "Key")
            .0
            .is_empty()
    );
}
