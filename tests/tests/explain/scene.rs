//! An account in which one role trusts one ServiceAccount, as a description that faults change before it is built.

use std::{collections::BTreeSet, sync::Arc, sync::OnceLock, time::SystemTime};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use irsa_aws::{
    AwsTags, Connect, Connection, IdentityProviders, NewOidcProvider, NewRole, NoAnswer, Roles, SdkAws, SdkConnect,
    Settings, StaticCredentials, Wire,
};
use irsa_core::{
    explain::{ApiServerFacts, Clocks, Evidence, Expectation, Request as Asked, SecretToken},
    issuer::IssuerUrl,
    jwks,
    trust::{Audience, NonEmptySet, Subject},
};
use irsa_pipeline::evidence;
use irsa_testkit::{
    aws::{
        InProcess,
        s3::{BucketOptions, Object, PublicAccessBlock},
    },
    controlplane::SigningKey,
};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const BUCKET: &str = "acme-irsa";
pub(crate) const ISSUER: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/prod";
pub(crate) const AUDIENCE: &str = "sts.amazonaws.com";
pub(crate) const SUBJECT: &str = "system:serviceaccount:shop:app";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/irsa/app";
/// When it all happens.
pub(crate) const NOW: i64 = 1_767_225_600;

/// A key of each kind that AWS takes; the last is quick to sign with.
pub(crate) fn keys() -> &'static [SigningKey] {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        vec![
            SigningKey::generate_rsa().unwrap(),
            SigningKey::generate_ec_p384().unwrap(),
            SigningKey::generate_ec_p521().unwrap(),
            SigningKey::generate_ec_p256().unwrap(),
        ]
    })
}

/// What is to be built.
pub(crate) struct Scene {
    pub(crate) key: &'static SigningKey,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    /// What becomes of the token after it is signed.
    pub(crate) spoil: Option<fn(&str) -> String>,
    pub(crate) client_ids: Option<Vec<String>>,
    pub(crate) trust: Option<Value>,
    pub(crate) discovery: Option<Value>,
    pub(crate) jwks: Option<Value>,
    pub(crate) blocks: PublicAccessBlock,
    pub(crate) asked: Asked,
    /// What time it is at AWS.
    pub(crate) time: i64,
}

impl Scene {
    pub(crate) fn sound(key: &'static SigningKey) -> Self {
        let name = ISSUER.trim_start_matches("https://");
        Self {
            key,
            header: json!({"alg": key.algorithm(), "kid": key.key_id()}),
            claims: json!({
                "iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 3540, "jti": "x",
            }),
            spoil: None,
            client_ids: Some(vec![AUDIENCE.to_owned(), "vault".to_owned()]),
            trust: Some(json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{name}")},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {format!("{name}:aud"): AUDIENCE, format!("{name}:sub"): SUBJECT}},
            }]})),
            discovery: Some(json!({
                "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/openid/v1/jwks"), "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": [key.algorithm()],
            })),
            jwks: Some(json!({"keys": [key.jwk().unwrap()]})),
            blocks: PublicAccessBlock::ACLS_ONLY,
            asked: Asked {
                role_arn: ROLE.to_owned(),
                session_name: Ok(Some("app-7d9".to_owned())),
                duration_seconds: None,
            },
            time: NOW,
        }
    }

    /// The condition of the trust policy's statement on a claim.
    pub(crate) fn pin(&mut self, claim: &str) -> &mut Value {
        let name = ISSUER.trim_start_matches("https://");
        let pins = self
            .trust
            .as_mut()
            .unwrap()
            .pointer_mut("/Statement/0/Condition/StringEquals");
        pins.unwrap().get_mut(format!("{name}:{claim}")).unwrap()
    }

    /// The trust policy's only statement.
    pub(crate) fn statement(&mut self) -> &mut Value {
        &mut self.trust.as_mut().unwrap()["Statement"][0]
    }

    /// Makes it.
    pub(crate) async fn build(self) -> World {
        let aws = InProcess::new(Timestamp::from_second(self.time).unwrap());
        let account = aws.account(ACCOUNT);
        let object = |path: &str| format!("arn:aws:s3:::{BUCKET}/prod/{path}");
        let everybody = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "read", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": [object(".well-known/openid-configuration"), object("openid/v1/jwks")],
        }]});
        let options = BucketOptions::in_region(REGION).with_public_access_block(Some(self.blocks));
        account.create_bucket(BUCKET, options.with_policy(everybody));
        for (path, document) in [
            (".well-known/openid-configuration", &self.discovery),
            ("openid/v1/jwks", &self.jwks),
        ] {
            let Some(document) = document else { continue };
            let mut object = Object::new(document.to_string(), aws.clock().now());
            object
                .headers
                .insert("content-type".to_owned(), "application/json".to_owned());
            assert!(aws.s3(|s3| s3.put_object_directly(BUCKET, &format!("prod/{path}"), object)));
        }
        let root = account.root_credentials();
        let settings = Settings {
            credentials: Some(StaticCredentials::new(
                &root.access_key_id,
                &root.secret_access_key,
                None,
            )),
            ..Settings::default()
        };
        let connect = SdkConnect::over(settings, Arc::new(Inside(aws.clone())));
        let connection = Connection {
            region: REGION.to_owned(),
            account_id: None,
            assume_role: None,
        };
        let sdk = connect.connect(&connection).await.unwrap();
        if let Some(ids) = &self.client_ids {
            let provider = NewOidcProvider {
                url: ISSUER.to_owned(),
                client_ids: ids.iter().cloned().collect::<BTreeSet<_>>(),
                thumbprints: vec!["a".repeat(40)],
                tags: AwsTags::new(),
            };
            sdk.create_provider(&provider).await.unwrap();
        }
        if let Some(trust) = &self.trust {
            let role = NewRole {
                name: "app".to_owned(),
                path: "/irsa/".to_owned(),
                trust_policy: trust.to_string(),
                description: String::new(),
                max_session_seconds: 3600,
                permissions_boundary: None,
                tags: AwsTags::new(),
            };
            sdk.create_role(&role).await.unwrap();
            sdk.attach_policy("app", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
                .await
                .unwrap();
        }
        let token = self.key.sign_jwt(&self.header, &self.claims).unwrap();
        let token = self.spoil.map_or(token.clone(), |spoil| spoil(&token));
        World {
            aws,
            sdk,
            connect,
            token,
            asked: self.asked,
            served: self.key,
        }
    }
}

/// What STS answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    /// Its answer.
    Refused(String),
}

/// The scene, built.
pub(crate) struct World {
    aws: InProcess,
    sdk: SdkAws,
    connect: SdkConnect,
    token: String,
    asked: Asked,
    served: &'static SigningKey,
}

impl World {
    /// Shows the token to STS, as an SDK would.
    pub(crate) async fn shown_to_sts(&self) -> Answer {
        let duration = self.asked.duration_seconds.map(|seconds| seconds.to_string());
        let mut form = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.asked.role_arn),
            (
                "RoleSessionName",
                self.asked
                    .session_name
                    .as_ref()
                    .unwrap()
                    .as_deref()
                    .unwrap_or("botocore-session-1"),
            ),
            ("WebIdentityToken", &self.token),
        ];
        form.extend(duration.as_deref().map(|seconds| ("DurationSeconds", seconds)));
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let body = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let request = Request::post(format!("https://sts.{REGION}.amazonaws.com/"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .unwrap();
        let answer = self.aws.answer(request).await.unwrap();
        if answer.status().is_success() {
            Answer::Accepted
        } else {
            Answer::Refused(String::from_utf8_lossy(answer.body()).into_owned())
        }
    }

    /// What the operator and the command line gather.
    pub(crate) async fn evidence(&self) -> Evidence {
        let issuer = IssuerUrl::parse(ISSUER).unwrap();
        let provider_arn = issuer.provider_arn("aws", ACCOUNT);
        let now = || self.aws.clock().now();
        let documents = evidence::published_documents(&self.connect.public_reader(), &issuer, &now).await;
        let served = json!({"keys": [self.served.jwk().unwrap()]}).to_string();
        Evidence {
            clocks: Clocks {
                aws: Ok(now()),
                api_server: Ok(now() + SignedDuration::ZERO),
            },
            api_servers: Ok(ApiServerFacts {
                issuer: ISSUER.to_owned(),
                keys: jwks::parse(served.as_bytes()).unwrap(),
                shares_audience: Ok(false),
            }),
            discovery: documents.discovery,
            jwks: documents.jwks,
            provider: evidence::provider(&self.sdk, &provider_arn).await,
            role: evidence::role(&self.sdk, ROLE).await,
            token: Ok(SecretToken::new(&*self.token)),
            request: self.asked.clone(),
            pod: None,
            expected: Expectation {
                issuer,
                provider_arn,
                role_arn: ROLE.to_owned(),
                subject: Subject::new("shop", "app").unwrap(),
                audiences: NonEmptySet::one(Audience::new(AUDIENCE).unwrap()),
                audience: Audience::new(AUDIENCE).unwrap(),
            },
        }
    }
}

/// The way to AWS without sockets.
#[derive(Debug)]
struct Inside(InProcess);

impl Wire for Inside {
    fn answer(&self, request: Request<Vec<u8>>) -> BoxFuture<'static, Result<Response<Vec<u8>>, NoAnswer>> {
        let aws = self.0.clone();
        async move {
            let answer = aws.answer(request.map(Bytes::from)).await;
            let answer = answer.map_err(|cut| NoAnswer(cut.to_string()))?;
            Ok(answer.map(|body| body.to_vec()))
        }
        .boxed()
    }

    fn now(&self) -> SystemTime {
        self.0.clock().now().into()
    }
}
