//! The usual scene: an account with a role that trusts one ServiceAccount of one issuer.

use http::Method;
use irsa_testkit::aws::{
    AwsDouble, Credentials, Site,
    s3::{BucketOptions, PublicAccessBlock},
};
use serde_json::{Value, json};

use super::{
    client::{Answer, Request, call, send},
    issuer::{Key, claims, discovery, rsa},
};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const STS: &str = "sts.eu-central-1.amazonaws.com";
pub(crate) const IAM: &str = "iam.amazonaws.com";
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";
pub(crate) const SUBJECT: &str = "system:serviceaccount:shop:app";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/irsa/app";
/// The host of the issuer that is a plain static site.
pub(crate) const SITE: &str = "issuer.example.com";
/// The bucket of the issuer that is in S3, in another account than the role.
pub(crate) const BUCKET: &str = "acme-issuer";

/// A double with an issuer, its provider and a role.
pub(crate) struct Stage {
    pub(crate) aws: AwsDouble,
    pub(crate) root: Credentials,
    pub(crate) issuer: String,
    pub(crate) key: Key,
    pub(crate) site: Option<Site>,
}

pub(crate) fn trust(issuer: &str) -> Value {
    let name = issuer.trim_start_matches("https://");
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{name}")},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {format!("{name}:aud"): AUDIENCE, format!("{name}:sub"): SUBJECT}},
    }]})
}

impl Stage {
    /// The issuer is a plain static HTTPS site; S3 has nothing to do with it.
    pub(crate) async fn with_site() -> Self {
        let aws = AwsDouble::builder().start().await.unwrap();
        let site = aws.site(SITE).await.unwrap();
        let stage = Self::new(aws, format!("https://{SITE}"), Some(site), rsa(0)).await;
        stage.publish();
        stage
    }

    /// The issuer is a prefix of a bucket.
    pub(crate) async fn with_bucket() -> Self {
        let aws = AwsDouble::builder().start().await.unwrap();
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "read", "Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": [
                format!("arn:aws:s3:::{BUCKET}/prod/.well-known/openid-configuration"),
                format!("arn:aws:s3:::{BUCKET}/prod/openid/v1/jwks")]}]});
        let blocks = PublicAccessBlock {
            block_public_policy: false,
            restrict_public_buckets: false,
            ..PublicAccessBlock::ALL
        };
        aws.account("210987654321").create_bucket(
            BUCKET,
            BucketOptions {
                policy: Some(policy),
                public_access_block: Some(blocks),
                ..BucketOptions::in_region(REGION)
            },
        );
        let issuer = format!("https://{BUCKET}.s3.{REGION}.amazonaws.com/prod");
        let stage = Self::new(aws, issuer, None, rsa(0)).await;
        stage.publish();
        stage
    }

    async fn new(aws: AwsDouble, issuer: String, site: Option<Site>, key: Key) -> Self {
        let root = aws.account(ACCOUNT).root_credentials();
        let stage = Self {
            aws,
            root,
            issuer,
            key,
            site,
        };
        stage
            .iam(&[
                ("Action", "CreateOpenIDConnectProvider"),
                ("Url", &stage.issuer),
                ("ClientIDList.member.1", AUDIENCE),
            ])
            .await;
        let trust = trust(&stage.issuer).to_string();
        stage
            .iam(&[
                ("Action", "CreateRole"),
                ("RoleName", "app"),
                ("Path", "/irsa/"),
                ("AssumeRolePolicyDocument", &trust),
                ("MaxSessionDuration", "7200"),
            ])
            .await;
        stage
    }

    /// Serves one document of the issuer, wherever that is.
    pub(crate) fn put(&self, path: &str, document: &Value) {
        let body = document.to_string();
        match &self.site {
            Some(site) => site.put(path, body),
            None => {
                assert!(self.aws.put_object(BUCKET, &format!("prod{path}"), body));
            }
        }
    }

    /// Serves both documents, as they should be.
    pub(crate) fn publish(&self) {
        self.put("/.well-known/openid-configuration", &discovery(&self.issuer));
        self.put("/openid/v1/jwks", &json!({"keys": [self.key.jwk("k1")]}));
    }

    /// An IAM call of root that must work.
    pub(crate) async fn iam(&self, parameters: &[(&str, &str)]) -> Answer {
        let version = std::iter::once(("Version", "2010-05-08"));
        let answer = call(
            &self.aws,
            &self.root,
            Request::form(IAM, parameters.iter().copied().chain(version)),
        )
        .await;
        assert_eq!(answer.status, 200, "{parameters:?}: {}", answer.body);
        answer
    }

    /// The claims of a good token.
    pub(crate) fn claims(&self) -> Value {
        claims(&self.issuer, AUDIENCE, SUBJECT)
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.key.algorithm(), "kid": "k1", "typ": "JWT"})
    }

    /// A token that must be accepted.
    pub(crate) fn token(&self) -> String {
        self.key.token(&self.header(), &self.claims())
    }

    /// AssumeRoleWithWebIdentity, anonymously, with extra or other parameters.
    pub(crate) async fn assume_with(&self, token: &str, others: &[(&str, &str)]) -> Answer {
        let mut parameters = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "test"),
            ("WebIdentityToken", token),
        ];
        parameters.retain(|(name, _)| !others.iter().any(|(other, _)| other == name));
        parameters.extend(others.iter().copied().filter(|(_, value)| !value.is_empty()));
        send(&self.aws, Request::form(STS, parameters)).await.unwrap()
    }

    pub(crate) async fn assume(&self, token: &str) -> Answer {
        self.assume_with(token, &[]).await
    }

    /// Lets the role do this.
    pub(crate) async fn allow(&self, action: &str, resource: &str) {
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]});
        let policy = policy.to_string();
        self.iam(&[
            ("Action", "PutRolePolicy"),
            ("RoleName", "app"),
            ("PolicyName", "p"),
            ("PolicyDocument", &policy),
        ])
        .await;
    }
}

/// `GET` of the whole list of a bucket.
pub(crate) fn list_bucket(bucket: &str) -> Request {
    Request::new(
        Method::GET,
        &format!("{bucket}.s3.{REGION}.amazonaws.com"),
        "/?list-type=2",
    )
}
