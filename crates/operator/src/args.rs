//! Flags and the environment variables that say the same.

use std::{collections::BTreeSet, path::PathBuf};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};
use irsa_process::args::ProcessArgs;

use crate::election::ElectionArgs;

/// Keeps OidcFederations and IamRoleBindings true in AWS.
///
/// AWS is reached by the standard variables: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE (or any other credentials that the
/// AWS SDK finds), AWS_ENDPOINT_URL*, HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE; the region is each federation's own. The Kubernetes
/// API is reached by the pod's ServiceAccount, or by KUBECONFIG, and never through a proxy of the environment.
#[derive(Debug, Clone, Parser)]
#[command(name = "irsa-anywhere", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// What is done instead of running the operator.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The operator's own namespace; the records of signing keys are kept in it.
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "irsa-anywhere-system",
        value_name = "NAMESPACE"
    )]
    pub(crate) operator_namespace: String,

    /// Addresses of every API server, comma-separated. Default: the EndpointSlice default/kubernetes.
    ///
    /// Needed where that names a load balancer: in the middle of a key rotation each API server has keys of its own, and
    /// all of them must be published.
    #[arg(long, env = "API_SERVER_ENDPOINTS", value_name = "HOST:PORT", value_delimiter = ',', value_parser = host_port)]
    pub(crate) api_server_endpoints: Vec<String>,

    /// PEM certificates to trust for AWS and the published documents, beside the system's.
    #[arg(long, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,

    /// The only AWS accounts that any federation may reach, comma-separated. Default: any.
    #[arg(long, env = "ALLOWED_ACCOUNTS", value_name = "ACCOUNT", value_delimiter = ',', value_parser = account)]
    pub(crate) allowed_accounts: Vec<String>,

    /// The most calls per second to each service of one AWS account. Below it the pace follows what AWS throttles.
    #[arg(long, env = "AWS_CALLS_PER_SECOND", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) aws_calls_per_second: u16,

    /// Characters that a role's trust policy may have: the IAM quota "Role trust policy length" of the accounts, if it was raised.
    #[arg(long, env = "TRUST_POLICY_QUOTA", default_value_t = 2048, value_name = "CHARACTERS", value_parser = clap::value_parser!(u16).range(2048..=8192))]
    pub(crate) trust_policy_quota: u16,

    /// The most objects of each kind looked at at a time. Fewer are while AWS throttles.
    #[arg(long, env = "CONCURRENCY", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) concurrency: u16,

    #[command(flatten)]
    pub(crate) election: ElectionArgs,

    #[command(flatten)]
    pub(crate) process: ProcessArgs,
}

/// What the binary does beside running the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Look at the federations and bindings of the cluster, say what is found, and end: for the hooks of the Helm chart.
    Check {
        /// What is looked at.
        #[arg(value_enum)]
        what: Check,
    },
}

/// What is looked at; the process ends with failure where it is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// There is a federation, and all are Ready.
    Ready,
    /// There is neither federation nor binding: the operator may go.
    Unused,
}

impl Args {
    /// The arguments of this process; ends it with a sentence when they are wrong.
    pub(crate) fn of_this_process() -> Self {
        Self::parse().checked().unwrap_or_else(|error| error.exit())
    }

    /// Whether they fit together.
    fn checked(self) -> Result<Self, clap::Error> {
        match self.election.terms() {
            Ok(_) => Ok(self),
            Err(error) => {
                let message = format!("--lease-duration, --lease-renew-deadline, --lease-retry-period: {error}");
                Err(Self::command().error(ErrorKind::ValueValidation, message))
            }
        }
    }

    /// The accounts as a set.
    pub(crate) fn accounts(&self) -> BTreeSet<String> {
        self.allowed_accounts.iter().cloned().collect()
    }
}

fn account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "an AWS account id has 12 digits".to_owned())
}

fn host_port(text: &str) -> Result<String, String> {
    let fits = text
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "write HOST:PORT, such as 10.0.0.1:6443".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        Args::try_parse_from([&["irsa-anywhere"], arguments].concat())
            .and_then(Args::checked)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_flags_are_consistent_and_all_documented() {
        let command = Args::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
            let by_environment =
                argument.get_env().is_some() || ["help", "version"].contains(&argument.get_id().as_str());
            assert!(by_environment, "{} has no variable", argument.get_id());
        }
    }

    #[test]
    fn the_reference_lists_exactly_these_flags_with_their_variables_and_defaults() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/flags.md");
        let page = fs::read_to_string(page).unwrap();
        let rows = page.lines().filter(|line| line.starts_with("| `--"));
        let documented: BTreeSet<Vec<String>> = rows
            .map(|row| {
                let cells = row.split(" | ").take(3);
                cells
                    .map(|cell| cell.trim_matches(['|', '`', ' ']).to_owned())
                    .collect()
            })
            .collect();
        let command = Args::command();
        let flags = command.get_arguments().filter(|flag| flag.get_env().is_some());
        let defined: BTreeSet<Vec<String>> = flags
            .map(|flag| {
                let name = format!("--{}", flag.get_long().unwrap());
                let variable = flag.get_env().unwrap().to_str().unwrap().to_owned();
                let default = flag.get_default_values().first();
                let default = default.map_or("–", |value| value.to_str().unwrap()).to_owned();
                vec![name, variable, default]
            })
            .collect();
        assert_eq!(documented, defined);
    }

    #[test]
    fn lists_are_split_at_commas() {
        let args = parse(&[
            "--api-server-endpoints=10.0.0.1:6443,[::1]:6443",
            "--allowed-accounts=123456789012",
        ])
        .unwrap();
        assert_eq!(args.api_server_endpoints, ["10.0.0.1:6443", "[::1]:6443"]);
        assert_eq!(args.accounts(), ["123456789012".to_owned()].into());
    }

    #[test]
    fn what_is_shipped_keeps_two_replicas_apart_and_it_can_be_switched_off() {
        let election = parse(&[]).unwrap().election;
        assert!(election.leader_elect);
        // No attempt of an AWS call is given up while renewals succeed.
        let attempt = irsa_aws::Timeouts::default().attempt;
        assert!(election.lease_renew_deadline > election.lease_retry_period + attempt);
        assert!(!parse(&["--leader-elect=false"]).unwrap().election.leader_elect);
        assert!(parse(&["--leader-elect"]).unwrap().election.leader_elect);
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_flag_and_the_fix() {
        for (argument, fix) in [
            ("--allowed-accounts=prod", "12 digits"),
            ("--api-server-endpoints=10.0.0.1", "HOST:PORT"),
            ("--api-server-endpoints=:6443", "HOST:PORT"),
            ("--concurrency=0", "1..=100"),
            ("--aws-calls-per-second=0", "1..=1000"),
            ("--metrics-addr=8080", "invalid socket address"),
            ("--log-format=xml", "json"),
            ("--leader-elect=perhaps", "true, false"),
            ("--lease-name=Lease_1", "lower-case letters"),
            ("--lease-duration=11m", "500ms to 10m"),
            ("--lease-duration=30", "followed by h, m, s or ms"),
            ("--lease-duration=20s", "shorter than the lease duration"),
            ("--lease-retry-period=100ms", "500ms to 10m"),
            ("--lease-retry-period=7s", "three retry periods"),
        ] {
            let message = parse(&[argument]).unwrap_err();
            let flag = argument.split('=').next().unwrap();
            assert!(message.contains(flag) && message.contains(fix), "{message}");
        }
    }
}
