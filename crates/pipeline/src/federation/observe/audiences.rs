//! Whether the API servers keep their audiences apart from those that AWS takes.
//!
//! Where they do not, every pod's default token, which may live for a year, is one that AWS takes for a bound ServiceAccount,
//! and the token for AWS opens the API server.

use std::collections::BTreeSet;

use irsa_core::vocabulary::{ConditionType, Reason};

use super::api_servers::{AudienceReadError, OwnAudiences};
use crate::step_error::{Draft, StepError};

const ASPECT: ConditionType = ConditionType::AudiencesSeparate;

/// What the API servers answered, as far as it matters to a federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AudienceCheck {
    /// None of the federation's audiences is one of theirs.
    Separate,
    /// These are, at this API server.
    Shared {
        /// Its address.
        server: String,
        /// Those of the federation's that are its own too.
        audiences: Vec<String>,
        /// Whether it has no others. AWS refuses a token with several.
        only: bool,
    },
    /// One could not be asked, and the others have none.
    Unknown {
        /// The reason of the condition.
        reason: Reason,
        /// Why, and what to do.
        message: String,
    },
}

impl AudienceCheck {
    /// Every API server's answer counts: one that mixes them up is enough, and one that does not answer may be that one.
    pub fn of(answers: &[OwnAudiences], federation: &[String]) -> Self {
        for answer in answers {
            let own = answer.audiences.as_ref().ok();
            let shared: BTreeSet<&String> = own
                .iter()
                .flat_map(|own| federation.iter().filter(|audience| own.contains(*audience)))
                .collect();
            if !shared.is_empty() {
                return Self::Shared {
                    server: answer.server.clone(),
                    audiences: shared.into_iter().cloned().collect(),
                    only: own.is_some_and(|own| own.len() == 1),
                };
            }
        }
        let failure = answers
            .iter()
            .find_map(|answer| Some((&answer.server, answer.audiences.as_ref().err()?)));
        match failure {
            Some((server, error)) => unknown(server, error),
            None if answers.is_empty() => Self::Unknown {
                reason: Reason::ApiServerUnavailable,
                message: "No API server could be asked for its own audiences.".to_owned(),
            },
            None => Self::Separate,
        }
    }

    /// Says it in the condition.
    pub fn note<S>(&self, draft: &mut Draft<S>) {
        match self {
            Self::Separate => draft.holds(ASPECT, "No audience of the federation is one of the API servers' own."),
            Self::Shared {
                server,
                audiences,
                only,
            } => {
                let audiences = audiences.join(", ");
                let so = if *only {
                    "AWS takes every pod's default token, which may live for a year"
                } else {
                    "what a pod shows to AWS opens the API server, too"
                };
                let message = format!(
                    "The API server {server} has {audiences} among its own audiences, so {so}; take it out of --api-audiences \
                     (docs/issuer.md)."
                );
                draft.note(&StepError::new(ASPECT, Reason::ApiAudienceShared, message));
            }
            Self::Unknown { reason, message } => draft.cannot_tell(ASPECT, *reason, message.clone()),
        }
    }
}

fn unknown(server: &str, error: &AudienceReadError) -> AudienceCheck {
    let (reason, remedy) = match error {
        AudienceReadError::Unreachable(_) => (Reason::ApiServerUnavailable, "It is asked again."),
        AudienceReadError::Forbidden => (
            Reason::NotPermitted,
            "Apply config/rbac/token.yaml, or see to --api-audiences yourself (docs/issuer.md).",
        ),
        AudienceReadError::NoServiceAccount => (
            Reason::NotPermitted,
            "Run it as its ServiceAccount, or see to --api-audiences yourself (docs/issuer.md).",
        ),
    };
    AudienceCheck::Unknown {
        reason,
        message: format!("The API server {server} {error}, so its own audiences are not known. {remedy}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(server: &str, audiences: Result<&[&str], AudienceReadError>) -> OwnAudiences {
        OwnAudiences {
            server: server.to_owned(),
            audiences: audiences.map(|own| own.iter().map(|audience| (*audience).to_owned()).collect()),
        }
    }

    fn judge(answers: &[OwnAudiences]) -> AudienceCheck {
        AudienceCheck::of(answers, &["sts.amazonaws.com".to_owned(), "other".to_owned()])
    }

    #[test]
    fn one_api_server_that_shares_an_audience_is_enough_whatever_the_others_say() {
        let silent = || answer("b", Err(AudienceReadError::Unreachable("no connection".to_owned())));
        let shared = judge(&[
            answer("a", Ok(&["https://issuer"])),
            silent(),
            answer("c", Ok(&["https://issuer", "sts.amazonaws.com"])),
        ]);
        let expected = AudienceCheck::Shared {
            server: "c".to_owned(),
            audiences: vec!["sts.amazonaws.com".to_owned()],
            only: false,
        };
        assert_eq!(shared, expected);
        assert!(matches!(
            judge(&[answer("a", Ok(&["other"]))]),
            AudienceCheck::Shared { only: true, .. }
        ));
        assert_eq!(judge(&[answer("a", Ok(&["https://issuer"]))]), AudienceCheck::Separate);
    }

    #[test]
    fn one_that_cannot_be_asked_may_be_the_one_that_does() {
        for (error, reason) in [
            (
                AudienceReadError::Unreachable("x".to_owned()),
                Reason::ApiServerUnavailable,
            ),
            (AudienceReadError::Forbidden, Reason::NotPermitted),
            (AudienceReadError::NoServiceAccount, Reason::NotPermitted),
        ] {
            let verdict = judge(&[answer("a", Ok(&["https://issuer"])), answer("b", Err(error))]);
            assert!(
                matches!(&verdict, AudienceCheck::Unknown { reason: said, message } if *said == reason && message.contains(" b ")),
                "{verdict:?}"
            );
        }
        assert!(
            matches!(judge(&[]), AudienceCheck::Unknown { .. }),
            "silence proves nothing"
        );
    }
}
