//! The operator as a process.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use irsa_testkit::controlplane::process::{Launch, Process};

use irsa_testkit::{aws::Credentials, controlplane::ApiProxy};

use super::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, Problem, REGION, World, repository};

/// The running operator. Dropping it kills it.
pub struct Operator {
    process: Process,
    probes: SocketAddr,
    token: String,
}

/// How an operator's process differs from another's in the same world.
pub(super) struct Start<'a> {
    /// Where its log is.
    pub(super) directory: &'a Path,
    pub(super) credentials: &'a Credentials,
    /// Its way to the API server, if not the direct one.
    pub(super) proxy: Option<&'a ApiProxy>,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
}

impl Operator {
    pub(super) async fn start(world: &World, start: Start<'_>) -> Result<Self, Problem> {
        let program = binary()?;
        let token = world.cluster.api_token(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
        let kubeconfig = match start.proxy {
            Some(proxy) => world.cluster.kubeconfig_through(proxy, &token)?,
            None => world.cluster.kubeconfig_for_token(&token)?,
        };
        let probes = free_address()?;
        let servers = world.cluster.api_servers().iter();
        let servers: Vec<String> = match start.proxy {
            Some(proxy) => vec![proxy.address()],
            None => servers.map(irsa_testkit::controlplane::ApiServer::address).collect(),
        };
        let mut arguments = vec![
            format!("--metrics-addr={probes}"),
            format!("--api-server-endpoints={}", servers.join(",")),
        ];
        arguments.extend(start.arguments);
        let mut environment = world.aws.env(start.credentials, REGION);
        // No exception for loopback: a request to the API server that went through the proxy would be refused there.
        environment.retain(|(name, _)| !name.eq_ignore_ascii_case("NO_PROXY"));
        environment.push(("LOG_FORMAT".to_owned(), "text".to_owned()));
        environment.push(("KUBECONFIG".to_owned(), kubeconfig.display().to_string()));
        environment.push(("POD_NAMESPACE".to_owned(), OPERATOR_NAMESPACE.to_owned()));
        environment.push(("AWS_CONFIG_FILE".to_owned(), "/dev/null".to_owned()));
        environment.push(("AWS_SHARED_CREDENTIALS_FILE".to_owned(), "/dev/null".to_owned()));
        environment.extend(world.environment.iter().cloned());
        for (name, value) in start.environment {
            environment.retain(|(known, _)| *known != name);
            environment.push((name, value));
        }
        let process = Process::spawn(&Launch {
            name: "operator",
            directory: start.directory,
            program: &program,
            arguments: &arguments,
            environment: &environment,
        })?;
        Ok(Self { process, probes, token })
    }

    pub(super) async fn stop(self) {
        self.process.stop().await;
    }

    /// Ends it at once, as the kernel does when memory runs out.
    pub(super) async fn kill(self) {
        self.process.kill().await;
    }

    /// Sends SIGTERM as the kubelet does, and waits for the end.
    pub(super) async fn terminate(mut self) -> Result<ExitStatus, Problem> {
        self.signal("TERM")?;
        self.ends().await
    }

    /// Sends it a signal, by the name that `kill` knows it by.
    pub(super) fn signal(&self, name: &str) -> Result<(), Problem> {
        let pid = self.pid().ok_or("the operator has no pid yet")?;
        let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the operator ({pid}) cannot be sent {name}").into())
        }
    }

    /// Waits for its end.
    pub(super) async fn ends(&mut self) -> Result<ExitStatus, Problem> {
        for _ in 0..300 {
            if let Some(status) = self.process.ended() {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!("the operator does not end\n{}", self.log_tail()).into())
    }

    /// Everything it has logged, over all its starts in this world.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        self.process.tail()
    }

    /// Pid of the operator itself, once it has started.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// The token with which it talks to the API server.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where `/livez`, `/readyz` and `/metrics` are.
    pub fn probes(&self) -> SocketAddr {
        self.probes
    }
}

/// Status code and body of a plain GET; nothing where nobody answers.
pub fn http_get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: operator\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}

/// A port that was free a moment ago.
pub(super) fn free_address() -> Result<SocketAddr, Problem> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The operator's binary: the one that `IRSA_ANYWHERE_OPERATOR` names, or one that cargo builds now, once per process, with the webhook
/// beside it.
///
/// # Errors
/// When it cannot be built.
pub fn binary() -> Result<PathBuf, Problem> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| match env::var_os("IRSA_ANYWHERE_OPERATOR") {
        Some(path) => Ok(PathBuf::from(path)),
        None => build().map_err(|problem| problem.to_string()),
    });
    Ok(built.clone()?)
}

/// A binary that lies beside the operator's.
pub(super) fn operator_sibling(name: &str) -> Result<PathBuf, Problem> {
    let path = binary()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing: `make operator` builds it beside the operator",
        path.display()
    )
    .into())
}

fn build() -> Result<PathBuf, Problem> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(repository())
        .args([
            "build",
            "--locked",
            "--package",
            "irsa-operator",
            "--package",
            "irsa-webhook",
            "--package",
            "irsa-cli",
            "--message-format=json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("cargo could not build the operator and the webhook".into());
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            let path = Path::new(message.get("executable")?.as_str()?);
            (path.file_name()? == "irsa-anywhere").then(|| path.to_owned())
        })
        .ok_or_else(|| "cargo did not say where irsa-operator is".into())
}
