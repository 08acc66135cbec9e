//! What it costs, in calls: golden for one federation and one binding, constant for each of a hundred.

use std::collections::BTreeMap;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{Counts, World, WorldMark, objects::is_ready, repository};
use serde_json::{Value, json};

/// Reads by watches depend on when they reconnect, and probing for the CRDs on when they came.
fn without_watches(mut counts: Counts) -> Counts {
    counts
        .kubernetes_reads
        .retain(|call, _| !call.starts_with("watch ") && !call.starts_with("list "));
    counts
}

/// An inventory is taken when its time has come, whatever else happens: not more than one in these tests.
fn without_inventory(mut reads: BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    for listing in ["iam:ListRoles", "iam:GetAccountAuthorizationDetails"] {
        let pages = reads.remove(listing).unwrap_or_default();
        assert!(pages <= 1, "{pages} pages of {listing}");
    }
    reads
}

fn calls(table: &[(&str, usize)]) -> BTreeMap<String, usize> {
    table.iter().map(|(call, count)| ((*call).to_owned(), *count)).collect()
}

#[tokio::test]
async fn one_federation_and_one_binding_from_nothing_cost_what_they_always_cost() {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let mark = world.mark().await.unwrap();
    world.start_operator().await.unwrap();
    let samples = repository().join("config/samples");
    for file in ["serviceaccount.yaml", "oidcfederation.yaml"] {
        world.cluster.apply_file(&samples.join(file), false).await.unwrap();
    }
    world.federation_ready("default").await.unwrap();
    world
        .cluster
        .apply_file(&samples.join("iamrolebinding.yaml"), false)
        .await
        .unwrap();
    world.binding_ready("default", "app").await.unwrap();

    let mut counts = once_told(&world, &mark, 3).await;
    let reads = calls(&[
        ("iam:GetOpenIDConnectProvider", 1),
        ("iam:GetRole", 1),
        ("s3:GetBucketPolicy", 1),
        ("s3:GetObject", 2),
        ("sts:GetCallerIdentity", 1),
    ]);
    assert_eq!(without_inventory(counts.aws_reads.clone()), reads);
    let writes = calls(&[
        ("iam:AttachRolePolicy", 1),
        ("iam:CreateOpenIDConnectProvider", 1),
        ("iam:CreateRole", 1),
        ("s3:PutBucketPolicy", 1),
        ("s3:PutObject", 2),
    ]);
    assert_eq!(counts.aws_writes, writes);
    written_once_or_begun("patch iamrolebindings/status", 1, &mut counts);
    written_once_or_begun("patch oidcfederations/status", 1, &mut counts);
    let writes = calls(&[
        ("create configmaps", 1),
        ("create events", 3),
        ("patch iamrolebindings", 1),
        ("patch oidcfederations", 1),
        ("patch serviceaccounts", 1),
    ]);
    assert_eq!(counts.kubernetes_writes, writes);
}

/// What was called, once so many events are written: that happens after a pass, and nobody waits for it.
async fn once_told(world: &World, mark: &WorldMark, events: usize) -> Counts {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let counts = without_watches(world.counts_since(mark).await.unwrap());
        let told = counts
            .kubernetes_writes
            .get("create events")
            .copied()
            .unwrap_or_default();
        if told >= events || tokio::time::Instant::now() > deadline {
            return counts;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// A status is written once for each of so many objects; and once more where the work took more than two seconds.
fn written_once_or_begun(call: &str, objects: usize, counts: &mut Counts) {
    let written = counts.kubernetes_writes.remove(call).unwrap_or_default();
    assert!((objects..=2 * objects).contains(&written), "{call}: {written}");
}

/// A hundred ServiceAccounts in ten namespaces; and for each a binding.
fn a_hundred() -> [Vec<Value>; 2] {
    let (mut accounts, mut bindings) = (Vec::new(), Vec::new());
    for namespace in 0..10 {
        let namespace = format!("team-{namespace}");
        accounts.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}));
        for app in 0..10 {
            let metadata = json!({"name": format!("app-{app}"), "namespace": namespace});
            accounts.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
            bindings.push(json!({
                "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": metadata,
                "spec": {"serviceAccounts": [{"name": format!("app-{app}")}],
                         "policies": {"managed": ["AmazonS3ReadOnlyAccess"]}},
            }));
        }
    }
    [accounts, bindings]
}

#[tokio::test]
async fn a_hundred_bindings_at_once_cost_a_hundred_times_what_one_costs() {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    world.start_operator().await.unwrap();
    let federation = repository().join("config/samples/oidcfederation.yaml");
    world.cluster.apply_file(&federation, false).await.unwrap();
    world.federation_ready("default").await.unwrap();
    world.roles_inventoried("default").await.unwrap();

    let apply = async |items: Vec<Value>| {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        world.cluster.apply_yaml(&list.to_string()).await.unwrap();
    };
    // First: a ServiceAccount whose creation is told of when it has been annotated already is looked at again.
    let [accounts, bindings] = a_hundred();
    apply(accounts).await;
    let mark = world.mark().await.unwrap();
    apply(bindings).await;
    for namespace in 0..10 {
        for app in 0..10 {
            world
                .binding_ready(&format!("team-{namespace}"), &format!("app-{app}"))
                .await
                .unwrap();
        }
    }
    let mut counts = once_told(&world, &mark, 100).await;
    let writes = calls(&[("iam:AttachRolePolicy", 100), ("iam:CreateRole", 100)]);
    assert_eq!(counts.aws_writes, writes);
    assert_eq!(
        without_inventory(counts.aws_reads.clone()),
        calls(&[("iam:GetRole", 100)])
    );
    written_once_or_begun("patch iamrolebindings/status", 100, &mut counts);
    // An inventory tells the federation's status what came of it.
    let told = counts
        .kubernetes_writes
        .remove("patch oidcfederations/status")
        .unwrap_or_default();
    assert!(
        told <= counts.aws_reads.get("iam:ListRoles").copied().unwrap_or_default(),
        "{counts:#?}"
    );
    let writes = calls(&[
        ("create events", 100),
        ("patch iamrolebindings", 100),
        ("patch serviceaccounts", 100),
    ]);
    assert_eq!(counts.kubernetes_writes, writes);

    // Something that no binding uses changes about the federation: nobody is woken.
    let mark = world.mark().await.unwrap();
    let patch = json!({"spec": {"interval": "20m"}}).to_string();
    let kubectl = ["patch", "oidcfederation", "default", "--type=merge", "-p", &patch];
    world.kubectl(&kubectl).await.unwrap();
    world
        .wait_for(
            "the edit to be seen",
            ("oidcfederation", "default", "default"),
            is_ready,
        )
        .await
        .unwrap();
    let counts = without_watches(world.counts_since(&mark).await.unwrap());
    assert_eq!(counts.aws_reads.get("iam:GetRole"), None, "{counts:#?}");
    assert!(counts.aws_writes.is_empty(), "{counts:#?}");
}
