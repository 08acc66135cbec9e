//! Gathers the evidence: from the cluster, from the public, and from AWS, all that do not wait for each other at once.

use futures::future::{join, join3};
use irsa_aws::{
    AssumedRole, AwsError, Connect, Connection, PublicReader, SdkConnect, Settings, WebIdentity, WebIdentityRequest,
};
use irsa_core::{
    explain::{
        Clocks, Evidence, Expectation, Fact, Fetched, PodFacts, ProviderFacts, Request, RoleFacts, Unseen, Variable,
        explain,
    },
    naming::account_of,
};
use irsa_pipeline::{
    aws_errors,
    evidence::{self, FetchedDocuments},
    spec::federation_view::connection,
};
use irsa_process::kubernetes;
use jiff::Timestamp;

use super::{
    diagnosis::{Diagnosis, StsAnswer},
    expectation,
    subject::BoundAccount,
};
use crate::cluster::{Cluster, http_date};

/// How the sessions are named that are made only to see whether they can be.
const SESSION_NAME: &str = "irsa-anywhere-doctor";
/// The shortest session that STS gives, in seconds.
const SHORTEST_SESSION: i32 = 900;

/// Looks, and judges.
pub(crate) async fn examined(cluster: &Cluster, subject: BoundAccount) -> Diagnosis {
    let about = expectation::about(&subject);
    let expected = match expectation::expectation(&subject) {
        Ok(expected) => expected,
        Err(line) => return Diagnosis::stopped(about, line),
    };
    let (evidence, sts) = Box::pin(gathered(cluster, &subject, expected)).await;
    Diagnosis::of(about, &explain(&evidence), sts)
}

async fn gathered(cluster: &Cluster, subject: &BoundAccount, expected: Expectation) -> (Evidence, Option<StsAnswer>) {
    let settings = Settings {
        user_agent: kubernetes::user_agent(),
        ..Settings::default()
    };
    let federation = subject.federation.as_ref().ok().and_then(Option::as_ref);
    let region = federation.map_or_else(empty, connection);
    let (in_cluster, outside) = join(
        InCluster::of(cluster, subject, &expected),
        Box::pin(Outside::of(settings, &region, &expected)),
    )
    .await;
    let sts = match (&outside.connect, &in_cluster.token) {
        (Ok(connect), Ok(token)) => Some(asked(connect, &region.region, &expected, token).await),
        _ => None,
    };
    let evidence = Evidence {
        clocks: Clocks {
            aws: outside.clock,
            api_server: in_cluster.clock,
        },
        api_servers: in_cluster.servers,
        discovery: outside.documents.discovery,
        jwks: outside.documents.jwks,
        provider: outside.provider,
        role: outside.role,
        request: request(&expected, in_cluster.pod.as_ref()),
        token: in_cluster.token,
        pod: in_cluster.pod,
        expected,
    };
    (evidence, sts)
}

fn empty() -> Connection {
    Connection {
        region: String::new(),
        account_id: None,
        assume_role: None,
    }
}

/// What the first container that is meant to would ask for.
fn request(expected: &Expectation, pod: Option<&PodFacts>) -> Request {
    let mut containers = pod.iter().flat_map(|pod| &pod.containers);
    let named = containers.find_map(|container| match container.variables.get("AWS_ROLE_SESSION_NAME") {
        Some(Variable::Value(name)) if !name.is_empty() => Some(name.clone()),
        _ => None,
    });
    Request {
        role_arn: expected.role_arn.clone(),
        session_name: named,
        duration_seconds: None,
    }
}

/// What the cluster tells.
struct InCluster {
    servers: Fact<irsa_core::explain::ApiServerFacts>,
    clock: Fact<Timestamp>,
    token: Fact<String>,
    pod: Option<PodFacts>,
}

impl InCluster {
    async fn of(cluster: &Cluster, subject: &BoundAccount, expected: &Expectation) -> Self {
        let signing = async {
            let token = cluster
                .token(&subject.namespace, &subject.account, expected.audience.as_str())
                .await;
            let shared = match &token {
                Ok(token) => cluster.takes(token).await,
                Err(unseen) => Err(unseen.clone()),
            };
            (token, cluster.signing(shared).await)
        };
        let ((token, signing), pod) = join(signing, pod_facts(cluster, subject)).await;
        Self {
            servers: signing.servers,
            clock: signing.clock,
            token,
            pod,
        }
    }
}

async fn pod_facts(cluster: &Cluster, subject: &BoundAccount) -> Option<PodFacts> {
    let pod = subject.pod.as_ref()?;
    let (namespace, account) = (&subject.namespace, &subject.account);
    let (account, namespace, carrier) = join3(
        cluster.object(&format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}")),
        cluster.object(&format!("/api/v1/namespaces/{namespace}")),
        cluster.carrier(),
    )
    .await;
    let (account, namespace) = (account.ok().flatten(), namespace.ok().flatten());
    let labels = namespace
        .as_ref()
        .and_then(|namespace| namespace.pointer("/metadata/labels"));
    Some(PodFacts {
        carrier,
        ..PodFacts::of(pod, account.as_ref(), labels)
    })
}

/// What the public and AWS tell.
struct Outside {
    connect: Fact<SdkConnect>,
    clock: Fact<Timestamp>,
    documents: FetchedDocuments,
    provider: Fact<Option<ProviderFacts>>,
    role: Fact<Option<RoleFacts>>,
}

impl Outside {
    async fn of(settings: Settings, connection: &Connection, expected: &Expectation) -> Self {
        let connect = match SdkConnect::new(settings) {
            Ok(connect) => connect,
            Err(error) => return Self::unseen(&Unseen::because(error.to_string())),
        };
        let public = connect.public_reader();
        let url = expected.issuer.discovery_url();
        let documents = evidence::published_documents(&public, &url, &Timestamp::now);
        let (documents, clock, (provider, role)) = join3(
            documents,
            clock_of(&public, &url),
            in_account(&connect, connection, expected),
        )
        .await;
        Self {
            connect: Ok(connect),
            clock,
            documents,
            provider,
            role,
        }
    }

    fn unseen(why: &Unseen) -> Self {
        let unread = || Err::<Fetched, _>(why.clone());
        Self {
            connect: Err(why.clone()),
            clock: Err(why.clone()),
            documents: FetchedDocuments {
                discovery: unread(),
                jwks: unread(),
            },
            provider: Err(why.clone()),
            role: Err(why.clone()),
        }
    }
}

/// What time it is where the documents are: in AWS, or somewhere as well kept.
async fn clock_of(public: &impl PublicReader, url: &str) -> Fact<Timestamp> {
    match public.read(url, None).await {
        Ok(irsa_aws::PublicRead::Document(document)) => http_date(document.date.as_deref()),
        _ => Err(Unseen::because("nothing that AWS serves says what time it is there")),
    }
}

/// Provider and role, with the credentials of whoever asks.
async fn in_account(
    connect: &SdkConnect,
    connection: &Connection,
    expected: &Expectation,
) -> (Fact<Option<ProviderFacts>>, Fact<Option<RoleFacts>>) {
    let own = Connection {
        account_id: account_of(&expected.role_arn).map(str::to_owned),
        // The role that the operator takes is not the role of whoever asks.
        assume_role: None,
        ..connection.clone()
    };
    match connect.connect(&own).await {
        Ok(aws) => {
            let provider = evidence::provider(&aws, &expected.provider_arn);
            join(provider, evidence::role(&aws, &expected.role_arn)).await
        }
        Err(error) => {
            let why = Unseen::because(aws_errors::in_words(&error).trim_end_matches('.'));
            (Err(why.clone()), Err(why))
        }
    }
}

/// Shows the token to STS. The credentials are dropped at once.
async fn asked(connect: &SdkConnect, region: &str, expected: &Expectation, token: &str) -> StsAnswer {
    let request = WebIdentityRequest {
        role_arn: expected.role_arn.clone(),
        session_name: SESSION_NAME.to_owned(),
        token: token.to_owned(),
        duration_seconds: Some(SHORTEST_SESSION),
    };
    let answer: Result<AssumedRole, AwsError> = connect.web_identity(region).await.assume(&request).await;
    match answer {
        Ok(role) => StsAnswer {
            accepted: true,
            says: role.arn,
        },
        Err(error) => StsAnswer {
            accepted: false,
            says: format!("{}: {}", error.code, error.message),
        },
    }
}
