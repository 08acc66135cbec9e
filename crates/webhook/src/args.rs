//! Flags and the environment variables that say the same.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use irsa_process::args::ProcessArgs;
use jiff::SignedDuration;

use crate::certificate::Names;

/// Gives pods of bound ServiceAccounts what AWS SDKs look for, as an admission webhook.
///
/// It has no AWS credentials. The Kubernetes API is reached by the pod's ServiceAccount, or by KUBECONFIG.
#[derive(Debug, Clone, Parser)]
#[command(name = "irsa-anywhere-webhook", version)]
pub(crate) struct WebhookArgs {
    /// The webhook's own namespace.
    #[arg(
        long,
        env = "POD_NAMESPACE",
        default_value = "irsa-anywhere-system",
        value_name = "NAMESPACE"
    )]
    pub(crate) webhook_namespace: String,

    /// The Service by which API servers reach the webhook; the certificate is for its name.
    #[arg(
        long,
        env = "SERVICE_NAME",
        default_value = "irsa-anywhere-webhook",
        value_name = "NAME"
    )]
    pub(crate) service_name: String,

    /// The Secret in which the certificate is kept. It is filled and never made.
    #[arg(
        long,
        env = "CERTIFICATE_SECRET",
        default_value = "irsa-anywhere-webhook-certificate",
        value_name = "NAME"
    )]
    pub(crate) certificate_secret: String,

    /// The MutatingWebhookConfiguration whose caBundle is kept.
    #[arg(
        long,
        env = "WEBHOOK_CONFIGURATION",
        default_value = "irsa-anywhere-webhook",
        value_name = "NAME"
    )]
    pub(crate) webhook_configuration: String,

    /// Use tls.crt and tls.key of this directory, as cert-manager makes them, and neither Secret nor caBundle.
    #[arg(long, env = "CERTIFICATE_DIRECTORY", value_name = "DIRECTORY")]
    pub(crate) certificate_directory: Option<PathBuf>,

    /// How long API servers and replicas may take to learn of a new certificate authority before its certificate is shown. A watch that
    /// has died unnoticed is begun again within five minutes.
    #[arg(long, env = "CERTIFICATE_OVERLAP", default_value = "10m", value_name = "DURATION", value_parser = up_to_an_hour)]
    pub(crate) certificate_overlap: SignedDuration,

    /// How long a replica that is told to end still takes new connections, until every API server knows that it is going.
    #[arg(long, env = "SHUTDOWN_DELAY", default_value = "10s", value_name = "DURATION", value_parser = up_to_an_hour)]
    pub(crate) shutdown_delay: SignedDuration,

    /// Where reviews are served, over TLS.
    #[arg(long, env = "LISTEN_ADDR", default_value = "0.0.0.0:8443", value_name = "HOST:PORT")]
    pub(crate) listen_addr: SocketAddr,

    #[command(flatten)]
    pub(crate) process: ProcessArgs,
}

impl WebhookArgs {
    /// Names of what belongs to the webhook.
    pub(crate) fn names(&self) -> Names {
        Names {
            namespace: self.webhook_namespace.clone(),
            service: self.service_name.clone(),
            secret: self.certificate_secret.clone(),
            configuration: self.webhook_configuration.clone(),
        }
    }
}

fn up_to_an_hour(text: &str) -> Result<SignedDuration, String> {
    let hour = SignedDuration::from_hours(1);
    match text.parse::<SignedDuration>() {
        Ok(time) if time >= SignedDuration::ZERO && time <= hour => Ok(time),
        Ok(_) => Err("write a time of 0s to 1h, such as 2m".to_owned()),
        Err(error) => Err(format!("{error}; write a time of 0s to 1h, such as 2m")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_consistent_and_each_has_a_variable() {
        let command = WebhookArgs::command();
        command.clone().debug_assert();
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{} has no help", argument.get_id());
            let known = argument.get_env().is_some() || ["help", "version"].contains(&argument.get_id().as_str());
            assert!(known, "{} has no variable", argument.get_id());
        }
    }

    #[test]
    fn the_page_lists_exactly_these_flags_with_their_variables_and_defaults() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/webhook.md");
        let page = std::fs::read_to_string(page).unwrap();
        let rows = page.lines().filter(|line| line.starts_with("| `--"));
        let mut documented: Vec<Vec<String>> = rows
            .map(|row| {
                let cells = row.split(" | ").take(3);
                cells
                    .map(|cell| cell.trim_matches(['|', '`', ' ']).to_owned())
                    .collect()
            })
            .collect();
        documented.sort();
        let command = WebhookArgs::command();
        let flags = command.get_arguments().filter(|flag| flag.get_env().is_some());
        let mut defined: Vec<Vec<String>> = flags
            .map(|flag| {
                let name = format!("--{}", flag.get_long().unwrap());
                let variable = flag.get_env().unwrap().to_str().unwrap().to_owned();
                let default = flag.get_default_values().first();
                vec![
                    name,
                    variable,
                    default.map_or("–", |value| value.to_str().unwrap()).to_owned(),
                ]
            })
            .collect();
        defined.sort();
        assert_eq!(documented, defined);
    }

    #[test]
    fn a_wrong_overlap_is_refused_with_the_fix() {
        let parse = |value: &str| {
            let flag = format!("--certificate-overlap={value}");
            WebhookArgs::try_parse_from(["webhook", &flag]).map_err(|error| error.to_string())
        };
        assert_eq!(parse("90s").unwrap().certificate_overlap, SignedDuration::from_secs(90));
        for value in ["2h", "-1s", "2", "soon"] {
            let problem = parse(value).unwrap_err();
            assert!(
                problem.contains("such as 2m") && problem.contains("--certificate-overlap"),
                "{problem}"
            );
        }
    }
}
