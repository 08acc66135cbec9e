//! Clusters in which nothing can be proven: nothing else suffers, and it is said why.

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::World;
use serde_json::Value;

use crate::{APP, asked, is_verified, message, shown, verified};

/// The samples are Ready, and STS was not asked.
async fn ready_unproven(world: &World, reason: &str) -> Value {
    world.apply_samples().await.unwrap();
    let binding = world.binding_ready("default", "app").await.unwrap();
    assert_eq!(verified(&binding), ("Unknown".to_owned(), reason.to_owned()));
    let words = message(&binding, "Ready");
    assert!(words.contains("STS was not asked"), "{words}");
    assert!(binding["status"]["verifiedAt"].is_null());
    binding
}

async fn started_without(deleted: &[&[&str]]) -> World {
    let mut world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    for arguments in deleted {
        world.kubectl(&[&["delete"], *arguments].concat()).await.unwrap();
    }
    world.start_operator().await.unwrap();
    world
}

#[tokio::test]
async fn without_the_right_roles_are_ready_unproven_and_proven_once_it_is_given() {
    let mut world = started_without(&[&["clusterrolebinding", "irsa-anywhere-verify"]]).await;
    let mark = world.aws.mark();
    let binding = ready_unproven(&world, "NotPermitted").await;
    let words = message(&binding, "Verified");
    assert!(
        words.contains("config/verify") && words.contains("serviceaccounts/token"),
        "{words}"
    );
    assert_eq!(shown(&world, mark).len(), 0);
    let verify = irsa_tests::world::repository().join("config/verify");
    world.cluster.apply_file(&verify, true).await.unwrap();
    world.stop_operator().await.unwrap();
    world.start_operator().await.unwrap();
    world.wait_for("Verified=True", APP, is_verified).await.unwrap();
}

#[tokio::test]
async fn without_the_policies_no_token_is_asked_for_but_a_dry_run_of_the_canarys() {
    for deleted in [
        &["validatingadmissionpolicybinding", "irsa-anywhere-tokens"][..],
        &[
            "validatingadmissionpolicy",
            "irsa-anywhere-tokens",
            "irsa-anywhere-tokens-of-bound",
        ],
    ] {
        let world = started_without(&[deleted]).await;
        let mark = world.aws.mark();
        let binding = ready_unproven(&world, "NotGuarded").await;
        let words = message(&binding, "Verified");
        assert!(words.contains("ValidatingAdmissionPolicy of config/verify"), "{words}");
        assert_eq!(shown(&world, mark).len(), 0);
        let asked = asked(&world).await;
        let canary = ("irsa-anywhere-system/irsa-anywhere-canary (dry run)".to_owned(), 201);
        assert!(
            !asked.is_empty() && asked.iter().all(|call| *call == canary),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn without_the_canary_or_with_an_audience_that_the_policy_does_not_list_it_is_said_what_was_not_tried() {
    let world = started_without(&[&["serviceaccount", "irsa-anywhere-canary", "-n", "irsa-anywhere-system"]]).await;
    let binding = ready_unproven(&world, "NotPermitted").await;
    let words = message(&binding, "Verified");
    assert!(
        words.contains("irsa-anywhere-canary") && words.contains("config/verify"),
        "{words}"
    );

    let mut world = started_without(&[]).await;
    world.apply_samples().await.unwrap();
    let audiences = r#"{"spec":{"audiences":["sts.amazonaws.com","other.example"]}}"#;
    world
        .kubectl(&["patch", "oidcfederation", "default", "--type", "merge", "-p", audiences])
        .await
        .unwrap();
    // The policy does not list it: that one check is left out, and all others are made.
    let untried = |binding: &Value| is_verified(binding) && message(binding, "Verified").contains("other.example");
    let binding = world.wait_for("a proof without it", APP, untried).await.unwrap();
    let words = message(&binding, "Verified");
    assert!(words.contains("was not tried"), "{words}");
    assert!(irsa_tests::world::objects::is_ready(&binding));
    world.stop_operator().await.unwrap();
}
