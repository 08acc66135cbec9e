//! `flags`: what the API servers must be started with, and in which order.

use std::fmt::Write as _;

use irsa_core::{
    issuer::IssuerUrl,
    issuer_flags::{Distribution, issuer_flags},
    text::plain,
};
use serde::Serialize;

use crate::{cluster::Cluster, exit, failure::Failure};

const PUBLISHED: &str = "Wait until the federation's conditions Published, PubliclyReadable and ProviderRegistered are True: AWS then finds the \
                         documents before any token names them.";
const ACCEPT: &str = "Accept the new issuer on every API server, and restart them one by one. The first signs, all are accepted. With one API \
                      server this can be left out.";
const SIGN: &str = "Sign with it: put it first on every API server, and restart them one by one.";
const SWITCH: &str = "Where API servers take one issuer alone: tokens of the old one are refused from this moment, so restart all pods that talk \
                      to the API server.";
const RESTART: &str = "Wait until the bindings are Ready, and restart the pods that were there before.";
const DROP: &str = "Drop the old issuer when no token of it lives any more: a day later, or a year later where \
                    --service-account-extend-token-expiration has its default and old pods were never restarted.";

/// What is to be done to the API servers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlagsReport {
    /// As what they sign now.
    signs_as: String,
    /// The federation's issuer.
    wanted: String,
    /// The distribution that the cluster looks like, or that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    distribution: Option<&'static str>,
    /// What to do, in this order; nothing where they sign as the federation's issuer.
    steps: Vec<FlagsStep>,
}

#[derive(Debug, Serialize)]
struct FlagsStep {
    what: String,
    /// The configuration, by distribution.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    configuration: Vec<Configuration>,
}

#[derive(Debug, Serialize)]
struct Configuration {
    distribution: &'static str,
    text: String,
}

/// Compares the issuer of a federation with the one that the API server signs as.
///
/// # Errors
/// Either cannot be read, or the federation's is no issuer.
pub(crate) async fn flags(
    cluster: &Cluster,
    federation: &str,
    distribution: Option<Distribution>,
) -> Result<FlagsReport, Failure> {
    let found = cluster.federation(federation).await;
    let found = found.map_err(|unseen| format!("the OidcFederation {federation} cannot be read: {unseen}"))?;
    let found = found.ok_or_else(|| format!("there is no OidcFederation {federation}; name another"))?;
    let wanted = IssuerUrl::parse(&found.spec.issuer)?;
    let signs_as = cluster.signing().await.issuer.map_err(|unseen| unseen.to_string())?;
    let distribution = match distribution {
        Some(asked) => Some(asked),
        None => cluster.distribution().await,
    };
    Ok(FlagsReport::of(signs_as, wanted.as_str(), distribution))
}

impl FlagsReport {
    fn of(signs_as: String, wanted: &str, distribution: Option<Distribution>) -> Self {
        let all = distribution.map_or_else(|| Distribution::ALL.to_vec(), |one| vec![one]);
        let of = |which: fn(Distribution) -> bool, first: &str, second: Option<&str>| -> Vec<Configuration> {
            let chosen = all.iter().copied().filter(|distribution| which(*distribution));
            chosen
                .map(|distribution| Configuration {
                    distribution: distribution.name(),
                    text: issuer_flags(distribution, first, second),
                })
                .collect()
        };
        let several: fn(Distribution) -> bool = Distribution::takes_several;
        let single: fn(Distribution) -> bool = |distribution| !distribution.takes_several();
        let step = |what: &str, configuration| FlagsStep {
            what: what.to_owned(),
            configuration,
        };
        let mut steps = Vec::new();
        if signs_as != wanted {
            steps.push(step(PUBLISHED, Vec::new()));
            if all.iter().copied().any(several) {
                steps.push(step(ACCEPT, of(several, &signs_as, Some(wanted))));
                steps.push(step(SIGN, of(several, wanted, Some(&signs_as))));
            }
            if all.iter().copied().any(single) {
                steps.push(step(SWITCH, of(single, wanted, None)));
            }
            steps.push(step(RESTART, Vec::new()));
            if all.iter().copied().any(several) {
                steps.push(step(DROP, of(several, wanted, None)));
            }
        }
        Self {
            signs_as,
            wanted: wanted.to_owned(),
            distribution: distribution.map(Distribution::name),
            steps,
        }
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("Signs as    {}\nWanted      {}\n", plain(&self.signs_as), self.wanted);
        if self.steps.is_empty() {
            return text
                + "\nThe API server that was asked signs as the federation's issuer. There is nothing to do.\n";
        }
        for (number, step) in (1..).zip(&self.steps) {
            let _ = writeln!(text, "\n{number}. {}", step.what);
            for configuration in &step.configuration {
                let _ = writeln!(text, "\n   {}:", configuration.distribution);
                for line in plain_lines(&configuration.text) {
                    let _ = writeln!(text, "   | {line}");
                }
            }
        }
        text + "\nLeave --api-audiences alone (docs/issuer.md).\n"
    }

    /// What the command ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.steps.is_empty() {
            exit::GOOD
        } else {
            exit::CAUSE_FOUND
        }
    }
}

fn plain_lines(text: &str) -> Vec<String> {
    text.lines().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "https://kubernetes.default.svc.cluster.local";
    const NEW: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";

    #[test]
    fn the_new_issuer_is_accepted_before_it_signs_and_the_old_one_goes_last() {
        let report = FlagsReport::of(OLD.to_owned(), NEW, Some(Distribution::K3s));
        let texts: Vec<&str> = report
            .steps
            .iter()
            .flat_map(|step| &step.configuration)
            .map(|one| one.text.as_str())
            .collect();
        let line = |issuer: &str| format!("  - service-account-issuer={issuer}\n");
        let both = |first: &str, second: &str| format!("kube-apiserver-arg:\n{}{}", line(first), line(second));
        assert_eq!(
            texts,
            [
                both(OLD, NEW),
                both(NEW, OLD),
                format!("kube-apiserver-arg:\n{}", line(NEW))
            ]
        );
        assert_eq!(report.exit_code(), exit::CAUSE_FOUND);
        assert!(report.table().contains("1. Wait until the federation's conditions"));
        let done = FlagsReport::of(NEW.to_owned(), NEW, None);
        assert_eq!((done.steps.len(), done.exit_code()), (0, exit::GOOD));
        let all = FlagsReport::of(OLD.to_owned(), NEW, None);
        let per_step: Vec<usize> = all.steps.iter().map(|step| step.configuration.len()).collect();
        assert_eq!(per_step, [0, 2, 2, 3, 0, 2]);
        let talos = FlagsReport::of(OLD.to_owned(), NEW, Some(Distribution::Talos)).table();
        assert!(
            !talos.contains(&format!("issuer: {OLD}")) && talos.contains("from this moment"),
            "{talos}"
        );
    }
}
