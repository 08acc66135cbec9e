//! The role and its trust policy.

use serde_json::json;

use super::{
    super::Check,
    Case,
    scene::{ISSUER, PROVIDER},
    try_each,
};

pub(super) const CASES: &[Case] = &[
    // The role.
    (
        |scene| scene.evidence.request.role_arn = "app".to_owned(),
        Check::RoleArn,
        "app is no ARN",
    ),
    (
        |scene| scene.evidence.request.role_arn = "arn:aws:iam::123456789012:user/app".to_owned(),
        Check::RoleArn,
        "no ARN of a role",
    ),
    (
        |scene| scene.evidence.request.role_arn = "arn:aws-cn:iam::123456789012:role/irsa/a1/app".to_owned(),
        Check::RoleArn,
        "another partition",
    ),
    (
        |scene| scene.evidence.request.role_arn = "arn:aws:iam::210987654321:role/irsa/a1/app".to_owned(),
        Check::RoleArn,
        "another account",
    ),
    (|scene| scene.evidence.role = Ok(None), Check::RoleExists, "has no role"),
    (
        |scene| scene.evidence.request.role_arn = "arn:aws:iam::123456789012:role/app".to_owned(),
        Check::RoleExists,
        "the binding's role is",
    ),
    (
        |scene| scene.evidence.request.duration_seconds = Some(43_200),
        Check::SessionDuration,
        "12 hours",
    ),
    (
        |scene| scene.evidence.request.duration_seconds = Some(600),
        Check::SessionDuration,
        "under 15 minutes",
    ),
    (
        |scene| scene.role().policies = Ok(Vec::new()),
        Check::Permissions,
        "no policy",
    ),
    // The trust policy.
    (|scene| scene.trust = json!("x"), Check::TrustProvider, "cannot be read"),
    (
        |scene| {
            scene.trust["Statement"][0]["Principal"]["Federated"] = json!("arn:aws:iam::123456789012:oidc-provider/x");
        },
        Check::TrustProvider,
        "oidc-provider/x, and not",
    ),
    (
        |scene| {
            let pins = scene.pins().as_object_mut().unwrap();
            *pins.iter_mut().find(|(key, _)| key.ends_with(":aud")).unwrap().1 = json!("vault");
        },
        Check::TrustAudience,
        "lets the audience vault in",
    ),
    (
        |scene| {
            let pins = scene.pins().as_object_mut().unwrap();
            let others: Vec<String> = (0..6)
                .map(|number| format!("system:serviceaccount:shop:app-{number}"))
                .collect();
            *pins.iter_mut().find(|(key, _)| key.ends_with(":sub")).unwrap().1 = json!(others);
        },
        Check::TrustSubject,
        "shop:app-3 and 2 more in, and the token is of system:serviceaccount:shop:app",
    ),
    (
        |scene| scene.trust["Statement"][0]["Action"] = json!("sts:AssumeRole"),
        Check::TrustConditions,
        "not the action",
    ),
    (
        |scene| {
            let deny = json!({"Effect": "Deny", "Principal": {"Federated": PROVIDER}, "Action": "sts:*"});
            scene.trust["Statement"].as_array_mut().unwrap().push(deny);
        },
        Check::TrustConditions,
        "A Deny",
    ),
    (
        |scene| {
            let name = ISSUER.trim_start_matches("https://");
            scene.trust["Statement"][0]["Condition"]["Null"] = json!({ format!("{name}:sub"): "true" });
        },
        Check::TrustConditions,
        "cannot meet",
    ),
    (
        |scene| {
            let pins = scene.pins().as_object_mut().unwrap();
            pins.retain(|key, _| key.ends_with(":aud"));
        },
        Check::TrustNarrow,
        "every ServiceAccount",
    ),
    (
        |scene| {
            let name = ISSUER.trim_start_matches("https://");
            scene
                .pins()
                .as_object_mut()
                .unwrap()
                .retain(|key, _| key.ends_with(":aud"));
            let like = json!({format!("{name}:sub"): "system:serviceaccount:shop:*"});
            scene.trust["Statement"][0]["Condition"]["StringLike"] = like;
        },
        Check::TrustNarrow,
        "whoever fits system:serviceaccount:shop:*",
    ),
    (
        |scene| {
            scene.provider().client_ids.push("vault".to_owned());
            let pins = scene.pins().as_object_mut().unwrap();
            pins.retain(|key, _| key.ends_with(":sub"));
        },
        Check::TrustNarrow,
        "tokens for vault",
    ),
];

#[test]
fn each_fault_of_the_role_is_named() {
    try_each(CASES);
}

#[test]
fn what_depends_on_the_caller_is_not_guessed_at() {
    let mut scene = super::Scene::sound();
    scene.trust["Statement"][0]["Condition"]["IpAddress"] = json!({"aws:SourceIp": "192.0.2.0/24"});
    let explanation = super::explain(&scene.evidence());
    assert_eq!(explanation.cause(), None);
    assert!(!explanation.is_proven());
    assert!(matches!(
        explanation.result(Check::TrustConditions),
        Some(super::CheckResult::Unknown(why)) if why.contains("only AWS knows")
    ));
}
