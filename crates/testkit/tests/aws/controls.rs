//! What a test may do to the double.

use std::time::{Duration, Instant};

use irsa_testkit::aws::{AwsDouble, AwsError, Credentials, Fault, FaultRule, Service, Throttle};
use jiff::SignedDuration;

use super::{
    client::{Answer, Failure, Request, Signature, connect, send},
    stage::{ACCOUNT, IAM, list_bucket},
};

const TRUST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;

struct Scene {
    aws: AwsDouble,
    root: Credentials,
}

impl Scene {
    async fn new() -> Self {
        let aws = AwsDouble::builder().start().await.unwrap();
        let root = aws.account(ACCOUNT).root_credentials();
        Self { aws, root }
    }

    async fn create(&self, name: &str) -> Result<Answer, Failure> {
        let request = Request::form(
            IAM,
            [
                ("Action", "CreateRole"),
                ("Version", "2010-05-08"),
                ("RoleName", name),
                ("AssumeRolePolicyDocument", TRUST),
            ],
        );
        send(&self.aws, Signature::for_host(&self.root, IAM).sign(request)).await
    }

    fn roles(&self) -> Vec<String> {
        self.aws.account(ACCOUNT).role_names()
    }
}

fn failure() -> AwsError {
    AwsError::new(
        500,
        "ServiceFailure",
        "The request processing has failed because of an unknown error",
    )
}

#[tokio::test]
async fn faults_come_before_or_after_the_effect_and_are_spent() {
    let scene = Scene::new().await;
    scene
        .aws
        .add_fault(FaultRule::new("iam:CreateRole", 1, Fault::ErrorBefore(failure())));
    assert_eq!(scene.create("a").await.unwrap().verdict(), "500 ServiceFailure");
    assert_eq!(scene.roles(), [""; 0]);
    scene
        .aws
        .add_fault(FaultRule::new("iam:*", 1, Fault::ErrorAfter(failure())));
    assert_eq!(scene.create("a").await.unwrap().verdict(), "500 ServiceFailure");
    assert_eq!(scene.roles(), ["a"]);
    scene
        .aws
        .add_fault(FaultRule::new("iam:CreateRole", 1, Fault::CutBefore));
    assert!(scene.create("b").await.is_err());
    assert_eq!(scene.roles(), ["a"]);
    scene
        .aws
        .add_fault(FaultRule::new("iam:CreateRole", 1, Fault::CutAfter));
    assert!(scene.create("b").await.is_err());
    assert_eq!(scene.roles(), ["a", "b"]);
    assert_eq!(
        scene.create("c").await.unwrap().verdict(),
        "200",
        "all faults are spent"
    );
}

#[tokio::test]
async fn a_hanging_call_never_answers_and_a_delayed_one_does() {
    let scene = Scene::new().await;
    scene
        .aws
        .add_fault(FaultRule::new("iam:CreateRole", 1, Fault::Hang).on("a"));
    assert!(
        tokio::time::timeout(Duration::from_millis(300), scene.create("a"))
            .await
            .is_err()
    );
    let hung = scene.aws.requests().pop().unwrap();
    assert_eq!((hung.operation.as_str(), hung.status), ("iam:CreateRole", None));
    assert_eq!(scene.roles(), [""; 0]);
    scene.aws.add_fault(FaultRule::new(
        "iam:CreateRole",
        1,
        Fault::Delay(Duration::from_millis(200)),
    ));
    let started = Instant::now();
    assert_eq!(scene.create("a").await.unwrap().verdict(), "200");
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_throttled_account_is_told_the_rate_and_recovers_with_time() {
    let scene = Scene::new().await;
    scene.aws.set_throttle(
        Service::Iam,
        Some(Throttle {
            per_second: 0.001,
            burst: 2.0,
        }),
    );
    scene.aws.set_throttle(
        Service::S3,
        Some(Throttle {
            per_second: 0.001,
            burst: 0.0,
        }),
    );
    for want in ["200", "200", "400 Throttling"] {
        let name = want.replace(' ', "");
        let answer = scene.create(&format!("{name}{}", scene.roles().len())).await.unwrap();
        assert_eq!(answer.verdict(), want, "{}", answer.body);
    }
    assert_eq!(scene.roles().len(), 2);
    assert_eq!(
        send(&scene.aws, list_bucket("data")).await.unwrap().verdict(),
        "503 SlowDown"
    );
    scene.aws.set_throttle(Service::Iam, None);
    assert_eq!(scene.create("more").await.unwrap().verdict(), "200");
}

#[tokio::test]
async fn a_stopped_service_refuses_new_connections_and_cuts_open_ones() {
    use tokio::io::AsyncReadExt as _;
    let scene = Scene::new().await;
    let mut open = connect(&scene.aws, IAM).await.unwrap();
    scene.aws.stop(Service::Iam);
    let ended = tokio::time::timeout(Duration::from_secs(5), open.read_u8())
        .await
        .expect("cut");
    assert!(ended.is_err());
    assert!(scene.create("a").await.unwrap_err().to_string().contains("502"));
    assert!(
        connect(&scene.aws, "sts.amazonaws.com").await.is_ok(),
        "other services are up"
    );
    scene.aws.start(Service::Iam);
    assert_eq!(scene.create("a").await.unwrap().verdict(), "200");
}

#[tokio::test]
async fn latency_and_the_clock_are_settable() {
    let scene = Scene::new().await;
    scene.aws.set_latency(Service::Iam, Duration::from_millis(150));
    let started = Instant::now();
    assert_eq!(scene.create("a").await.unwrap().verdict(), "200");
    assert!(started.elapsed() >= Duration::from_millis(150));
    scene.aws.clock().advance(SignedDuration::from_mins(20));
    let answer = scene.create("b").await.unwrap();
    assert_eq!(
        answer.verdict(),
        "403 SignatureDoesNotMatch",
        "the client's clock is 20 minutes behind now"
    );
    assert!(answer.body.contains("Signature expired: "), "{}", answer.body);
    let date = answer.headers["date"].to_str().unwrap().to_owned();
    let ahead = jiff::Timestamp::now() + SignedDuration::from_mins(19);
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(&date)
        .unwrap();
    assert!(date > ahead, "SDKs correct their clock by the Date header");
}
