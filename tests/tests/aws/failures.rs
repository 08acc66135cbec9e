//! What goes wrong on the way: its class, how often it was tried, and that it ends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use irsa_aws::{Connect, IdentityProviders, Kind, Operation, Proxy, SdkConnect};
use irsa_testkit::aws::{AwsError, Fault, FaultRule};
use irsa_tests::world::{ACCOUNT, ISSUER};
use tokio::{io::AsyncReadExt as _, net::TcpListener, time::timeout};

use crate::bench::{Bench, here};

fn provider_arn() -> String {
    format!(
        "arn:aws:iam::{ACCOUNT}:oidc-provider/{}",
        ISSUER.trim_start_matches("https://")
    )
}

const READ: &str = "iam:GetOpenIDConnectProvider";

fn operation() -> Operation {
    Operation::of_action(READ.trim_start_matches("iam:")).unwrap()
}

#[tokio::test]
async fn every_fault_has_its_class_and_ends_in_time_and_every_attempt_is_counted() {
    let error = |status, code| Fault::ErrorBefore(AwsError::new(status, code, "provoked"));
    for (what, fault, kind) in [
        ("throttled", error(400, "Throttling"), Kind::Throttled),
        ("failing", error(500, "ServiceFailure"), Kind::Unavailable),
        ("hanging", Fault::Hang, Kind::Unavailable),
        ("cut", Fault::CutBefore, Kind::Unavailable),
        ("refused", error(403, "AccessDenied"), Kind::AccessDenied),
    ] {
        let bench = Bench::start().await;
        let sdk = bench.sdk();
        let aws = sdk.connect(&here()).await.unwrap();
        bench.double.add_fault(FaultRule::new(READ, usize::MAX, fault));
        let mark = bench.double.mark();
        let arn = provider_arn();
        let answer = timeout(Duration::from_secs(30), aws.provider(&arn)).await;
        let refused = answer.unwrap_or_else(|_| panic!("{what}: never ends")).unwrap_err();
        assert_eq!(refused.kind(), kind, "{what}: {refused}");
        assert_eq!(refused.operation, READ, "{what}");
        bench.tells_no_secret(&refused);
        let seen = bench.double.since(mark).len() as u64;
        let counted = sdk.attempts().of(operation());
        assert_eq!(counted, seen, "{what}: counted and seen by AWS");
        assert!(kind == Kind::AccessDenied || counted > 1, "{what} was tried once only");
    }
}

#[tokio::test]
async fn an_attempt_ends_at_its_own_time_limit_and_the_call_goes_on_with_another() {
    let bench = Bench::start().await;
    let mut settings = bench.settings();
    settings.timeouts.read = Duration::from_mins(10);
    settings.timeouts.attempt = Duration::from_secs(1);
    settings.timeouts.operation = Duration::from_mins(10);
    let sdk = SdkConnect::new(settings).unwrap();
    let aws = sdk.connect(&here()).await.unwrap();
    bench.double.add_fault(FaultRule::new(READ, 1, Fault::Hang));
    let arn = provider_arn();
    let answer = timeout(Duration::from_secs(30), aws.provider(&arn)).await;
    assert_eq!(answer.expect("never ends").unwrap(), None);
    assert_eq!(sdk.attempts().of(operation()), 2);
}

#[tokio::test]
async fn a_call_ends_at_its_own_time_limit_however_long_an_attempt_may_take() {
    let bench = Bench::start().await;
    let mut settings = bench.settings();
    settings.timeouts.read = Duration::from_mins(10);
    settings.timeouts.attempt = Duration::from_mins(10);
    settings.timeouts.operation = Duration::from_secs(2);
    let aws = SdkConnect::new(settings).unwrap().connect(&here()).await.unwrap();
    bench.double.add_fault(FaultRule::new(READ, usize::MAX, Fault::Hang));
    let arn = provider_arn();
    let answer = timeout(Duration::from_mins(2), aws.provider(&arn)).await;
    let refused = answer.expect("never ends").unwrap_err();
    assert_eq!((refused.kind(), refused.code.as_str()), (Kind::Unavailable, "Timeout"));
}

#[tokio::test]
async fn a_fault_that_passes_is_ridden_out() {
    let bench = Bench::start().await;
    let sdk = bench.sdk();
    let aws = sdk.connect(&here()).await.unwrap();
    bench.double.add_fault(FaultRule::new(READ, 1, Fault::CutBefore));
    assert_eq!(aws.provider(&provider_arn()).await.unwrap(), None);
    assert_eq!(sdk.attempts().of(operation()), 2);
}

/// A proxy that hangs up: its address, and what it was asked for.
async fn dead_proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut head = vec![0; 64];
            let length = connection.read(&mut head).await.unwrap_or_default();
            let line = String::from_utf8_lossy(&head[..length]).into_owned();
            noted.lock().unwrap().push(line);
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_and_a_dead_proxy_are_no_answer() {
    let bench = Bench::start().await;
    let mut untrusting = bench.settings();
    untrusting.ca_bundle = None;
    let (proxy, asked) = dead_proxy().await;
    let mut lost = bench.settings();
    lost.proxy = Proxy::Url(proxy);
    for settings in [untrusting, lost] {
        let refused = SdkConnect::new(settings).unwrap().connect(&here()).await.err().unwrap();
        assert_eq!(refused.kind(), Kind::Unavailable, "{refused}");
        bench.tells_no_secret(&refused);
    }
    assert!(bench.double.requests().is_empty(), "nothing went past the proxy");
    let asked = asked.lock().unwrap().clone();
    assert!(!asked.is_empty(), "the proxy was not even asked");
    assert!(asked.iter().all(|line| line.starts_with("CONNECT sts.")), "{asked:?}");
}
