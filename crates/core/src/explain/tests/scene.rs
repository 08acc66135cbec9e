//! A pod whose way to its credentials is sound, to be broken by tests.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::super::{
    ApiServerFacts, Clocks, ContainerFacts, Evidence, Expectation, Fetched, PodFacts, ProviderFacts, Request,
    RoleFacts, SecretToken, TokenFile, Variable,
};
use crate::{
    issuer::IssuerUrl,
    jwks,
    trust::{Audience, NonEmptySet, Subject},
};

pub(super) const ISSUER: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";
pub(super) const PROVIDER: &str =
    "arn:aws:iam::123456789012:oidc-provider/acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/irsa/a1/app";
pub(super) const SUBJECT: &str = "system:serviceaccount:shop:app";
pub(super) const AUDIENCE: &str = "sts.amazonaws.com";
pub(super) const NOW: i64 = 1_900_000_000;
pub(super) const TOKEN_FILE: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";

/// A signing key on P-256.
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": kid, "x": encode(x), "y": encode(y)})
    }

    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(signature))
    }
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The evidence, and what its parts are made of.
pub(super) struct Scene {
    pub(super) signer: Signer,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) discovery: Value,
    pub(super) jwks: Value,
    pub(super) trust: Value,
    /// The rest; its token, documents and trust policy are made of the above.
    pub(super) evidence: Evidence,
}

impl Scene {
    pub(super) fn sound() -> Self {
        let signer = Signer::new();
        let jwks = json!({"keys": [signer.jwk("k1")]});
        let issuer = IssuerUrl::parse(ISSUER).unwrap();
        let fetched = |url: String| Fetched {
            url,
            outcome: Ok((Vec::new(), Some("application/json".to_owned()))),
            took_ms: 80,
        };
        let time = Timestamp::from_second(NOW).unwrap();
        let name = issuer.without_scheme();
        let evidence = Evidence {
            clocks: Clocks {
                aws: Ok(time),
                api_server: Ok(time),
            },
            api_servers: Ok(ApiServerFacts {
                issuer: ISSUER.to_owned(),
                keys: jwks::parse(jwks.to_string().as_bytes()).unwrap(),
                shares_audience: Ok(false),
            }),
            discovery: Ok(fetched(issuer.discovery_url())),
            jwks: Ok(fetched(issuer.jwks_url())),
            provider: Ok(Some(ProviderFacts {
                url: name.to_owned(),
                client_ids: vec![AUDIENCE.to_owned()],
            })),
            role: Ok(Some(RoleFacts {
                arn: ROLE.to_owned(),
                trust: String::new(),
                max_session_seconds: 3600,
                boundary: None,
                policies: Ok(vec!["AmazonS3ReadOnlyAccess".to_owned()]),
            })),
            token: Ok(SecretToken::new("")),
            request: Request {
                role_arn: ROLE.to_owned(),
                session_name: Ok(Some("app-7d9".to_owned())),
                duration_seconds: None,
            },
            pod: Some(pod()),
            expected: Expectation {
                issuer: issuer.clone(),
                provider_arn: PROVIDER.to_owned(),
                role_arn: ROLE.to_owned(),
                subject: Subject::new("shop", "app").unwrap(),
                audiences: NonEmptySet::one(Audience::new(AUDIENCE).unwrap()),
                audience: Audience::new(AUDIENCE).unwrap(),
            },
        };
        Self {
            header: json!({"alg": "ES256", "kid": "k1"}),
            claims: json!({"iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 3540}),
            discovery: json!({
                "issuer": ISSUER, "jwks_uri": issuer.jwks_url(), "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"],
            }),
            trust: json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {format!("{name}:aud"): AUDIENCE, format!("{name}:sub"): SUBJECT}},
            }]}),
            signer,
            jwks,
            evidence,
        }
    }

    /// The evidence with token, documents and trust policy as they are by now; what a test has put there itself stays.
    pub(super) fn evidence(mut self) -> Evidence {
        let token = self.signer.token(&self.header, &self.claims);
        if let Ok(shown) = &mut self.evidence.token
            && shown.expose().is_empty()
        {
            *shown = SecretToken::new(token);
        }
        for (fetched, document) in [
            (&mut self.evidence.discovery, &self.discovery),
            (&mut self.evidence.jwks, &self.jwks),
        ] {
            if let Ok(Fetched {
                outcome: Ok((bytes, _)),
                ..
            }) = fetched
                && bytes.is_empty()
            {
                *bytes = document.to_string().into_bytes();
            }
        }
        if let Ok(Some(role)) = &mut self.evidence.role
            && role.trust.is_empty()
        {
            role.trust = self.trust.to_string();
        }
        self.evidence
    }

    pub(super) fn pod(&mut self) -> &mut PodFacts {
        self.evidence.pod.as_mut().unwrap()
    }

    pub(super) fn container(&mut self) -> &mut ContainerFacts {
        self.pod().containers.first_mut().unwrap()
    }

    pub(super) fn role(&mut self) -> &mut RoleFacts {
        self.evidence.role.as_mut().unwrap().as_mut().unwrap()
    }

    pub(super) fn provider(&mut self) -> &mut ProviderFacts {
        self.evidence.provider.as_mut().unwrap().as_mut().unwrap()
    }

    pub(super) fn servers(&mut self) -> &mut ApiServerFacts {
        self.evidence.api_servers.as_mut().unwrap()
    }

    /// The pins of the trust policy's statement.
    pub(super) fn pins(&mut self) -> &mut Value {
        self.trust.pointer_mut("/Statement/0/Condition/StringEquals").unwrap()
    }
}

/// A pod that was injected.
fn pod() -> PodFacts {
    let value = |text: &str| Variable::Value(text.to_owned());
    PodFacts {
        created: Timestamp::from_second(NOW - 600).ok(),
        left_out: Ok(None),
        account_role: Ok(Some(ROLE.to_owned())),
        account_changed: Timestamp::from_second(NOW - 6000).ok(),
        carrier: Ok(Ok("irsa-anywhere-inject".to_owned())),
        containers: vec![ContainerFacts {
            name: "app".to_owned(),
            skipped: false,
            variables: BTreeMap::from([
                ("AWS_ROLE_ARN".to_owned(), value(ROLE)),
                ("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned(), value(TOKEN_FILE)),
                ("AWS_REGION".to_owned(), value("eu-central-1")),
                ("AWS_DEFAULT_REGION".to_owned(), value("eu-central-1")),
            ]),
            env_from: Vec::new(),
            token_files: BTreeMap::from([(TOKEN_FILE.to_owned(), token_file(AUDIENCE))]),
        }],
    }
}

pub(super) fn token_file(audience: &str) -> TokenFile {
    TokenFile {
        audience: audience.to_owned(),
        renewed: true,
    }
}
