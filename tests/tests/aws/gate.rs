//! The question whether this process may write, asked for each attempt.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use irsa_aws::{
    AwsError, Connect, DocumentStore, Operation, Precondition, Rate, Roles, SdkAws, SdkConnect, WriteGate, gate::Closed,
};
use irsa_testkit::aws::{AwsError as WireError, Fault, FaultRule};
use irsa_tests::world::ISSUER;
use tokio::time::Instant;

use crate::bench::{Bench, document, here, jwks};

const WRITE: &str = "iam:DetachRolePolicy";

/// Open for the first `times` attempts.
fn open_for_attempts(times: usize) -> (WriteGate, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let gate = WriteGate::new(move || {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        if before < times { Ok(None) } else { Err(Closed) }
    });
    (gate, asked)
}

async fn connected(bench: &Bench, gate: WriteGate, rate: Rate) -> (SdkConnect, SdkAws) {
    let mut settings = bench.settings();
    settings.gate = gate;
    settings.rate = rate;
    let sdk = SdkConnect::new(settings).unwrap();
    let aws = sdk.connect(&here()).await.unwrap();
    (sdk, aws)
}

/// One that the operator may look at, and that does not exist.
fn role() -> String {
    format!("irsa-{}-nobody", irsa_core::naming::federation_id(ISSUER))
}

/// A write that changes nothing: the role does not exist.
async fn write(aws: &SdkAws) -> Result<(), AwsError> {
    let arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    aws.detach_policy(&role(), arn).await
}

fn arrived(bench: &Bench) -> usize {
    let requests = bench.double.requests();
    requests.iter().filter(|entry| entry.operation == WRITE).count()
}

#[tokio::test]
async fn behind_a_closed_gate_nothing_is_written_and_everything_can_be_read() {
    let bench = Bench::start().await;
    let (gate, asked) = open_for_attempts(0);
    let (sdk, aws) = connected(&bench, gate, Rate::default()).await;
    let refused = write(&aws).await.unwrap_err();
    assert_eq!(refused.code, "NotLeader", "{refused}");
    let put = aws
        .put_document(&jwks(), &document("{}"), &Precondition::IfAbsent)
        .await;
    assert_eq!(put.unwrap_err().code, "NotLeader");
    assert_eq!(asked.load(Ordering::Relaxed), 2, "one attempt each");
    assert_eq!(aws.role(&role()).await.unwrap(), None);
    assert!(
        bench
            .double
            .requests()
            .iter()
            .all(|entry| entry.access == irsa_testkit::aws::Access::Read)
    );
    assert_eq!(
        sdk.attempts().of(Operation::DetachRolePolicy),
        0,
        "what is not sent is not counted"
    );
}

#[tokio::test]
async fn every_retry_of_the_sdk_asks_again() {
    let bench = Bench::start().await;
    let failing = Fault::ErrorBefore(WireError::new(500, "ServiceFailure", "provoked"));
    bench.double.add_fault(FaultRule::new(WRITE, usize::MAX, failing));
    let (gate, asked) = open_for_attempts(1);
    let (_, aws) = connected(&bench, gate, Rate::default()).await;
    assert_eq!(write(&aws).await.unwrap_err().code, "NotLeader");
    assert_eq!((arrived(&bench), asked.load(Ordering::Relaxed)), (1, 2));
}

#[tokio::test]
async fn a_write_that_waited_in_the_limiters_queue_is_asked_at_its_end() {
    let bench = Bench::start().await;
    let open = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&open);
    let gate = WriteGate::new(move || {
        if switch.load(Ordering::Relaxed) {
            Ok(None)
        } else {
            Err(Closed)
        }
    });
    // One at once, the next two seconds later.
    let rate = Rate {
        per_second: 0.5,
        burst: 1.0,
    };
    let (_, aws) = connected(&bench, gate, rate).await;
    aws.role(&role()).await.unwrap();
    let waiting = tokio::spawn(async move { write(&aws).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    open.store(false, Ordering::Relaxed);
    assert_eq!(waiting.await.unwrap().unwrap_err().code, "NotLeader");
    assert_eq!(arrived(&bench), 0);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_given_up_when_the_gate_closes() {
    let bench = Bench::start().await;
    bench.double.add_fault(FaultRule::new(WRITE, usize::MAX, Fault::Hang));
    let until = Instant::now() + Duration::from_millis(800);
    let gate = WriteGate::new(move || {
        if Instant::now() < until {
            Ok(Some(until))
        } else {
            Err(Closed)
        }
    });
    let (_, aws) = connected(&bench, gate, Rate::default()).await;
    assert_eq!(write(&aws).await.unwrap_err().code, "NotLeader");
    assert!(Instant::now() >= until);
    assert_eq!(arrived(&bench), 1);
}
