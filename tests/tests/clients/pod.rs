//! Programs that run as pods would: `tests/clients/pod.py` makes the network and the files.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use irsa_tests::world::{DATA_BUCKET, PodIdentity, REGION, World, pods::variable, repository};

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// A program that lists the bucket that is its last argument, and prints the keys as JSON.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    command: Vec<String>,
}

/// The clients, as `hack/clients.sh` installed them.
pub(crate) fn clients() -> Vec<Client> {
    let installed = output(&mut Command::new(repository().join("hack/clients.sh")));
    let installed = PathBuf::from(installed.unwrap().trim());
    let python = python();
    let script = |name: &str| repository().join("tests/clients/python").join(name);
    let client = |name, command: &[&Path]| Client {
        name,
        command: command.iter().map(|part| part.to_str().unwrap().to_owned()).collect(),
    };
    vec![
        client("boto3", &[&python, &script("list_with_boto3.py")]),
        client("JavaScript v3", &[Path::new("node"), &installed.join("node/list.mjs")]),
        client("Go v2", &[&installed.join("list_with_go")]),
        client("Rust", &[Path::new(env!("CARGO_BIN_EXE_list_with_rust"))]),
        client("pyarrow", &[&python, &script("list_with_pyarrow.py")]),
    ]
}

fn python() -> PathBuf {
    let script = repository().join("crates/testkit/python/venv.sh");
    output(Command::new(script).arg("clients")).unwrap().trim().into()
}

/// What a command prints, or what it complains of.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// A pod as admission left it, with its token.
pub(crate) struct Pod {
    pub(crate) name: String,
    /// The variables of its container, as the kubelet would resolve them.
    pub(crate) environment: Vec<(String, String)>,
    proxy: String,
    ca: PathBuf,
    token: PathBuf,
    token_path: String,
}

impl Pod {
    pub(crate) fn of(world: &World, identity: &PodIdentity) -> Self {
        let token_path = variable(&identity.pod, TOKEN_FILE).unwrap().to_owned();
        let in_the_pod = |(name, value): (String, String)| match name.as_str() {
            TOKEN_FILE => (name, token_path.clone()),
            _ => (name, value),
        };
        Self {
            name: identity.pod["metadata"]["name"].as_str().unwrap().to_owned(),
            environment: identity.variables().into_iter().map(in_the_pod).collect(),
            proxy: world.aws.proxy_url(),
            ca: world.aws.ca_bundle().to_owned(),
            token: identity.token_file().to_owned(),
            token_path,
        }
    }

    /// Runs a client as this pod with these variables: what it found, or what it complains of.
    pub(crate) fn run(
        &self,
        client: &Client,
        environment: &[(String, String)],
        bucket: &str,
    ) -> Result<String, String> {
        let command: Vec<&str> = client.command.iter().map(String::as_str).chain([bucket]).collect();
        self.execute(environment, &command)
    }

    /// Runs Python as this pod.
    pub(crate) fn python(&self, arguments: &[&str]) -> Result<String, String> {
        let python = python();
        let command: Vec<&str> = [python.to_str().unwrap()].iter().chain(arguments).copied().collect();
        self.execute(&self.environment, &command)
    }

    fn execute(&self, environment: &[(String, String)], command: &[&str]) -> Result<String, String> {
        let mut pod = Command::new("python3");
        pod.arg(repository().join("tests/clients/pod.py"));
        pod.args(["--proxy", &self.proxy, "--token-path", &self.token_path]);
        pod.arg("--ca").arg(&self.ca).arg("--token").arg(&self.token);
        for host in hosts() {
            pod.args(["--host", &host]);
        }
        pod.arg("--");
        // A company's CA, as any pod behind TLS inspection has to be told of it.
        for name in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            pod.arg(format!("{name}={}", self.ca.display()));
        }
        for (name, value) in environment {
            pod.arg(format!("{name}={value}"));
        }
        output(pod.args(command))
    }
}

/// The names that AWS's name servers know of what the clients may ask for: S3 and STS, in the region and in the one that they fall
/// back to.
fn hosts() -> Vec<String> {
    let of = |domain: &str| {
        let s3 = format!("s3.{domain}");
        [format!("sts.{domain}"), format!("{DATA_BUCKET}.{s3}"), s3]
    };
    let domains = ["amazonaws.com".to_owned()]
        .into_iter()
        .chain([REGION, "us-east-1"].map(|region| format!("{region}.amazonaws.com")));
    domains.flat_map(|domain| of(&domain)).collect()
}
