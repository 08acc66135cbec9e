//! What the doctor says.

use irsa_core::{
    explain::{Check, CheckResult, Explanation, Finding},
    text::plain,
};
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
    /// What STS said to a new token of the ServiceAccount.
    pub(crate) sts: StsAnswer,
    /// Every check, in its order.
    pub(crate) checks: Vec<Line>,
}

/// Whom it is about.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExaminedObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<String>,
    /// The condition `Ready` of the binding, or of the federation where no binding is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ready: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) federation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
}

/// The verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Summary {
    /// The pod asks for its role, and STS accepts; or every check passes, where STS was not asked.
    Good,
    /// Something keeps the pod from its role.
    CauseFound,
    /// Nothing does that was seen, and not everything could be.
    NotProven,
}

/// What STS said to a new token of the ServiceAccount.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StsAnswer {
    /// Whom it takes the token for.
    Accepted(String),
    /// Its code and message.
    Refused(String),
    /// It was not asked, or has not answered: why.
    NotAsked(String),
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

/// What STS cannot see, or takes otherwise than the binding does.
const NOT_FOR_STS: [Check; 7] = [
    Check::PodInjected,
    Check::OwnCredentials,
    Check::PodRole,
    Check::TokenFile,
    Check::SessionName,
    Check::TokenSubject,
    Check::TokenAudience,
];

impl Diagnosis {
    /// Of what the checks found, and of what STS said: on the token it has the last word, whatever is seen from here.
    pub(crate) fn of(about: ExaminedObject, explanation: &Explanation, sts: StsAnswer) -> Self {
        let checks: Vec<Line> = explanation.findings().iter().map(Line::of).collect();
        let accepted = matches!(sts, StsAnswer::Accepted(_));
        let of_issuer = about.service_account.is_none();
        let counts = |finding: &&Finding| {
            let check = finding.check;
            // No token is looked at, so what is served stands for what signs.
            let stops = check.stops() || (of_issuer && check == Check::ServedKeysPublished);
            stops && (!accepted || NOT_FOR_STS.contains(&check))
        };
        let failing = explanation.failures().find(counts).map(Line::of);
        let cause = failing.or_else(|| match &sts {
            StsAnswer::Refused(says) => Some(Line::refused(says)),
            StsAnswer::Accepted(_) | StsAnswer::NotAsked(_) => None,
        });
        // Of the issuer of somebody else it is not known what time it is at AWS, and its tokens may be good all the same.
        let matters = |finding: &Finding| !(of_issuer && finding.check == Check::ClockAhead);
        let open = |finding: &Finding| counts(&finding) && matters(finding) && !finding.result.is_pass();
        let verdict = match &cause {
            Some(_) => Summary::CauseFound,
            None if explanation.findings().iter().any(open) => Summary::NotProven,
            None => Summary::Good,
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
        let is_wrong = line.result == LineResult::Fail;
        Self {
            about,
            verdict: if is_wrong {
                Summary::CauseFound
            } else {
                Summary::NotProven
            },
            cause: is_wrong.then(|| line.clone()),
            sts: StsAnswer::NotAsked("there is no role to ask for".to_owned()),
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

impl Line {
    /// What was found, and what to do.
    pub(crate) fn in_words(&self) -> String {
        let fix = self.fix.as_deref().unwrap_or_default();
        format!("{} {fix}", self.message).trim_end().to_owned()
    }

    /// STS refuses, and what it refuses for was not seen.
    fn refused(says: &str) -> Self {
        Self {
            check: "sts",
            title: "STS accepts a new token of the ServiceAccount",
            result: LineResult::Fail,
            message: format!("STS refuses it, and no check from here shows why: {}.", plain(says)),
            fix: Some(
                "What is seen from here may not be what AWS sees: documents that only your network reaches, keys that STS has kept for a \
                 while, a change that IAM does not show everywhere yet (a minute). See the checks that could not be made (-v)."
                    .to_owned(),
            ),
            stops: true,
        }
    }

    fn of(finding: &Finding) -> Self {
        let (result, message, fix) = match &finding.result {
            CheckResult::Pass(how) => (LineResult::Pass, how, None),
            CheckResult::Fail { problem, fix } => (LineResult::Fail, problem, Some(fix.clone())),
            CheckResult::Unknown(why) => (LineResult::Unknown, why, None),
        };
        Self {
            check: finding.check.id(),
            title: finding.check.title(),
            result,
            message: plain(message),
            fix: fix.map(|fix| plain(&fix)),
            stops: finding.check.stops(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(failing: &[Check], unknown: &[Check], sts: StsAnswer) -> Diagnosis {
        let about = ExaminedObject {
            service_account: Some("app".to_owned()),
            ..ExaminedObject::default()
        };
        let result = |check| {
            if failing.contains(&check) {
                CheckResult::fail("It is wrong.", "Mend it.")
            } else if unknown.contains(&check) {
                CheckResult::Unknown("not seen".to_owned())
            } else {
                CheckResult::pass("It is good.")
            }
        };
        let findings = Check::ALL.into_iter().map(|check| Finding {
            check,
            result: result(check),
        });
        Diagnosis::of(about, &Explanation::of(findings), sts)
    }

    fn accepted() -> StsAnswer {
        StsAnswer::Accepted("arn".to_owned())
    }

    fn cause(diagnosis: &Diagnosis) -> Option<&str> {
        diagnosis.cause.as_ref().map(|line| line.check)
    }

    #[test]
    fn a_refusal_of_sts_is_never_good_whatever_is_seen_from_here() {
        let refused = || StsAnswer::Refused("AccessDenied: no\u{1b}[2J".to_owned());
        let unseen = diagnosis(&[], &[], refused());
        assert_eq!(
            (unseen.verdict, unseen.exit_code()),
            (Summary::CauseFound, exit::CAUSE_FOUND)
        );
        assert_eq!(cause(&unseen), Some("sts"));
        assert!(!unseen.cause.unwrap().message.contains('\u{1b}'));
        let seen = diagnosis(&[Check::TrustSubject], &[], refused());
        assert_eq!(cause(&seen), Some("trust-subject"));
    }

    #[test]
    fn what_sts_accepts_is_good_whatever_is_seen_from_here_and_the_pod_is_the_pods() {
        for check in Check::ALL {
            let of_token = check.stops() && !NOT_FOR_STS.contains(&check);
            let failing = diagnosis(&[check], &[], accepted());
            let unknown = diagnosis(&[], &[check], accepted());
            if of_token || !check.stops() {
                assert_eq!((cause(&failing), failing.verdict), (None, Summary::Good), "{check}");
                assert_eq!(unknown.verdict, Summary::Good, "{check}");
            } else {
                assert_eq!(cause(&failing), Some(check.id()));
                assert_eq!(unknown.verdict, Summary::NotProven, "{check}");
            }
        }
        let unasked = diagnosis(&[], &[Check::RoleExists], StsAnswer::NotAsked("why".to_owned()));
        assert_eq!(
            (unasked.verdict, unasked.exit_code()),
            (Summary::NotProven, exit::NOT_PROVEN)
        );
        let good = diagnosis(&[], &[], StsAnswer::NotAsked("why".to_owned()));
        assert_eq!(good.verdict, Summary::Good);
    }

    #[test]
    fn of_an_issuer_a_key_that_is_served_and_not_published_is_a_cause() {
        let wrong = |check, result| {
            let finding = Finding { check, result };
            Diagnosis::of(
                ExaminedObject::default(),
                &Explanation::of([finding]),
                StsAnswer::NotAsked(String::new()),
            )
        };
        let unpublished = wrong(
            Check::ServedKeysPublished,
            CheckResult::fail("It is not.", "Publish it."),
        );
        assert_eq!(cause(&unpublished), Some("served-keys-published"));
        let timeless = wrong(Check::ClockAhead, CheckResult::Unknown("not AWS's".to_owned()));
        assert_eq!(timeless.verdict, Summary::Good);
    }
}
