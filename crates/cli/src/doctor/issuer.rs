//! A federation by itself: what AWS sees of its issuer.

use futures::future::join;
use irsa_core::{
    explain::{Clocks, Evidence, Expectation, Request, Unseen, explain_issuer},
    issuer::IssuerUrl,
    trust::{Audience, NonEmptySet, Subject},
    vocabulary::CANARY_SERVICE_ACCOUNT,
};

use super::{
    diagnosis::{Diagnosis, ExaminedObject, StsAnswer},
    expectation,
    outside::Outside,
};
use crate::{aws, cluster::Cluster, failure::Failure};

/// Looks at a federation by itself: no token is asked for.
///
/// # Errors
/// It is not there or cannot be read, or its spec was never valid.
pub(super) async fn examined(cluster: &Cluster, name: &str) -> Result<Diagnosis, Failure> {
    let found = cluster.federation(name).await;
    let found = found.map_err(|unseen| format!("the OidcFederation {name} cannot be read: {unseen}"))?;
    let federation = found.ok_or_else(|| format!("there is no OidcFederation {name}; see --context"))?;
    let issuer = IssuerUrl::parse(&federation.spec.issuer)?;
    let audiences = federation
        .spec
        .audiences
        .iter()
        .map(|audience| Audience::new(audience.as_str()));
    let audiences = audiences.collect::<Result<Vec<_>, _>>()?;
    let none = || format!("the OidcFederation {name} has no audience");
    let audience = audiences.first().cloned().ok_or_else(none)?;
    let provider_arn = expectation::provider_arn(&federation, &issuer, None);
    let is_registered = provider_arn.is_some();
    let expected = Expectation {
        provider_arn: provider_arn.unwrap_or_default(),
        issuer,
        role_arn: String::new(),
        subject: Subject::new("kube-system", CANARY_SERVICE_ACCOUNT)?,
        audiences: NonEmptySet::new(audiences).ok_or_else(none)?,
        audience,
    };
    let connect = aws::connect()?;
    let (signing, outside) = join(
        cluster.signing(),
        Box::pin(Outside::of(&connect, Some(&federation), &expected)),
    )
    .await;
    let unasked = || Unseen::because("no role is looked at");
    let evidence = Evidence {
        clocks: Clocks {
            aws: outside.clock,
            api_server: signing.clock.clone(),
        },
        api_servers: signing.facts(Err(unasked())),
        discovery: outside.documents.discovery,
        jwks: outside.documents.jwks,
        provider: if is_registered {
            outside.provider
        } else {
            Err(Unseen::because(
                "nothing says yet in which account it is to be registered",
            ))
        },
        role: Err(unasked()),
        token: Err(unasked()),
        request: Request {
            role_arn: String::new(),
            session_name: Ok(None),
            duration_seconds: None,
        },
        pod: None,
        expected,
    };
    let about = ExaminedObject {
        federation: Some(name.to_owned()),
        ready: Some(expectation::ready_in_words(&federation)),
        ..ExaminedObject::default()
    };
    let sts = StsAnswer::NotAsked("no role is looked at".to_owned());
    Ok(Diagnosis::of(about, &explain_issuer(&evidence), sts))
}
