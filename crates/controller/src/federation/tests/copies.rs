//! A cluster of which there may be two.

use irsa_core::{
    digest::sha256_hex,
    history::KeyRecord,
    instance::{Instance, Phase},
    vocabulary::{CLAIM, OBJECT_METADATA_INSTANCE},
};

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

/// Somebody who can write the object puts this on it.
fn relabel(bench: &Bench, label: &str) {
    bench.aws.world(|world| {
        let object = world.objects.get_mut(JWKS).unwrap();
        object
            .metadata
            .insert(OBJECT_METADATA_INSTANCE.to_owned(), label.to_owned());
    });
}

/// Another instance, which has our record, too, writes a mark of its own over ours: the next one after that on the object.
fn overmark(bench: &Bench) -> String {
    let record = KeyRecord::from_json(&bench.cluster.record().unwrap().to_string()).unwrap();
    let number = mark(bench)
        .get(..8)
        .map(|number| u32::from_str_radix(number, 16).unwrap());
    let other = Instance {
        mark: format!("{:08x}{:016x}", number.unwrap() + 1, 7),
        phase: Phase::Alone,
        ..record.instance.unwrap()
    };
    let label = other.label("5b1c/default", &bench.aws.object(JWKS).unwrap().bytes);
    relabel(bench, &label);
    label
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
    let challenge = overmark(&bench);
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
    assert_ne!(mark(&bench), challenge);
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
async fn keys_that_the_original_publishes_meanwhile_are_in_its_status_and_nobody_is_accused_of_them() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), HERE);
    overmark(&bench);
    for kids in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
        let keys: Vec<Value> = kids.iter().map(|kid| key(kid)).collect();
        bench.cluster.serve(vec![server(ISSUER, &keys)]);
        bench.end(&mut federation, Reason::ClusterCopied, "there").await;
        assert_eq!(bench.published_kids(), kids);
        let status = federation.status.as_ref().unwrap();
        let jwks = &status.published.as_ref().unwrap().jwks;
        let object = bench.aws.object(JWKS).unwrap();
        assert_eq!(
            (&jwks.sha256, jwks.etag.as_ref()),
            (&sha256_hex(&object.bytes), Some(&object.etag))
        );
        assert_eq!(status.keys.len(), kids.len());
        assert_eq!(status.published_keys, u32::try_from(kids.len()).ok());
        assert_eq!(
            condition(&federation, "PubliclyReadable"),
            ("True", "Succeeded"),
            "{kids:?}"
        );
    }
    assert_eq!(bench.told(), Vec::<String>::new());
}

#[tokio::test]
async fn a_copy_that_was_objected_to_stops_and_deletes_nothing_unless_somebody_claims() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), ELSEWHERE);
    bench.end(&mut federation, Reason::ClusterCopied, "may be a copy").await;
    overmark(&bench);
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
    overmark(&bench);
    let refused = bench.cleanup(&federation).await.unwrap_err();
    assert_eq!(refused.reason, Reason::ClusterCopied);
    assert_eq!(bench.aws.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn who_can_merely_write_to_the_bucket_stops_neither_the_repair_nor_the_roles() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), HERE);
    let ours = mark(&bench);
    bench.succeed(&mut federation).await;
    for label in ["M1", "M2", "0000000900000000000000aa.00112233445566778899aabbccddeeff"] {
        relabel(&bench, label);
        federation.metadata.generation = federation.metadata.generation.map(|it| it + 1);
        bench.succeed(&mut federation).await;
        assert_eq!(mark(&bench), ours, "put back");
        assert_eq!(bench.controller.instances.check("default", None).await, Ok(()));
    }
}

#[tokio::test]
async fn forged_keys_are_put_back_and_told_of_by_one_that_was_told_to_stop() {
    let (bench, mut federation) = ready(HERE).await;
    let bench = awake(bench.restarted(), ELSEWHERE);
    bench.end(&mut federation, Reason::ClusterCopied, "may be a copy").await;
    overmark(&bench);
    bench
        .end(&mut federation, Reason::ClusterCopied, "this is the copy")
        .await;
    bench.forget_traces();
    let forged = String::from_utf8(bench.aws.object(JWKS).unwrap().bytes)
        .unwrap()
        .replace("\"a\"", "\"z\"");
    bench.aws.overwrite(JWKS, forged.as_bytes());
    bench
        .end(&mut federation, Reason::ClusterCopied, "this is the copy")
        .await;
    assert_eq!(bench.aws.take_writes(), [format!("PutObject {JWKS}")]);
    assert_eq!(bench.published_kids(), ["a"]);
    assert_eq!(bench.told(), ["DocumentsTampered"]);
    assert!(
        bench.metrics().contains("documents_tampered_total 1"),
        "{}",
        bench.metrics()
    );
}

#[tokio::test]
async fn api_servers_that_could_not_be_read_once_are_read_again_and_nothing_is_changed_meanwhile() {
    let (bench, _) = ready(HERE).await;
    let mut bench = bench.restarted();
    bench.controller.instances = Instances::new(bench.cluster.client(), "irsa".to_owned());
    for (status, expected) in [(503, Some(Reason::ApiServerUnavailable)), (403, None)] {
        bench.cluster.fail_slices(status);
        let checked = bench.controller.instances.check("default", None).await;
        assert_eq!(checked.err().map(|failure| failure.reason), expected, "{status}");
    }
}
