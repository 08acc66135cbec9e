//! What is said of a role that is not proven.

use irsa_core::{
    explain::{CheckResult, Finding},
    proof::{AccountName, RoleProof, ShownToken},
    refusal::{ApiRefusal, ApiRequest},
    vocabulary::{CANARY_LABEL_VALUE, CANARY_SERVICE_ACCOUNT, Reason, VERIFY_LABEL},
};

use super::{ASPECT, RefusedToken, TokenRefusal, Unproven};
use crate::{binding::aws_errors::step_error, kube_errors::CLUSTER_ROLE, step_error::StepError};

/// What is to be said of a role that is not proven.
#[derive(Debug)]
pub enum Told {
    /// The operator cannot prove anything here. Nothing else suffers.
    CannotTell(Reason, String),
    /// The same, for a rule of the cluster that does not let the operator ask for a token of a bound ServiceAccount: which may pass, where
    /// it goes by a label that was put on a moment ago.
    TokenDenied(String),
    /// The pass stops: it passes by itself, or somebody must do something first.
    Stops(StepError),
    /// STS refuses, which may pass.
    Refused(Box<RefusedToken>),
    /// STS lets somebody in, which may pass.
    LetIn(ShownToken),
}

impl Unproven {
    /// What is to be said.
    pub fn told(self, canary: &AccountName) -> Told {
        match self {
            Self::NotGuarded(account) => {
                let message = format!(
                    "Nothing keeps the operator from a token of {account} that is good for the API server, so it asks for no token at \
                     all: apply the ValidatingAdmissionPolicy of config/verify, and see that it is about the operator's own user."
                );
                Told::CannotTell(Reason::NotGuarded, message)
            }
            Self::NoToken(account, refusal) => without_token(&account, &refusal, canary),
            Self::NotJudged(error) => Told::Stops(step_error(ASPECT, &error)),
            Self::Refused(refused) => Told::Refused(refused),
            Self::LetIn(shown) => Told::LetIn(shown),
        }
    }
}

fn without_token(account: &AccountName, refusal: &TokenRefusal, canary: &AccountName) -> Told {
    let object = format!("a token of the ServiceAccount {account}");
    let request = ApiRequest {
        action: "ask for",
        object: &object,
        role: "it by config/verify, or set spec.verify: Never",
        remedy: Some("see config/verify, or set spec.verify: Never"),
    };
    match refusal {
        TokenRefusal::NoAccount if account == canary => no_canary(&canary.namespace),
        TokenRefusal::NoAccount => Told::CannotTell(
            Reason::ServiceAccountNotFound,
            format!("The ServiceAccount {account} does not exist, so there is no token that could be shown to STS."),
        ),
        TokenRefusal::Refused(refusal @ ApiRefusal::Denied { .. }) if account != canary => {
            Told::TokenDenied(refusal.in_words(&request))
        }
        TokenRefusal::Refused(refusal @ (ApiRefusal::NotAuthorized(_) | ApiRefusal::Denied { .. })) => {
            Told::CannotTell(Reason::NotPermitted, refusal.in_words(&request))
        }
        TokenRefusal::Refused(refusal) => {
            Told::Stops(StepError::new(ASPECT, refusal.reason(), refusal.in_words(&request)))
        }
    }
}

/// That there is no ServiceAccount that must be refused.
pub fn no_canary(namespace: &str) -> Told {
    Told::CannotTell(
        Reason::NotPermitted,
        format!(
            "The namespace {namespace} has no ServiceAccount with the label {VERIFY_LABEL}={CANARY_LABEL_VALUE}, which STS must refuse: \
             apply config/verify, where it is called {CANARY_SERVICE_ACCOUNT}."
        ),
    )
}

/// That the ServiceAccount that must be refused could not be looked for.
pub fn not_listed(refusal: &ApiRefusal) -> Told {
    let request = ApiRequest {
        action: "list",
        object: "the ServiceAccounts of its namespace",
        role: CLUSTER_ROLE,
        remedy: None,
    };
    Told::Stops(StepError::new(ASPECT, refusal.reason(), refusal.in_words(&request)))
}

/// That an API server takes a token for AWS for its own, so that none is asked for.
pub fn audiences_shared() -> Told {
    let message = "An API server has an audience of the federation among its own, so a token for AWS would be good there, too, and none is \
                   asked for: see the condition AudiencesSeparate of the federation.";
    Told::CannotTell(Reason::NotGuarded, message.to_owned())
}

/// That a token is not to be had yet.
pub fn not_yet_permitted(message: String) -> StepError {
    StepError::new(ASPECT, Reason::Verifying, message)
}

/// That STS does not say yes yet.
pub fn not_yet(refused: &RefusedToken) -> StepError {
    let RefusedToken { shown, error, .. } = refused;
    let message = format!(
        "STS does not take a token of {} yet ({}); IAM may show a change everywhere only after a minute.",
        shown.account, error.code
    );
    StepError::new(ASPECT, Reason::Verifying, message)
}

/// That STS refuses, and why: what explain finds comes first, STS's own words go with it.
pub fn refused(refused: &RefusedToken, cause: Option<&Finding>) -> StepError {
    let RefusedToken { shown, error, .. } = refused;
    let says = format!(
        "STS refuses a token of {} for {}: {error}.",
        shown.account, shown.audience
    );
    let message = match cause.map(|finding| &finding.result) {
        Some(CheckResult::Fail { problem, fix }) => format!("{problem} {fix} {says}"),
        _ => format!("{says} No cause was seen; kubectl irsa doctor looks further."),
    };
    StepError::new(ASPECT, Reason::AssumeRoleRefused, message).because(error.clone())
}

/// That STS lets somebody in, by a policy that was changed a moment ago.
pub fn still_lets_in(shown: &ShownToken) -> StepError {
    let message = format!(
        "STS still lets {} in; the trust policy was changed a moment ago, and IAM may show that everywhere only after a minute.",
        shown.account
    );
    StepError::new(ASPECT, Reason::Verifying, message)
}

/// That STS lets somebody in whom it must refuse.
pub fn too_permissive(shown: &ShownToken, proof: &RoleProof, is_ours: bool) -> StepError {
    let fix = if is_ours {
        "The role is read again at once, and put right."
    } else {
        "Whoever keeps the role must correct it; it is not written here."
    };
    let message = format!("{} {fix}", shown.let_in(&proof.role_arn));
    StepError::new(ASPECT, Reason::TooPermissive, message)
}
