//! A double with one account, the bucket of the samples, and connections to it.

use std::time::Duration;

use irsa_aws::{
    AwsError, AwsTags, Bucket, Connect, Connection, NewDocument, NewRole, ObjectRef, Proxy, SdkAws, SdkConnect,
    Settings, StaticCredentials, Timeouts,
};
use irsa_testkit::aws::{
    AwsDouble, Credentials,
    s3::{BucketOptions, PublicAccessBlock},
};
use irsa_tests::world::{ACCOUNT, ISSUER_BUCKET, REGION, operator_policy};
use serde_json::Value;

pub(crate) struct Bench {
    pub(crate) double: AwsDouble,
    pub(crate) credentials: Credentials,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::with_policy(&operator_policy().unwrap()).await
    }

    /// The operator's user with another policy.
    pub(crate) async fn with_policy(policy: &str) -> Self {
        let double = AwsDouble::builder().start().await.unwrap();
        let account = double.account(ACCOUNT);
        let mut options = BucketOptions::in_region(REGION);
        options.public_access_block = Some(PublicAccessBlock::ACLS_ONLY);
        account.create_bucket(ISSUER_BUCKET, options);
        let credentials = account.create_user("irsa-anywhere", policy).unwrap();
        Self { double, credentials }
    }

    /// Settings that reach the double, with short time limits.
    pub(crate) fn settings(&self) -> Settings {
        let keys = &self.credentials;
        Settings {
            ca_bundle: Some(self.double.ca_bundle().to_owned()),
            proxy: Proxy::Url(self.double.proxy_url()),
            credentials: Some(StaticCredentials::new(
                &keys.access_key_id,
                &keys.secret_access_key,
                None,
            )),
            timeouts: Timeouts {
                read: Duration::from_secs(1),
                attempt: Duration::from_secs(1),
                operation: Duration::from_secs(4),
                ..Timeouts::default()
            },
            ..Settings::default()
        }
    }

    pub(crate) fn sdk(&self) -> SdkConnect {
        SdkConnect::new(self.settings()).unwrap()
    }

    pub(crate) async fn connect(&self) -> SdkAws {
        self.sdk().connect(&here()).await.unwrap()
    }

    /// An error tells what failed and no secret, however it is printed.
    pub(crate) fn tells_no_secret(&self, error: &AwsError) {
        let text = format!("{error} {error:?}");
        assert!(!text.contains(&self.credentials.secret_access_key), "{text}");
        assert!(!text.contains(&self.credentials.access_key_id), "{text}");
    }
}

pub(crate) fn here() -> Connection {
    Connection {
        region: REGION.to_owned(),
        account_id: None,
        assume_role: None,
    }
}

pub(crate) fn bucket() -> Bucket {
    Bucket {
        name: ISSUER_BUCKET.to_owned(),
        region: REGION.to_owned(),
        owner: ACCOUNT.to_owned(),
    }
}

pub(crate) fn jwks() -> ObjectRef {
    ObjectRef {
        bucket: bucket(),
        key: "clusters/demo/openid/v1/jwks".to_owned(),
    }
}

pub(crate) fn document(text: &str) -> NewDocument {
    NewDocument {
        bytes: text.as_bytes().to_vec(),
        content_type: "application/json".to_owned(),
        cache_control: "public, max-age=300".to_owned(),
        metadata: [("irsa-anywhere-cluster".to_owned(), "c-1".to_owned())].into(),
    }
}

/// A role that trusts somebody, with nothing special about it.
pub(crate) fn role(name: &str, trust: &Value) -> NewRole {
    NewRole {
        name: name.to_owned(),
        path: "/".to_owned(),
        trust_policy: trust.to_string(),
        description: String::new(),
        max_session_seconds: 3600,
        permissions_boundary: None,
        tags: AwsTags::default(),
    }
}
