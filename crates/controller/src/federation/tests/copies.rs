//! A cluster of which there may be two.

use irsa_core::vocabulary::{CLAIM, OBJECT_METADATA_INSTANCE};

use super::*;

const HERE: &[&str] = &["10.0.0.1:6443"];
const ELSEWHERE: &[&str] = &["192.168.0.1:6443"];

/// A federation that is ready, in a cluster with these API servers.
async fn ready(servers: &[&str]) -> (Bench, OidcFederation) {
    let bench = awake(Bench::new(), servers);
    let mut federation = federation();
    bench.succeed(&mut federation).await;
    bench.forget_traces();
    (bench, federation)
}

/// The controller has just been started there.
fn awake(mut bench: Bench, servers: &[&str]) -> Bench {
    bench.controller.instances = Instances::behind(servers, bench.cluster.client(), "irsa");
    bench
}

fn mark(bench: &Bench) -> String {
    bench.aws.object(JWKS).unwrap().metadata[OBJECT_METADATA_INSTANCE].clone()
}

/// Somebody else writes his mark over ours.
fn overmark(bench: &Bench, mark: &str) {
    bench.aws.world(|world| {
        let object = world.objects.get_mut(JWKS).unwrap();
        object
            .metadata
            .insert(OBJECT_METADATA_INSTANCE.to_owned(), mark.to_owned());
    });
}

fn claim(federation: &mut OidcFederation, outcome: &Outcome) {
    let (_, claim) = outcome.message.split_once(&format!("{CLAIM}=")).unwrap();
    let claim = claim.chars().take_while(char::is_ascii_alphanumeric).collect();
    federation.metadata.annotations = Some([(CLAIM.to_owned(), claim)].into());
}

#[tokio::test]
async fn a_restart_behind_the_same_servers_writes_nothing_and_keeps_nobody_waiting() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), &[HERE[0], "10.0.0.2:6443"]);
    assert_eq!(
        bench.controller.instances.check("default", None).await,
        Ok(()),
        "before the first pass"
    );
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    assert_eq!(
        bench.cluster.take_writes(),
        ["PUT irsa-anywhere-keys-default"],
        "one more API server"
    );
    let bench = awake(bench.restarted(), HERE);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn who_may_be_a_copy_writes_a_mark_alone_and_goes_on_once_nobody_has_objected() {
    let (bench, mut federation) = ready(HERE).await;
    let before = (mark(&bench), bench.aws.object(JWKS).unwrap().bytes);
    let bench = awake(bench.restarted(), ELSEWHERE);
    bench
        .aws
        .world(|world| world.provider.as_mut().unwrap().client_ids.clear());
    let refused = bench.controller.instances.check("default", None).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ClusterCopied, "before the first pass");
    bench.end(&mut federation, Reason::ClusterCopied, "may be a copy").await;
    assert_eq!(bench.aws.take_writes(), [format!("PutObject {JWKS}")]);
    assert_ne!(mark(&bench), before.0);
    assert_eq!(bench.aws.object(JWKS).unwrap().bytes, before.1, "the key set as it was");
    bench.cluster.take_writes();
    for _ in 0..2 {
        bench.end(&mut federation, Reason::ClusterCopied, "may be a copy").await;
        assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
        assert_eq!(bench.cluster.take_writes(), Vec::<String>::new());
        assert!(bench.controller.instances.check("default", None).await.is_err());
    }
    tokio::time::advance(std::time::Duration::from_mins(22)).await;
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), ["AddClientID"]);
    assert_eq!(bench.controller.instances.check("default", None).await, Ok(()));
    let bench = awake(bench.restarted(), ELSEWHERE);
    bench.succeed(&mut federation).await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_original_objects_once_keeps_the_documents_right_and_goes_on_by_a_claim() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), HERE);
    overmark(&bench, "challenge");
    bench
        .aws
        .world(|world| world.provider.as_mut().unwrap().client_ids.clear());
    let stopped = bench
        .end(&mut federation, Reason::ClusterCopied, "Stop the operator there")
        .await;
    assert_eq!(
        bench.aws.take_writes(),
        [format!("PutObject {JWKS}")],
        "no repair but the objection"
    );
    assert_ne!(mark(&bench), "challenge");
    bench.end(&mut federation, Reason::ClusterCopied, "there").await;
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    bench.aws.overwrite(DISCOVERY, b"{}");
    bench.end(&mut federation, Reason::ClusterCopied, "there").await;
    assert_eq!(bench.aws.take_writes(), [format!("PutObject {DISCOVERY}")]);
    claim(&mut federation, &stopped);
    bench.succeed(&mut federation).await;
    let writes = bench.aws.take_writes();
    assert_eq!(writes, [format!("PutObject {JWKS}"), "AddClientID".to_owned()]);
}

#[tokio::test]
async fn a_copy_that_was_objected_to_stops_and_deletes_nothing_unless_somebody_claims() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), ELSEWHERE);
    bench.end(&mut federation, Reason::ClusterCopied, "may be a copy").await;
    overmark(&bench, "objection");
    bench.aws.take_writes();
    let stopped = bench
        .end(&mut federation, Reason::ClusterCopied, "this is the copy")
        .await;
    let refused = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ClusterCopied);
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
    claim(&mut federation, &stopped);
    assert_eq!(bench.cleanup(&federation).await, Ok(()));
    assert!(bench.aws.object(JWKS).is_none());
}

#[tokio::test]
async fn a_deletion_right_after_a_start_finds_anothers_mark_and_stops() {
    let (bench, federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), HERE);
    overmark(&bench, "another");
    let refused = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ClusterCopied);
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}
