//! moto, started for one test.

use std::{net::TcpListener, path::PathBuf, process::Command, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use irsa_testkit::controlplane::process::{Launch, Process};
use irsa_tests::world::{Problem, REGION, http_get, repository};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// moto on a port of its own on loopback, with an empty account. Dropping it kills it.
pub(crate) struct Moto {
    process: Process,
    url: String,
    _directory: TempDir,
}

/// The interpreter of moto's environment, which is made where it is missing.
fn python() -> Result<PathBuf, Problem> {
    let script = repository().join("crates/testkit/python/venv.sh");
    let made = Command::new(script).arg("moto").output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into());
    }
    Ok(String::from_utf8(made.stdout)?.trim().into())
}

impl Moto {
    pub(crate) async fn start() -> Result<Self, Problem> {
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let directory = tempfile::tempdir()?;
        let server = python()?.with_file_name("moto_server");
        let arguments = ["-H", "127.0.0.1", "-p"].map(str::to_owned);
        let arguments: Vec<String> = arguments.into_iter().chain([address.port().to_string()]).collect();
        // Otherwise moto knows no policy of AWS's own.
        let environment = [("MOTO_IAM_LOAD_MANAGED_POLICIES".to_owned(), "true".to_owned())];
        let mut process = Process::spawn(&Launch {
            name: "moto",
            directory: directory.path(),
            program: &server,
            arguments: &arguments,
            environment: &environment,
        })?;
        let deadline = Instant::now() + Duration::from_mins(1);
        while http_get(address, "/moto-api/data.json").is_none_or(|(code, _)| code != 200) {
            if process.ended().is_some() || Instant::now() > deadline {
                return Err(format!("moto does not start: {}", process.tail()).into());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Ok(Self {
            process,
            url: format!("http://{address}"),
            _directory: directory,
        })
    }

    /// The variables that lead an SDK here.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variable = |service: &str| (format!("AWS_ENDPOINT_URL_{service}"), self.url.clone());
        ["IAM", "S3", "STS"].map(variable).into()
    }

    /// An administrator's way in. moto checks no signature.
    pub(crate) async fn admin(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&self.url)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new("AKIAADMIN", "secret", None, None, "test"))
            .load()
            .await
    }

    /// What it was asked so far, one line for each request.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}
