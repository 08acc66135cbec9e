//! The AWS double as a process: starts one, seeds it, prints where it is as one line of JSON, runs until it is told to
//! stop (SIGTERM, SIGINT).

use std::{error::Error, io::Write as _, path::PathBuf, process::ExitCode};

use clap::Parser;
use irsa_testkit::aws::{AwsDouble, Credentials, s3::BucketOptions};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

/// Starts an AWS double (S3, IAM, STS) on 127.0.0.1 and prints one line of JSON: the proxy's URL, the CA bundle, the
/// credentials, and the environment for a client.
#[derive(Debug, Parser)]
#[command(name = "aws-double", version)]
struct Arguments {
    /// The account to seed, twelve digits.
    #[arg(long, default_value = "123456789012", value_parser = account)]
    account: String,
    /// Region of the buckets, and of the printed environment.
    #[arg(long, default_value = "eu-central-1")]
    region: String,
    /// A bucket of the account, as CreateBucket makes it (Block Public Access on). May be given several times.
    #[arg(long = "bucket", value_name = "NAME")]
    buckets: Vec<String>,
    /// Put an object: BUCKET/KEY=TEXT. May be given several times.
    #[arg(long = "object", value_name = "BUCKET/KEY=TEXT", value_parser = object)]
    objects: Vec<SeededObject>,
    /// Switch BlockPublicPolicy and RestrictPublicBuckets off for the buckets, so that a bucket policy may be public.
    #[arg(long)]
    allow_public_policies: bool,
    /// A user of the account; its credentials are printed instead of root's.
    #[arg(long, requires = "policy", value_name = "NAME")]
    user: Option<String>,
    /// The user's identity policy, a JSON file.
    #[arg(long, requires = "user", value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Port of the proxy; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[derive(Debug, Clone)]
struct SeededObject {
    bucket: String,
    key: String,
    text: String,
}

fn account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "an account has twelve digits".to_owned())
}

fn object(text: &str) -> Result<SeededObject, String> {
    let parts = text
        .split_once('/')
        .and_then(|(bucket, rest)| Some((bucket, rest.split_once('=')?)));
    let (bucket, (key, text)) = parts.ok_or_else(|| "write BUCKET/KEY=TEXT".to_owned())?;
    Ok(SeededObject {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        text: text.to_owned(),
    })
}

/// Seeds the account. The credentials are the user's, or root's when no user is wanted.
fn seed(aws: &AwsDouble, arguments: &Arguments) -> Result<Credentials, Box<dyn Error>> {
    let account = aws.account(&arguments.account);
    for bucket in &arguments.buckets {
        let mut options = BucketOptions::in_region(&arguments.region);
        if arguments.allow_public_policies
            && let Some(block) = &mut options.public_access_block
        {
            block.block_public_policy = false;
            block.restrict_public_buckets = false;
        }
        account.create_bucket(bucket, options);
    }
    for SeededObject { bucket, key, text } in &arguments.objects {
        if !aws.put_object(bucket, key, text.clone()) {
            return Err(format!("object {key}: there is no bucket {bucket}").into());
        }
    }
    match (&arguments.user, &arguments.policy) {
        (Some(user), Some(file)) => {
            let policy = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok(account.create_user(user, &policy)?)
        }
        _ => Ok(account.root_credentials()),
    }
}

fn description(aws: &AwsDouble, arguments: &Arguments, credentials: &Credentials) -> Value {
    let env: serde_json::Map<_, _> = aws
        .env(credentials, &arguments.region)
        .into_iter()
        .map(|(name, value)| (name, Value::from(value)))
        .collect();
    json!({
        "proxyUrl": aws.proxy_url(),
        "caBundle": aws.ca_bundle(),
        "account": arguments.account,
        "region": arguments.region,
        "credentials": {
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key,
        },
        "env": env,
    })
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // Listened for before anything is printed: whoever reads the line may stop us at once.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let aws = AwsDouble::builder().proxy_port(arguments.port).start().await?;
    let credentials = seed(&aws, arguments)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", description(&aws, arguments, &credentials))?;
    out.flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    aws.shutdown();
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aws-double: {error}");
            ExitCode::FAILURE
        }
    }
}
