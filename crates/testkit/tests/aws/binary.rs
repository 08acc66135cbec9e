//! The double as a process.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A process that ends with the test, however the test ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Process, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_aws-double"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (Process(child), line)
}

#[test]
fn it_prints_one_line_serves_what_was_seeded_and_stops_on_sigterm() {
    let mut policy = tempfile::NamedTempFile::new().unwrap();
    policy
        .write_all(
            br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#,
        )
        .unwrap();
    let policy_file = policy.path().to_str().unwrap();
    let (mut process, line) = start(&[
        "--account",
        "111122223333",
        "--bucket",
        "data",
        "--object",
        "data/hello.txt=hi there",
        "--user",
        "demo",
        "--policy",
        policy_file,
    ]);
    let told: Value = serde_json::from_str(&line).unwrap();
    let env = told["env"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    assert_eq!(told["env"]["HTTPS_PROXY"], told["proxyUrl"]);
    assert!(Path::new(told["caBundle"].as_str().unwrap()).exists());

    let code = "import boto3\n\
                print(boto3.client('s3').get_object(Bucket='data', Key='hello.txt')['Body'].read().decode())\n\
                print(boto3.client('sts').get_caller_identity()['Arn'])";
    let output = Command::new(super::python::python())
        .args(["-c", code])
        .env_clear()
        .envs(env)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "hi there\narn:aws:iam::111122223333:user/demo\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let pid = process.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "still running");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success());
    assert!(
        !Path::new(told["caBundle"].as_str().unwrap()).exists(),
        "nothing is left behind"
    );
}

#[test]
fn it_refuses_what_it_cannot_seed() {
    for arguments in [
        &["--account", "1"][..],
        &["--object", "nowhere/k=v"],
        &["--user", "demo"],
        &["--object", "x"],
    ] {
        let (mut process, line) = start(arguments);
        assert_eq!(line, "", "{arguments:?}");
        assert!(!process.0.wait().unwrap().success(), "{arguments:?}");
    }
}
