//! Why STS refuses a token: explain, over what the operator can see.

use futures::future::join3;
use irsa_aws::{IdentityProviders, PublicReader, Roles};
use irsa_core::{
    explain::{Clocks, Evidence, Expectation, Finding, Request, Unseen, explain},
    issuer::IssuerUrl,
    proof::{RoleProof, SESSION_NAME, ShownToken},
    trust::{Audience, Subject},
};
use jiff::Timestamp;

use super::RefusedToken;
use crate::evidence;

/// Why STS refused a token: the first check that fails over the token, the documents as anybody gets them, the provider and the role.
/// Four reads, none of which has to succeed. `now` is asked before and after those of the documents.
pub async fn cause(
    aws: &(impl IdentityProviders + Roles),
    public: &impl PublicReader,
    proof: &RoleProof,
    refused: &RefusedToken,
    now: &(impl Fn() -> Timestamp + Sync),
) -> Option<Finding> {
    let expected = expectation(proof, &refused.shown)?;
    let (documents, provider, role) = join3(
        evidence::published_documents(public, &expected.issuer, now),
        evidence::provider(aws, &proof.provider_arn),
        evidence::role_alone(aws, &proof.role_arn),
    )
    .await;
    let unseen = || Unseen::because("it is not looked at for a proof");
    let explanation = explain(&Evidence {
        clocks: Clocks {
            aws: Err(unseen()),
            api_server: Err(unseen()),
        },
        api_servers: Err(unseen()),
        discovery: documents.discovery,
        jwks: documents.jwks,
        provider,
        role,
        token: Ok(refused.token.clone()),
        request: Request {
            role_arn: proof.role_arn.clone(),
            session_name: Ok(Some(SESSION_NAME.to_owned())),
            duration_seconds: None,
        },
        pod: None,
        expected,
    });
    explanation.cause().cloned()
}

fn expectation(proof: &RoleProof, shown: &ShownToken) -> Option<Expectation> {
    let (_, issuer) = proof.provider_arn.split_once(":oidc-provider/")?;
    Some(Expectation {
        issuer: IssuerUrl::parse(&format!("https://{issuer}")).ok()?,
        provider_arn: proof.provider_arn.clone(),
        role_arn: proof.role_arn.clone(),
        subject: Subject::new(&shown.account.namespace, &shown.account.name).ok()?,
        audiences: proof.audiences.clone(),
        audience: Audience::new(shown.audience.as_str()).ok()?,
    })
}
