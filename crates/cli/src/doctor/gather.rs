//! Gathers the evidence: from the cluster, from the public, and from AWS, all that do not wait for each other at once.

use futures::future::join3;
use irsa_api::OidcFederation;
use irsa_aws::{Kind, SdkConnect, WebIdentity, WebIdentityRequest};
use irsa_core::{
    explain::{Clocks, Evidence, Expectation, Fact, PodFacts, PodSurroundings, Request, SecretToken, Unseen, explain},
    trust::Audience,
};

use super::{
    diagnosis::{Diagnosis, StsAnswer},
    expectation,
    outside::Outside,
    subject::BoundAccount,
};
use crate::{aws, cluster::Cluster, failure::Failure};

/// How the sessions are named that are made only to see whether they can be.
const SESSION_NAME: &str = "irsa-anywhere-doctor";
/// The shortest session that STS gives, in seconds.
const SHORTEST_SESSION: i32 = 900;

/// Looks, and judges.
///
/// # Errors
/// The settings for AWS cannot be used.
pub(crate) async fn examined(cluster: &Cluster, account: BoundAccount, no_token: bool) -> Result<Diagnosis, Failure> {
    let about = expectation::about(&account);
    let expected = match expectation::expectation(&account) {
        Ok(expected) => expected,
        Err(line) => return Ok(Diagnosis::stopped(about, line)),
    };
    let (evidence, sts) = Box::pin(gathered(cluster, &account, expected, no_token)).await?;
    Ok(Diagnosis::of(about, &explain(&evidence), sts))
}

fn federation_of(account: &BoundAccount) -> Option<&OidcFederation> {
    account.federation.as_ref().ok().and_then(Option::as_ref)
}

async fn gathered(
    cluster: &Cluster,
    account: &BoundAccount,
    expected: Expectation,
    no_token: bool,
) -> Result<(Evidence, StsAnswer), Failure> {
    let connect = aws::connect()?;
    let (pod, signing, outside) = join3(
        pod_facts(cluster, account),
        cluster.signing(),
        Box::pin(Outside::of(&connect, federation_of(account), &expected)),
    )
    .await;
    let expected = for_the_pod(expected, &pod);
    let clocks = Clocks {
        aws: outside.clock,
        api_server: signing.clock.clone(),
    };
    let token = if no_token {
        Err(Unseen::because("no token was asked for (--no-token)"))
    } else {
        token(cluster, account, &expected, &clocks).await
    };
    let shares_audience = match &token {
        Ok(token) => cluster.takes(token).await,
        Err(unseen) => Err(unseen.clone()),
    };
    let sts = match &token {
        Ok(token) => asked(&connect, &outside.region, &expected, token).await,
        Err(unseen) => StsAnswer::NotAsked(unseen.to_string()),
    };
    let evidence = Evidence {
        clocks,
        api_servers: signing.facts(shares_audience),
        discovery: outside.documents.discovery,
        jwks: outside.documents.jwks,
        provider: outside.provider,
        role: outside.role,
        request: Request {
            role_arn: expected.role_arn.clone(),
            session_name: pod.session_name(),
            duration_seconds: None,
        },
        token,
        pod: Some(pod),
        expected,
    };
    Ok((evidence, sts))
}

/// With the audience of the token that the pod mounts, where it is one of the binding's.
fn for_the_pod(expected: Expectation, pod: &PodFacts) -> Expectation {
    let shown = pod.shown_audience(expected.audiences.iter().map(Audience::as_str));
    let shown = expected
        .audiences
        .iter()
        .find(|audience| Some(audience.as_str()) == shown);
    Expectation {
        audience: shown.cloned().unwrap_or_else(|| expected.audience.clone()),
        ..expected
    }
}

/// A token that is good for ten minutes by AWS's clock, whatever the API server's says.
async fn token(
    cluster: &Cluster,
    account: &BoundAccount,
    expected: &Expectation,
    clocks: &Clocks,
) -> Fact<SecretToken> {
    let ahead = match (&clocks.aws, &clocks.api_server) {
        (Ok(aws), Ok(api_server)) => aws.as_second().saturating_sub(api_server.as_second()),
        _ => 0,
    };
    cluster
        .token(&account.namespace, &account.account, expected.audience.as_str(), ahead)
        .await
}

/// The pod, or a new one of the ServiceAccount.
async fn pod_facts(cluster: &Cluster, subject: &BoundAccount) -> PodFacts {
    let (namespace, account) = (&subject.namespace, &subject.account);
    let (account_path, namespace_path) = (
        format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}"),
        format!("/api/v1/namespaces/{namespace}"),
    );
    let (account, namespace, carrier) = join3(
        cluster.object(&account_path),
        cluster.object(&namespace_path),
        cluster.carrier(),
    )
    .await;
    let around = PodSurroundings {
        account: account.as_ref().map(Option::as_ref).map_err(Clone::clone),
        namespace: namespace.as_ref().map(Option::as_ref).map_err(Clone::clone),
        carrier,
    };
    match &subject.pod {
        Some(pod) => PodFacts::of(pod, &around),
        None => PodFacts::new_one(&around),
    }
}

/// Shows the token to STS. The credentials are dropped at once.
async fn asked(connect: &SdkConnect, region: &str, expected: &Expectation, token: &SecretToken) -> StsAnswer {
    let request = WebIdentityRequest {
        role_arn: expected.role_arn.clone(),
        session_name: SESSION_NAME.to_owned(),
        token: token.expose().to_owned(),
        duration_seconds: Some(SHORTEST_SESSION),
    };
    match connect.web_identity(region).await.assume(&request).await {
        Ok(role) => StsAnswer::Accepted(role.arn),
        Err(error) => match error.kind() {
            // It has not judged the token.
            Kind::Unavailable | Kind::Throttled | Kind::NotAws | Kind::LimitExceeded => {
                StsAnswer::NotAsked(error.to_string())
            }
            _ => StsAnswer::Refused(format!("{}: {}", error.code, error.message)),
        },
    }
}
