//! What somebody has of the operator's policy, and what beyond it.

use std::fmt::Write as _;

use irsa_aws::{Connect as _, Connection, PolicySimulator as _};
use irsa_core::{
    naming::account_of,
    operator_policy::{AccessProbe, PolicyScope, access_probes},
    text::{plain, shown},
};
use irsa_pipeline::evidence;
use serde::Serialize;

use crate::{aws, exit, failure::Failure};

/// What a user or role lacks, and has beyond what the operator needs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyDifference {
    /// ARN of the user or role.
    principal: String,
    /// What the operator needs and cannot do.
    lacks: Vec<ActionOn>,
    /// What it could do and does not need.
    beyond: Vec<ActionOn>,
}

/// An action on a resource.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionOn {
    action: String,
    /// An ARN, or `*`.
    resource: String,
    /// Only with this; `key=value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    under: Option<String>,
}

impl PolicyDifference {
    /// What the command ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.lacks.is_empty() && self.beyond.is_empty() {
            exit::GOOD
        } else {
            exit::CAUSE_FOUND
        }
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("{}\n", plain(&self.principal));
        if self.exit_code() == exit::GOOD {
            text.push_str("  has what the operator needs, and nothing beyond it of what was asked for\n");
        }
        for (heading, all) in [("lacks", &self.lacks), ("has beyond it", &self.beyond)] {
            if all.is_empty() {
                continue;
            }
            let _ = writeln!(text, "  {heading}");
            for one in all {
                let under = one
                    .under
                    .as_ref()
                    .map_or_else(String::new, |under| format!(", with {under}"));
                let _ = writeln!(
                    text,
                    "    {} on {}{}",
                    plain(&one.action),
                    plain(&one.resource),
                    plain(&under)
                );
            }
        }
        text
    }
}

/// Asks IAM's policy simulator, which does nothing of it.
///
/// # Errors
/// It is no user and no role of the federation's account, or the simulator may not be asked.
pub(super) async fn difference(
    scope: &PolicyScope,
    region: String,
    principal: &str,
) -> Result<PolicyDifference, Failure> {
    let is_known = [":user/", ":role/"].iter().any(|kind| principal.contains(kind));
    if !is_known || account_of(principal) != Some(&scope.account) {
        let message = format!(
            "--diff takes the ARN of an IAM user or role of the account {}, and {} is none; of a session, name its role",
            scope.account,
            shown(principal)
        );
        return Err(message.into());
    }
    let reach = Connection {
        region,
        account_id: Some(scope.account.clone()),
        assume_role: None,
    };
    let unread =
        |error: &irsa_aws::AwsError| format!("what {principal} may cannot be asked: {}", evidence::unseen(error));
    let aws = aws::connect()?.connect(&reach).await.map_err(|error| unread(&error))?;
    let mut found = PolicyDifference {
        principal: principal.to_owned(),
        lacks: Vec::new(),
        beyond: Vec::new(),
    };
    for probe in access_probes(scope) {
        let asked = aws
            .permitted(principal, &probe.actions, &probe.resource, &probe.context)
            .await;
        let permitted = asked.map_err(|error| unread(&error))?;
        let wrong = probe
            .actions
            .iter()
            .filter(|action| permitted.contains(*action) != probe.is_needed);
        let into = if probe.is_needed {
            &mut found.lacks
        } else {
            &mut found.beyond
        };
        into.extend(wrong.map(|action| action_on(action, &probe)));
    }
    for list in [&mut found.lacks, &mut found.beyond] {
        list.sort();
        list.dedup();
    }
    Ok(found)
}

fn action_on(action: &str, probe: &AccessProbe) -> ActionOn {
    let context: Vec<String> = probe
        .context
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    ActionOn {
        action: action.to_owned(),
        resource: probe.resource.clone(),
        under: (!context.is_empty()).then(|| context.join(", ")),
    }
}
