//! An unmodified boto3 gets the same answers as the raw client.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use irsa_testkit::aws::s3::BucketOptions;
use serde_json::{Value, json};

use super::{
    stage::{ACCOUNT, REGION, ROLE, SITE, Stage},
    web_identity::tokens::{TOKENS, token_of},
};

/// The interpreter of the environment that has boto3.
pub(crate) fn python() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/venv.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "no Python environment");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn answers(python: &str, stage: &Stage, given: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/answers.py");
    let mut child = Command::new(python)
        .arg(script)
        .env_clear()
        .envs(stage.aws.env(&stage.root, REGION))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(given.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "boto3 failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn boto3_is_answered_as_the_raw_client_is() {
    // Before the tokens: on a fresh machine it is made first, for longer than some of them live.
    let python = python();
    let stage = Stage::with_site().await;
    stage
        .aws
        .account(ACCOUNT)
        .create_bucket("data", BucketOptions::in_region(REGION));
    stage.allow("s3:ListBucket", "arn:aws:s3:::data").await;
    let tokens: BTreeMap<_, _> = TOKENS
        .iter()
        .map(|(name, change, ..)| (*name, token_of(&stage, *change)))
        .collect();
    let found = answers(
        &python,
        &stage,
        &json!({"role": ROLE, "bucket": "data", "tokens": tokens}),
    );

    let mut compared = 0;
    for (name, token) in &tokens {
        if (4..=20_000).contains(&token.len()) {
            let raw = stage.assume(token).await.verdict();
            assert_eq!(found["tokens"][name], raw.as_str(), "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, TOKENS.len() - 2);
    assert_eq!(
        found["calls"],
        json!({
            "GetCallerIdentity": "200",
            "GetRole": "200",
            "GetRole of none": "404 NoSuchEntity",
            "PutObject": "200",
            "PutObject once": "200",
            "PutObject twice": "412 PreconditionFailed",
            "GetObject": "200",
            "GetObject of none": "404 NoSuchKey",
            "HeadObject of none": "404 404",
            "another owner": "403 AccessDenied",
            "pod writes": "403 AccessDenied",
            "pod reads IAM": "403 AccessDenied",
        })
    );
    assert_eq!(
        found["federated"],
        format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{SITE}")
    );
    assert_eq!(found["body"], "hello");
    assert_eq!(found["pod"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/app"));
    assert_eq!(found["keys"], json!(["a b/ü", "k"]));
    let by_boto: Vec<_> = stage
        .aws
        .requests()
        .into_iter()
        .filter(|entry| entry.user_agent.contains("Boto3/"))
        .collect();
    assert!(by_boto.len() > 40);
}
