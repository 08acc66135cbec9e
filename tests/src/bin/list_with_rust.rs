//! Lists a bucket with the AWS SDK for Rust as it comes, and says what it found: `list_with_rust BUCKET`.

use std::{env, process::ExitCode};

use aws_config::BehaviorVersion;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

#[tokio::main]
async fn main() -> ExitCode {
    // The SDK's own HTTP client with the system's trust store; only its default cryptography is another, which this workspace bans.
    let client = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .load()
        .await;
    let bucket = env::args().nth(1).unwrap_or_default();
    let listed = aws_sdk_s3::Client::new(&config)
        .list_objects_v2()
        .bucket(bucket)
        .send()
        .await;
    match listed {
        Ok(answer) => {
            let keys: Vec<_> = answer.contents().iter().filter_map(|object| object.key()).collect();
            println!("{}", serde_json::json!(keys));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", DisplayErrorContext(error));
            ExitCode::FAILURE
        }
    }
}
