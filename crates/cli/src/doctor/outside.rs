//! What the public and AWS tell, with the credentials of whoever asks.

use futures::future::{join, join3};
use irsa_api::{OidcFederation, Publish};
use irsa_aws::{Connect, Connection, PublicRead, PublicReader, SdkConnect};
use irsa_core::{
    explain::{Expectation, Fact, ProviderFacts, RoleFacts, Unseen},
    issuer::IssuerUrl,
    naming::account_of,
};
use irsa_pipeline::{
    evidence::{self, FetchedDocuments},
    spec::federation_view::connection,
};
use jiff::{SignedDuration, Timestamp};

use crate::cluster::http_date;

/// What the public and AWS tell.
pub(super) struct Outside {
    pub(super) region: String,
    pub(super) clock: Fact<Timestamp>,
    pub(super) documents: FetchedDocuments,
    pub(super) provider: Fact<Option<ProviderFacts>>,
    pub(super) role: Fact<Option<RoleFacts>>,
}

impl Outside {
    /// Reads them.
    pub(super) async fn of(connect: &SdkConnect, federation: Option<&OidcFederation>, expected: &Expectation) -> Self {
        let connection = federation.map_or_else(empty, connection);
        let in_s3 = federation.is_some_and(|federation| match &federation.spec.publish {
            Publish::S3(s3) => expected.issuer.is_served_by_bucket(&s3.bucket, &s3.region),
            Publish::External(_) => false,
        });
        let public = connect.public_reader();
        let documents = evidence::published_documents(&public, &expected.issuer, &Timestamp::now);
        let (documents, clock, (provider, role)) = join3(
            documents,
            clock(&public, &expected.issuer, in_s3),
            in_account(connect, &connection, expected),
        )
        .await;
        Self {
            region: connection.region,
            clock,
            documents,
            provider,
            role,
        }
    }
}

fn empty() -> Connection {
    Connection {
        region: String::new(),
        account_id: None,
        assume_role: None,
    }
}

/// What time it is at AWS: as S3 says it. What somebody else serves says what time it is there.
async fn clock(public: &impl PublicReader, issuer: &IssuerUrl, in_s3: bool) -> Fact<Timestamp> {
    if !in_s3 {
        return Err(Unseen::because(
            "nothing that S3 itself serves says what time it is at AWS",
        ));
    }
    let read = public.read(&issuer.discovery_url(), None).await;
    let Ok(PublicRead::Document(document)) = read else {
        return Err(Unseen::because(
            "the discovery document, which would say what time it is at AWS, cannot be read",
        ));
    };
    // A cache on the way keeps the date of when it was filled (RFC 9111, 5.1).
    let age = document.age.as_deref().map_or(Ok(0), str::parse::<i64>);
    let age = age.map_err(|_| Unseen::because("the answer's Age cannot be read"))?;
    let made = http_date(document.date.as_deref())?;
    made.checked_add(SignedDuration::from_secs(age))
        .map_err(|_| Unseen::because("the answer's Age is no age"))
}

/// Provider and role, with the credentials of whoever asks.
async fn in_account(
    connect: &SdkConnect,
    connection: &Connection,
    expected: &Expectation,
) -> (Fact<Option<ProviderFacts>>, Fact<Option<RoleFacts>>) {
    let own = Connection {
        account_id: account_of(&expected.provider_arn).map(str::to_owned),
        // The role that the operator takes is not the role of whoever asks.
        assume_role: None,
        ..connection.clone()
    };
    match connect.connect(&own).await {
        Ok(aws) => {
            let role = async {
                if expected.role_arn.is_empty() {
                    return Err(Unseen::because("no role is looked at"));
                }
                evidence::role(&aws, &expected.role_arn).await
            };
            join(evidence::provider(&aws, &expected.provider_arn), role).await
        }
        Err(error) => (Err(evidence::unseen(&error)), Err(evidence::unseen(&error))),
    }
}
