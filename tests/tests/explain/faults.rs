//! What goes wrong, one thing each.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use irsa_core::explain::Check;
use irsa_testkit::aws::s3::PublicAccessBlock;
use serde_json::{Value, json};

use crate::scene::{ACCOUNT, AUDIENCE, ISSUER, NOW, SUBJECT, Scene, keys};

/// A fault.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) break_it: fn(&mut Scene),
    /// The check that is to be named first; `None`: it is none, and STS accepts.
    pub(crate) cause: Option<Check>,
}

const fn fault(name: &'static str, cause: Check, break_it: fn(&mut Scene)) -> Fault {
    Fault {
        name,
        break_it,
        cause: Some(cause),
    }
}

const fn harmless(name: &'static str, break_it: fn(&mut Scene)) -> Fault {
    Fault {
        name,
        break_it,
        cause: None,
    }
}

fn shift(scene: &mut Scene, by: i64) {
    for claim in ["iat", "nbf", "exp"] {
        if let Some(time) = scene.claims[claim].as_i64() {
            scene.claims[claim] = json!(time + by);
        }
    }
}

/// The discovery document, unless another fault has taken it away.
fn discovery(scene: &mut Scene, member: &str, value: Value) {
    if let Some(document) = &mut scene.discovery {
        document[member] = value;
    }
}

/// The trust policy, unless another fault has taken the role away.
fn trust(scene: &mut Scene, change: impl FnOnce(&mut Scene)) {
    if scene.trust.is_some() {
        change(scene);
    }
}

fn other_key(scene: &Scene) -> Value {
    let other = keys().iter().find(|key| key.key_id() != scene.key.key_id()).unwrap();
    other.jwk().unwrap()
}

pub(crate) const FAULTS: &[Fault] = &[
    fault("a session name with a slash", Check::SessionName, |scene| {
        scene.asked.session_name = Ok(Some("shop/app".to_owned()));
    }),
    fault("a session name of one letter", Check::SessionName, |scene| {
        scene.asked.session_name = Ok(Some("a".to_owned()));
    }),
    harmless("no session name", |scene| scene.asked.session_name = Ok(None)),
    fault("no token", Check::TokenShape, |scene| {
        scene.spoil = Some(|_| "token".to_owned());
    }),
    fault("a token without a signature", Check::TokenShape, |scene| {
        scene.spoil = Some(|token| token.rsplit_once('.').unwrap().0.to_owned());
    }),
    fault("a token with a line break", Check::TokenShape, |scene| {
        scene.spoil = Some(|token| format!("{token}\n"));
    }),
    fault("an extension that must be known", Check::TokenShape, |scene| {
        scene.header["crit"] = json!(["exp"]);
    }),
    fault("no sub", Check::TokenClaims, |scene| scene.claims["sub"] = Value::Null),
    fault("no iat", Check::TokenClaims, |scene| scene.claims["iat"] = Value::Null),
    fault("no exp", Check::TokenClaims, |scene| scene.claims["exp"] = Value::Null),
    fault("no aud", Check::TokenClaims, |scene| scene.claims["aud"] = Value::Null),
    fault("no iss", Check::TokenClaims, |scene| scene.claims["iss"] = Value::Null),
    fault("a token that is over", Check::TokenTimes, |scene| shift(scene, -7200)),
    fault("a token that begins in an hour", Check::TokenTimes, |scene| {
        shift(scene, 3600);
    }),
    fault("AWS's clock two hours ahead", Check::TokenTimes, |scene| {
        scene.time = NOW + 7200;
    }),
    harmless("a token that ended four minutes ago", |scene| {
        scene.claims["exp"] = json!(NOW - 240);
    }),
    harmless("a token that lives a year", |scene| {
        scene.claims["exp"] = json!(NOW + 31_536_000);
    }),
    fault("another issuer's token", Check::TokenIssuer, |scene| {
        scene.claims["iss"] = json!("https://kubernetes.default.svc");
    }),
    fault("an issuer with a slash more", Check::TokenIssuer, |scene| {
        scene.claims["iss"] = json!(format!("{ISSUER}/"));
    }),
    fault("another ServiceAccount's token", Check::TokenSubject, |scene| {
        scene.claims["sub"] = json!("system:serviceaccount:shop:default");
    }),
    fault("two audiences", Check::TokenAudience, |scene| {
        scene.claims["aud"] = json!([AUDIENCE, "vault"]);
    }),
    fault(
        "an audience of the provider's that the role lacks",
        Check::TokenAudience,
        |scene| {
            scene.claims["aud"] = json!("vault");
        },
    ),
    fault("an audience that the provider lacks", Check::TokenAudience, |scene| {
        scene.claims["aud"] = json!(["https://kubernetes.default.svc"]);
    }),
    harmless("an audience that is no list", |scene| {
        if scene.claims["aud"].as_array().is_some_and(|list| list.len() == 1) {
            scene.claims["aud"] = scene.claims["aud"][0].clone();
        }
    }),
    fault("no provider", Check::ProviderRegistered, |scene| {
        scene.client_ids = None;
    }),
    fault("no such client ID", Check::ClientId, |scene| {
        if scene.client_ids.is_some() {
            scene.client_ids = Some(vec!["vault".to_owned()]);
        }
    }),
    fault("a closed bucket", Check::DiscoveryReadable, |scene| {
        scene.blocks = PublicAccessBlock::ALL;
    }),
    fault("no discovery document", Check::DiscoveryReadable, |scene| {
        scene.discovery = None;
    }),
    fault(
        "a discovery document without a member",
        Check::DiscoveryComplete,
        |scene| {
            discovery(scene, "subject_types_supported", Value::Null);
        },
    ),
    fault(
        "keys at an address of the cluster's",
        Check::DiscoveryComplete,
        |scene| {
            discovery(scene, "jwks_uri", json!("http://10.0.0.1:6443/openid/v1/jwks"));
        },
    ),
    fault(
        "a discovery document of another issuer",
        Check::DiscoveryIssuer,
        |scene| {
            discovery(scene, "issuer", json!("https://kubernetes.default.svc"));
        },
    ),
    fault("no keys", Check::KeysReadable, |scene| scene.jwks = None),
    fault("an empty set", Check::KeysValid, |scene| {
        scene.jwks = Some(json!({"keys": []}));
    }),
    fault("something else than keys", Check::KeysValid, |scene| {
        scene.jwks = Some(json!({"items": []}));
    }),
    fault("too many keys", Check::KeysValid, |scene| {
        let mut keys = vec![json!({"kty": "RSA", "kid": "old", "n": "AQAB", "e": "AQAB"}); 101];
        keys.push(scene.key.jwk().unwrap());
        scene.jwks = Some(json!({ "keys": keys }));
    }),
    harmless("an old key beside it", |scene| {
        let other = other_key(scene);
        if let Some(Value::Array(keys)) = scene.jwks.as_mut().and_then(|set| set.get_mut("keys")) {
            keys.push(other);
        }
    }),
    fault("only an old key", Check::KeyPublished, |scene| {
        let other = other_key(scene);
        scene.jwks = Some(json!({"keys": [other]}));
    }),
    fault("a token that names no key", Check::KeyPublished, |scene| {
        scene.header["kid"] = Value::Null;
    }),
    fault("no signature asked for", Check::Algorithm, |scene| {
        scene.header["alg"] = json!("none");
    }),
    fault("a shared secret", Check::Algorithm, |scene| {
        scene.header["alg"] = json!("HS256");
    }),
    fault("another kind of algorithm", Check::Algorithm, |scene| {
        let other = if scene.key.algorithm() == "RS256" {
            "ES256"
        } else {
            "RS256"
        };
        scene.header["alg"] = json!(other);
    }),
    fault("another key under its kid", Check::Signature, |scene| {
        // Of the same kind, so that only the signature tells.
        let mut key = scene.key.jwk().unwrap();
        let made = match scene.key.algorithm() {
            "RS256" => irsa_testkit::controlplane::SigningKey::generate_rsa(),
            "ES384" => irsa_testkit::controlplane::SigningKey::generate_ec_p384(),
            "ES512" => irsa_testkit::controlplane::SigningKey::generate_ec_p521(),
            _ => irsa_testkit::controlplane::SigningKey::generate_ec_p256(),
        };
        let made = made.unwrap().jwk().unwrap();
        for member in ["n", "e", "x", "y"] {
            if let Some(value) = made.get(member) {
                key[member] = value.clone();
            }
        }
        scene.jwks = Some(json!({"keys": [key]}));
    }),
    fault("a changed claim", Check::Signature, |scene| {
        scene.spoil = Some(|token| {
            let parts: Vec<&str> = token.split('.').collect();
            let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
            claims["jti"] = json!("y");
            format!(
                "{}.{}.{}",
                parts[0],
                URL_SAFE_NO_PAD.encode(claims.to_string()),
                parts[2]
            )
        });
    }),
    fault("no ARN", Check::RoleArn, |scene| {
        scene.asked.role_arn = "arn:aws:iam::role/irsa/app".into();
    }),
    fault("an ARN of another partition", Check::RoleArn, |scene| {
        scene.asked.role_arn = "arn:aws-cn:iam::123456789012:role/irsa/app".into();
    }),
    fault("a role of another account", Check::RoleArn, |scene| {
        scene.asked.role_arn = "arn:aws:iam::210987654321:role/irsa/app".into();
    }),
    fault("no role", Check::RoleExists, |scene| scene.trust = None),
    fault("another role's name", Check::RoleExists, |scene| {
        scene.asked.role_arn = "arn:aws:iam::123456789012:role/irsa/apps".into();
    }),
    fault("a session longer than the role's", Check::SessionDuration, |scene| {
        scene.asked.duration_seconds = Some(43_200);
    }),
    fault("a session too short", Check::SessionDuration, |scene| {
        scene.asked.duration_seconds = Some(600);
    }),
    harmless("a session of 15 minutes", |scene| {
        scene.asked.duration_seconds = Some(900);
    }),
    fault("a trust policy of another provider", Check::TrustProvider, |scene| {
        trust(scene, |scene| {
            let other = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com");
            scene.statement()["Principal"]["Federated"] = json!(other);
        });
    }),
    fault("a trust policy of another audience", Check::TrustAudience, |scene| {
        trust(scene, |scene| *scene.pin("aud") = json!(["vault", "other"]));
    }),
    fault("a trust policy of other subjects", Check::TrustSubject, |scene| {
        trust(scene, |scene| {
            *scene.pin("sub") = json!(["system:serviceaccount:shop:a", "system:serviceaccount:other:app"]);
        });
    }),
    harmless("a trust policy of several subjects", |scene| {
        trust(scene, |scene| {
            let had = scene.pin("sub").clone();
            let mut all = vec![json!("system:serviceaccount:shop:a")];
            match had {
                Value::Array(many) => all.extend(many),
                one => all.push(one),
            }
            *scene.pin("sub") = Value::Array(all);
        });
    }),
    fault("a Deny", Check::TrustConditions, |scene| {
        trust(scene, |scene| {
            let mut deny = scene.statement().clone();
            deny["Effect"] = json!("Deny");
            deny["Condition"] = json!({"StringLike": {format!("{}:sub", ISSUER.trim_start_matches("https://")): "*"}});
            scene.trust.as_mut().unwrap()["Statement"]
                .as_array_mut()
                .unwrap()
                .push(deny);
        });
    }),
    fault("a condition that contradicts", Check::TrustConditions, |scene| {
        trust(scene, |scene| {
            let key = format!("{}:sub", ISSUER.trim_start_matches("https://"));
            scene.statement()["Condition"]["StringNotEquals"] = json!({ key: SUBJECT });
        });
    }),
    harmless("a trust policy that lets everybody in", |scene| {
        trust(scene, |scene| {
            let pins = scene.statement()["Condition"]["StringEquals"].as_object_mut().unwrap();
            pins.retain(|key, _| key.ends_with(":aud"));
        });
    }),
];
