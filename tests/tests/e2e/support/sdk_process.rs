//! A pod's program: an unmodified AWS SDK in a process of its own, configured by environment variables alone.
//!
//! The process is this test binary again, started with [`BUCKET`] set, so that no other binary has to be built first.

use std::{env, path::Path};

use aws_config::BehaviorVersion;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_smithy_http_client::proxy::ProxyConfig;
use irsa_testkit::aws::AwsDouble;
use tokio::process::Command;

use irsa_tests::admin::http_client;

/// The bucket that the process lists; also what makes it that process.
const BUCKET: &str = "IRSA_E2E_LIST_BUCKET";
const SUCCESS: &str = "keys: ";

/// Lists `bucket` as the role and token file say, by the SDK's default chain. The keys, or the SDK's whole complaint.
pub(crate) async fn list_bucket(
    aws: &AwsDouble,
    role_arn: &str,
    token_file: &Path,
    bucket: &str,
) -> Result<Vec<String>, String> {
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "support::sdk_process::lists_a_bucket_when_asked_to",
            "--nocapture",
        ])
        .env_clear()
        .envs(aws.env_without_credentials("eu-central-1"))
        .env("AWS_ROLE_ARN", role_arn)
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", token_file)
        .env(BUCKET, bucket)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    match stdout.split_once(SUCCESS) {
        Some((_, keys)) if output.status.success() => {
            let keys = keys.lines().next().unwrap_or_default();
            Ok(keys
                .split(',')
                .filter(|key| !key.is_empty())
                .map(str::to_owned)
                .collect())
        }
        _ => Err(stdout + &String::from_utf8_lossy(&output.stderr)),
    }
}

/// In the child process the pod's program; otherwise the proof that without any credentials it fails.
#[tokio::test]
async fn lists_a_bucket_when_asked_to() {
    let Ok(bucket) = env::var(BUCKET) else {
        let aws = AwsDouble::builder().start().await.unwrap();
        let nowhere = Path::new("/nonexistent/token");
        let complaint = list_bucket(&aws, "arn:aws:iam::123456789012:role/none", nowhere, "none")
            .await
            .unwrap_err();
        assert!(
            complaint.contains("an error occurred while loading credentials"),
            "{complaint}"
        );
        assert!(aws.requests().is_empty());
        return;
    };
    let bundle = std::fs::read(env::var("AWS_CA_BUNDLE").unwrap()).unwrap();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client(&ProxyConfig::from_env(), bundle).unwrap())
        .load()
        .await;
    match aws_sdk_s3::Client::new(&config)
        .list_objects_v2()
        .bucket(bucket)
        .send()
        .await
    {
        Ok(answer) => {
            let keys: Vec<_> = answer.contents().iter().filter_map(|object| object.key()).collect();
            println!("{SUCCESS}{}", keys.join(","));
        }
        Err(error) => panic!("{}", DisplayErrorContext(error)),
    }
}
