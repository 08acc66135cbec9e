//! What the doctor says.

use irsa_core::explain::{CheckResult, Explanation};
use serde::Serialize;

use crate::exit;

/// What the doctor says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Diagnosis {
    /// Whom it is about.
    pub(crate) about: ExaminedObject,
    /// In one word.
    pub(crate) verdict: Summary,
    /// Why there are no credentials; nothing where no check that stops a pod fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Line>,
    /// What STS said to a token of the ServiceAccount, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sts: Option<StsAnswer>,
    /// Every check, in its order.
    pub(crate) checks: Vec<Line>,
}

/// Whom it is about.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExaminedObject {
    pub(crate) namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<String>,
    pub(crate) service_account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) federation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
}

/// The verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Summary {
    /// Every check passes, or STS accepts and nothing of the pod stands in the way.
    Good,
    /// A check that stops a pod fails.
    CauseFound,
    /// None fails, and not all could be made.
    NotProven,
}

/// What STS said.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StsAnswer {
    /// Whether it accepted.
    pub(crate) accepted: bool,
    /// Whom it takes the token for, or why it refuses.
    pub(crate) says: String,
}

/// A check and what it found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// The check.
    pub(crate) check: &'static str,
    /// What has to hold.
    pub(crate) title: &'static str,
    /// Whether it does.
    pub(crate) result: LineResult,
    /// What was found.
    pub(crate) message: String,
    /// What to do, where it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
    /// Whether a pod goes without its role where it fails.
    pub(crate) stops: bool,
}

/// Whether a check holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum LineResult {
    Pass,
    Fail,
    Unknown,
}

impl Diagnosis {
    /// Of what the checks found, and of what STS said.
    pub(crate) fn of(about: ExaminedObject, explanation: &Explanation, sts: Option<StsAnswer>) -> Self {
        let checks: Vec<Line> = explanation.findings().iter().map(Line::of).collect();
        let cause = explanation.cause().map(Line::of);
        let is_open = |line: &&Line| line.stops && line.result == LineResult::Unknown;
        // Of the token STS has the last word; of the pod it knows nothing.
        let accepted = sts.as_ref().is_some_and(|answer| answer.accepted);
        let open_pod = checks.iter().filter(is_open).any(|line| is_of_pod(line.check));
        let verdict = match &cause {
            Some(_) => Summary::CauseFound,
            None if explanation.is_proven() || (accepted && !open_pod) => Summary::Good,
            None => Summary::NotProven,
        };
        Self {
            about,
            verdict,
            cause,
            sts,
            checks,
        }
    }

    /// Of something that is wrong before any check can be made.
    pub(crate) fn stopped(about: ExaminedObject, line: Line) -> Self {
        Self {
            about,
            verdict: if line.result == LineResult::Fail {
                Summary::CauseFound
            } else {
                Summary::NotProven
            },
            cause: (line.result == LineResult::Fail).then(|| line.clone()),
            sts: None,
            checks: vec![line],
        }
    }

    /// What the command ends with.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self.verdict {
            Summary::Good => exit::GOOD,
            Summary::CauseFound => exit::CAUSE_FOUND,
            Summary::NotProven => exit::NOT_PROVEN,
        }
    }
}

fn is_of_pod(check: &str) -> bool {
    use irsa_core::explain::Check::{OwnCredentials, PodInjected, PodRole, TokenFile};
    [PodInjected, OwnCredentials, PodRole, TokenFile]
        .iter()
        .any(|of_pod| of_pod.id() == check)
}

impl Line {
    fn of(finding: &irsa_core::explain::Finding) -> Self {
        let (result, message, fix) = match &finding.result {
            CheckResult::Pass(how) => (LineResult::Pass, how, None),
            CheckResult::Fail { problem, fix } => (LineResult::Fail, problem, Some(fix.clone())),
            CheckResult::Unknown(why) => (LineResult::Unknown, why, None),
        };
        Self {
            check: finding.check.id(),
            title: finding.check.title(),
            result,
            message: message.clone(),
            fix,
            stops: finding.check.stops(),
        }
    }
}
