//! A server that is not AWS, where `AWS_ENDPOINT_URL*` sends the calls: whatever it says, nothing counts as done, and
//! nothing is blamed on a spec or a policy.

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use irsa_aws::{AwsError, Connect, DocumentStore, Kind, Lookup, Precondition, Proxy, Roles, SdkConnect, Settings};
use irsa_tests::world::REGION;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
};

use crate::bench::{Bench, bucket, document, here, jwks};

/// Makes this binary, started again, the process whose environment names the stranger.
const ASK: &str = "IRSA_ANYWHERE_ASK_A_STRANGER";

/// Answers every request with the same text, until the test ends.
async fn stranger(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer));
        }
    });
    address
}

/// One request to its end, then the answer; the connection is closed behind it.
async fn serve(mut stream: TcpStream, answer: &str) -> Option<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        request.extend_from_slice(chunk.get(..read)?);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                break;
            }
        }
    }
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// The process that asks, with nothing else in its environment.
fn asker(bench: &Bench) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "strangers::asks_when_told_to", "--nocapture"])
        .env_clear()
        .env(ASK, "1")
        .env("AWS_ACCESS_KEY_ID", &bench.credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &bench.credentials.secret_access_key)
        .env("AWS_CA_BUNDLE", bench.double.ca_bundle())
        .env("AWS_REGION", REGION)
        .kill_on_drop(true);
    command
}

/// What another process gets that has these endpoints in its environment: a line for each call.
async fn ask(bench: &Bench, endpoints: &[&str], at: SocketAddr) -> Vec<String> {
    let mut command = asker(bench);
    command.env("HTTPS_PROXY", bench.double.proxy_url());
    for name in endpoints {
        command.env(name, format!("http://{at}"));
    }
    told(command).await
}

/// What it says, a line for each call.
async fn told(mut command: Command) -> Vec<String> {
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines()
        .filter_map(|line| line.strip_prefix("> "))
        .map(str::to_owned)
        .collect()
}

/// The process itself; does nothing unless told to.
#[tokio::test]
async fn asks_when_told_to() {
    if env::var_os(ASK).is_none() {
        return;
    }
    let settings = Settings {
        proxy: Proxy::FromEnvironment,
        ..Settings::default()
    };
    println!();
    let tell = |what: &str, error: Option<AwsError>| match error {
        None => println!("> {what}: done"),
        Some(error) => println!("> {what}: {:?} {error}", error.kind()),
    };
    let aws = match SdkConnect::new(settings).unwrap().connect(&here()).await {
        Ok(aws) => aws,
        Err(error) => return tell("connect", Some(error)),
    };
    tell("role", aws.role("app").await.err());
    tell("untag", aws.untag_role("app", &["a".to_owned()]).await.err());
    tell("trust", aws.update_trust_policy("app", "{}").await.err());
    let read = match aws.document(&jwks()).await {
        Ok(Lookup::MissingOrForbidden(error)) => Some(error),
        read => read.err(),
    };
    tell("document", read);
    let put = aws
        .put_document(&jwks(), &document("{}"), &Precondition::IfAbsent)
        .await;
    tell("put", put.err());
    tell("policy", aws.bucket_policy(&bucket()).await.err());
    tell("put policy", aws.put_bucket_policy(&bucket(), "{}").await.err());
}

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nserver: portal\r\ncontent-length: 19\r\nconnection: close\r\n\r\n<html>Log in</html>";
const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const NOT_ALLOWED: &str =
    "HTTP/1.1 405 Method Not Allowed\r\ncontent-type: text/plain\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";
const TOO_LARGE: &str =
    "HTTP/1.1 413 Payload Too Large\r\ncontent-type: text/html\r\ncontent-length: 5\r\nconnection: close\r\n\r\n<p>no";
const ELSEWHERE: &str =
    "HTTP/1.1 301 Moved\r\nlocation: https://portal.invalid/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const FORBIDDEN: &str =
    "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\ncontent-length: 5\r\nconnection: close\r\n\r\n<p>no";

#[tokio::test]
async fn whatever_a_server_that_is_not_aws_says_nothing_is_done_and_the_endpoint_is_blamed() {
    let bench = Bench::start().await;
    for (answer, status) in [
        (PAGE, "200 with text/html from portal"),
        (BARE, "400 without a content type"),
        (NOT_ALLOWED, "405 with text/plain"),
        (TOO_LARGE, "413 with text/html"),
        (ELSEWHERE, "301 without a content type"),
        (FORBIDDEN, "403 with text/html"),
    ] {
        let at = stranger(answer).await;
        let sts = ask(&bench, &["AWS_ENDPOINT_URL"], at).await;
        assert_eq!(sts.len(), 1, "{sts:?}");
        let others = ask(&bench, &["AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_S3"], at).await;
        assert_eq!(others.len(), 7, "{others:?}");
        for (line, service) in sts.iter().map(|line| (line, "STS")).chain(
            others
                .iter()
                .enumerate()
                .map(|(at, line)| (line, if at < 3 { "IAM" } else { "S3" })),
        ) {
            assert!(line.contains(&format!(": {:?} ", Kind::NotAws)), "{status}: {line}");
            assert!(line.contains(status), "{status}: {line}");
            assert!(line.contains(&format!("no answer of {service}'s")), "{status}: {line}");
        }
    }
}

/// How many connections come to a server on this host where every proxy that the environment names is dead.
async fn connections(bench: &Bench, scheme: &str, no_proxy: Option<&str>) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut command = asker(bench);
    for name in ["HTTPS_PROXY", "HTTP_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    command.env("AWS_ENDPOINT_URL", format!("{scheme}://{at}"));
    if let Some(hosts) = no_proxy {
        command.env("NO_PROXY", hosts);
    }
    let lines = told(command).await;
    server.abort();
    assert!(
        lines.len() == 1 && lines[0].starts_with("connect: Unavailable"),
        "{lines:?}"
    );
    count.load(Ordering::Relaxed)
}

#[tokio::test]
async fn what_no_proxy_names_is_asked_without_the_proxy_and_nothing_else_is() {
    let bench = Bench::start().await;
    for scheme in ["https", "http"] {
        for (no_proxy, direct) in [
            (Some("127.0.0.1"), true),
            (Some("example.com,127.0.0.1"), true),
            (Some("example.com"), false),
            (None, false),
        ] {
            let arrived = connections(&bench, scheme, no_proxy).await;
            assert_eq!(arrived > 0, direct, "{scheme}, NO_PROXY={no_proxy:?}: {arrived}");
        }
    }
}
