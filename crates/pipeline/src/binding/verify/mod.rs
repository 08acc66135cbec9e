//! The proof of a role: tokens of its ServiceAccounts, and of one that nobody binds, are shown to STS.
//!
//! The judgement of what is shown is [`irsa_core::proof`]'s, and why STS refuses is [`irsa_core::explain`]'s.

mod cause;
mod told;

use std::collections::BTreeSet;

use irsa_api::IamRoleBinding;
use irsa_aws::{AwsError, Kind, WebIdentity, WebIdentityRequest};
use irsa_core::{
    explain::SecretToken,
    proof::{AccountName, ExpectedAnswer, Proven, RoleProof, SESSION_NAME, ShownToken},
    refusal::{ApiRefusal, Rule},
    trust::{Audience, NonEmptySet},
    vocabulary::{ConditionType, Reason},
};
use kube::ResourceExt;

pub use self::{
    cause::cause,
    told::{
        Told, audiences_shared, no_canary, not_listed, not_yet, not_yet_permitted, refused, still_lets_in,
        too_permissive,
    },
};
use crate::{
    spec::federation_view::{Provider, Usage},
    step_error::StepError,
};

const ASPECT: ConditionType = ConditionType::Verified;
/// The shortest session that STS gives, in seconds.
const SHORTEST_SESSION: i32 = 900;
/// What the names of the policies in `config/verify` contain, whatever an overlay adds.
const GUARD: &str = "irsa-anywhere-tokens";
/// The same of the one that judges whose tokens they are, and nothing of their audience.
const GUARD_OF_BOUND: &str = "irsa-anywhere-tokens-of-bound";
/// The code of a refusal of a token whose audience is none of the provider's client IDs, among others [STS-model].
const INVALID: &str = "InvalidIdentityToken";
/// The code of a refusal by the trust policy [STS-model].
const REFUSED: &str = "AccessDenied";

/// What is to be proven of a binding's role, which is this now.
///
/// # Errors
/// The binding names no ServiceAccount or no audience, which the API server lets nobody write.
pub fn role_proof(
    binding: &IamRoleBinding,
    usage: &Usage,
    provider: &Provider,
    role: RoleNow,
    audiences: &BTreeSet<String>,
) -> Result<RoleProof, StepError> {
    let incomplete = || {
        let message = "The binding names no ServiceAccount, or no audience that a token could have.";
        StepError::new(ASPECT, Reason::InvalidSpec, message)
    };
    let accounts = binding.spec.service_accounts.iter().map(|account| account.name.clone());
    let audiences = audiences.iter().flat_map(|audience| Audience::new(audience.as_str()));
    Ok(RoleProof {
        role_arn: role.arn,
        role_id: role.id,
        trust: role.trust,
        provider_arn: provider.trust.arn().to_owned(),
        client_ids: usage.guardrails.audiences.clone(),
        signing_keys: usage.signing_keys.clone(),
        namespace: binding.namespace().unwrap_or_default(),
        service_accounts: NonEmptySet::new(accounts).ok_or_else(incomplete)?,
        audiences: NonEmptySet::new(audiences).ok_or_else(incomplete)?,
    })
}

/// A role as it is when it is proven.
#[derive(Debug, Clone)]
pub struct RoleNow {
    /// Its ARN.
    pub arn: String,
    /// Its id.
    pub id: String,
    /// Its trust policy.
    pub trust: String,
}

/// Asks the API server for tokens of ServiceAccounts, which are good for ten minutes.
pub trait TokenRequests: Send + Sync {
    /// A token for this audience.
    ///
    /// # Errors
    /// Why there is none.
    fn token(
        &self,
        account: &AccountName,
        audience: &str,
    ) -> impl Future<Output = Result<SecretToken, TokenRefusal>> + Send;

    /// Asks, as a dry run, for a token for the API server itself, which a policy of the cluster must refuse.
    ///
    /// # Errors
    /// Why there is none. A token that is granted is dropped unread.
    fn rehearse_api_token(&self, account: &AccountName) -> impl Future<Output = Result<(), TokenRefusal>> + Send;
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefusal {
    /// There is no such ServiceAccount.
    NoAccount,
    /// The API server refuses, or could not be asked.
    Refused(ApiRefusal),
}

/// Why a role is not proven.
#[derive(Debug)]
pub enum Unproven {
    /// Nothing keeps the operator from a token of this ServiceAccount that is good for the API server.
    NotGuarded(AccountName),
    /// There is no token of this ServiceAccount.
    NoToken(AccountName, TokenRefusal),
    /// STS has not judged a token.
    NotJudged(AwsError),
    /// STS refuses a token that it must take, or refuses another for a reason that says nothing of the role.
    Refused(Box<RefusedToken>),
    /// STS takes a token that it must refuse.
    LetIn(ShownToken),
}

/// A token that STS refused.
#[derive(Debug)]
pub struct RefusedToken {
    /// What was shown.
    pub shown: ShownToken,
    /// The token.
    pub token: SecretToken,
    /// What STS said.
    pub error: AwsError,
}

/// Whether a policy of the cluster keeps the operator from tokens that are good for the API server.
///
/// # Errors
/// [`Unproven::NotGuarded`] where it does not, [`Unproven::NoToken`] where that cannot be found out.
pub async fn check_guard(tokens: &impl TokenRequests, account: &AccountName) -> Result<(), Unproven> {
    match tokens.rehearse_api_token(account).await {
        Ok(()) => Err(Unproven::NotGuarded(account.clone())),
        // Another rule may refuse this one token, and none of those that matter.
        Err(TokenRefusal::Refused(ApiRefusal::Denied {
            by: Rule::Policy(policy),
            ..
        })) if policy.contains(GUARD) && !policy.contains(GUARD_OF_BOUND) => Ok(()),
        Err(refusal) => Err(Unproven::NoToken(account.clone(), refusal)),
    }
}

/// Shows all tokens to STS, one after the other, up to the first that is not answered as it must be.
///
/// # Guarantees
/// No token is asked for before a policy of the cluster has refused one for the API server in the same namespace. Credentials that STS
/// hands out are dropped at once.
///
/// # Errors
/// [`Unproven`].
pub async fn prove(
    tokens: &impl TokenRequests,
    sts: &impl WebIdentity,
    proof: &RoleProof,
    canary: &AccountName,
) -> Result<Proven, Unproven> {
    let all = proof.tokens(canary);
    if let Some(first) = all.first() {
        check_guard(tokens, &first.account).await?;
    }
    let mut proven = Proven {
        canary: Some(canary.clone()),
        ..Proven::default()
    };
    for shown in all {
        match tokens.token(&shown.account, &shown.audience).await {
            Ok(token) => show(sts, proof, shown, token).await?,
            Err(refusal) => return Err(Unproven::NoToken(shown.account, refusal)),
        }
    }
    for shown in proof.strange() {
        let audience = shown.audience.clone();
        match tokens.token(&shown.account, &audience).await {
            Ok(token) => {
                show(sts, proof, shown, token).await?;
                proven.refused_audience = Some(audience);
                proven.untried_audience = None;
                break;
            }
            // What the policy does not list only keeps this one check from being made.
            Err(TokenRefusal::Refused(ApiRefusal::Denied { .. })) => {
                proven.untried_audience.get_or_insert(audience);
            }
            Err(refusal) => return Err(Unproven::NoToken(shown.account, refusal)),
        }
    }
    Ok(proven)
}

async fn show(
    sts: &impl WebIdentity,
    proof: &RoleProof,
    shown: ShownToken,
    token: SecretToken,
) -> Result<(), Unproven> {
    let request = WebIdentityRequest {
        role_arn: proof.role_arn.clone(),
        session_name: SESSION_NAME.to_owned(),
        token: token.expose().to_owned(),
        duration_seconds: Some(SHORTEST_SESSION),
    };
    let answer = sts.assume(&request).await;
    let error = match (answer, shown.expected) {
        (Ok(session), ExpectedAnswer::LetIn) => match sts.identity_of(&session).await {
            Ok(arn) if arn == proof.session_arn() => return Ok(()),
            Ok(arn) => AwsError {
                operation: "sts:GetCallerIdentity",
                resource: proof.role_arn.clone(),
                code: "OtherIdentity".to_owned(),
                message: format!("the session is {arn}, and {} was expected", proof.session_arn()),
                kind: Kind::AccessDenied,
            },
            Err(error) => error,
        },
        (Ok(_), _) => return Err(Unproven::LetIn(shown)),
        (Err(error), ExpectedAnswer::LetIn) => error,
        (Err(error), _) if error.code == REFUSED => return Ok(()),
        // The provider does not have the client ID, or not yet: that keeps the token out as well.
        (Err(error), ExpectedAnswer::RefusedForAudience) if error.code == INVALID => return Ok(()),
        (Err(error), _) => error,
    };
    Err(match error.kind() {
        Kind::Throttled | Kind::Unavailable | Kind::NotAws | Kind::LimitExceeded | Kind::Conflict => {
            Unproven::NotJudged(error)
        }
        _ => Unproven::Refused(Box::new(RefusedToken { shown, token, error })),
    })
}

#[cfg(test)]
mod tests;
