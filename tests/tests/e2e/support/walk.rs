//! What people do by hand today, one method per step. Nothing of irsa-anywhere is in it.

use aws_config::SdkConfig;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration};
use irsa_testkit::{
    aws::AwsDouble,
    controlplane::{ApiServer, ControlPlane, SigningKey},
};
use irsa_tests::admin;
use serde_json::json;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";
pub(crate) const ISSUER_BUCKET: &str = "acme-irsa";
pub(crate) const ISSUER: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";
pub(crate) const DATA_BUCKET: &str = "acme-data";
const PREFIX: &str = "clusters/prod";
const PROVIDER: &str = "acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";

/// A cluster that signs as a bucket's address, an AWS account, and its administrator.
pub(crate) struct Walk {
    pub(crate) cluster: ControlPlane,
    pub(crate) aws: AwsDouble,
    admin: SdkConfig,
}

impl Walk {
    pub(crate) async fn start(key: SigningKey) -> Self {
        let cluster = ControlPlane::builder()
            .issuer(ISSUER)
            .jwks_uri(format!("{ISSUER}/openid/v1/jwks"))
            .signing_key(key)
            .start()
            .await
            .unwrap();
        let aws = AwsDouble::builder().start().await.unwrap();
        let admin = admin::root(&aws, ACCOUNT, REGION).await.unwrap();
        Self { cluster, aws, admin }
    }

    /// A bucket whose policy lets anyone read the two documents.
    pub(crate) async fn make_issuer_bucket(&self) {
        let s3 = self.s3();
        self.create_bucket(ISSUER_BUCKET).await;
        let open_to_policies = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(false)
            .restrict_public_buckets(false)
            .build();
        s3.put_public_access_block()
            .bucket(ISSUER_BUCKET)
            .public_access_block_configuration(open_to_policies)
            .send()
            .await
            .unwrap();
        let objects = ["/.well-known/openid-configuration", "/openid/v1/jwks"]
            .map(|path| format!("arn:aws:s3:::{ISSUER_BUCKET}/{PREFIX}{path}"));
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": objects,
        }]});
        s3.put_bucket_policy()
            .bucket(ISSUER_BUCKET)
            .policy(policy.to_string())
            .send()
            .await
            .unwrap();
    }

    /// Copies what an API server serves about its keys into the bucket, byte for byte.
    pub(crate) async fn publish(&self, server: &ApiServer) {
        for path in ["/.well-known/openid-configuration", "/openid/v1/jwks"] {
            let document = server.client().get(path).await.unwrap();
            assert!(document.is_success(), "{}", document.message());
            self.s3()
                .put_object()
                .bucket(ISSUER_BUCKET)
                .key(format!("{PREFIX}{path}"))
                .content_type("application/json")
                .body(document.bytes.into())
                .send()
                .await
                .unwrap();
        }
    }

    pub(crate) async fn register_provider(&self) {
        self.iam()
            .create_open_id_connect_provider()
            .url(ISSUER)
            .client_id_list(AUDIENCE)
            .send()
            .await
            .unwrap();
    }

    /// A role for one ServiceAccount that may list the data bucket; returns its ARN.
    pub(crate) async fn create_role(&self, namespace: &str, service_account: &str) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{PROVIDER}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{PROVIDER}:aud"): AUDIENCE,
                format!("{PROVIDER}:sub"): format!("system:serviceaccount:{namespace}:{service_account}"),
            }},
        }]});
        let may_list = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "s3:ListBucket", "Resource": format!("arn:aws:s3:::{DATA_BUCKET}"),
        }]});
        let iam = self.iam();
        let role = iam
            .create_role()
            .role_name("by-hand")
            .assume_role_policy_document(trust.to_string())
            .send()
            .await
            .unwrap();
        iam.put_role_policy()
            .role_name("by-hand")
            .policy_name("list")
            .policy_document(may_list.to_string())
            .send()
            .await
            .unwrap();
        role.role().unwrap().arn().to_owned()
    }

    /// The bucket that the pod wants to see.
    pub(crate) async fn make_data_bucket(&self, keys: &[&str]) {
        self.create_bucket(DATA_BUCKET).await;
        for key in keys {
            self.s3()
                .put_object()
                .bucket(DATA_BUCKET)
                .key(*key)
                .send()
                .await
                .unwrap();
        }
    }

    /// STS's verdict on a token: the assumed role's ARN, or AWS's error code.
    pub(crate) async fn assume(&self, role_arn: &str, token: &str) -> Result<String, String> {
        use aws_sdk_sts::error::ProvideErrorMetadata;
        let answer = aws_sdk_sts::Client::new(&self.admin)
            .assume_role_with_web_identity()
            .role_arn(role_arn)
            .role_session_name("by-hand")
            .web_identity_token(token)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.assumed_role_user().unwrap().arn().to_owned()),
            Err(error) => Err(error.code().map_or_else(|| format!("{error:?}"), str::to_owned)),
        }
    }

    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.admin)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.admin)
    }

    async fn create_bucket(&self, name: &str) {
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(REGION))
            .build();
        self.s3()
            .create_bucket()
            .bucket(name)
            .create_bucket_configuration(place)
            .send()
            .await
            .unwrap();
    }
}
