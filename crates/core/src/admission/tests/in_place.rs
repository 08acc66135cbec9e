//! Roles as they are in AWS.

use super::*;
use crate::{
    plan::binding::ObservedRole,
    trust::{self, Audience, NonEmptySet, Subject, TrustPolicy, TrustProvider},
};

fn role() -> ObservedRole {
    let trust = TrustPolicy {
        providers: NonEmptySet::one(TrustProvider::new("arn:aws:iam::1:oidc-provider/i", "i")),
        subjects: NonEmptySet::one(Subject::new("payments", "app").unwrap()),
        audiences: NonEmptySet::one(Audience::new("other").unwrap()),
    };
    ObservedRole {
        trust: trust.render(usize::MAX).unwrap().as_str().to_owned(),
        tags: BTreeMap::new(),
        boundary: open().permissions_boundary,
        description: String::new(),
        max_session_seconds: 3600,
        attached: s3(),
        inline: BTreeMap::from([("p".to_owned(), String::new())]),
    }
}

/// The verdict on a role in place; the only thing that is not as it must be is what the test changed.
fn in_place(guardrails: &Guardrails, role: &ObservedRole) -> Result<(), AdmissionRefusal> {
    guardrails.admit_in_place(&place(role))
}

fn place(role: &ObservedRole) -> InPlace<'_> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    InPlace {
        namespace: "payments",
        namespace_labels: &NONE,
        given_name: None,
        role,
        federation_tags: &NONE,
        older_roles: 0,
    }
}

#[test]
fn a_role_in_place_is_judged_by_what_it_has() {
    assert_eq!(in_place(&open(), &role()), Ok(()));
    let refused = |guardrails: Guardrails| in_place(&guardrails, &role()).unwrap_err();
    let reasons = [
        refused(Guardrails {
            allowed_namespaces: ServedNamespaces::None,
            ..open()
        })
        .reason(),
        refused(Guardrails {
            allowed_managed_policies: Vec::new(),
            ..open()
        })
        .reason(),
        refused(Guardrails {
            inline_policies: false,
            ..open()
        })
        .reason(),
        refused(Guardrails {
            permissions_boundary: None,
            ..open()
        })
        .reason(),
    ];
    let [namespace, policy, inline] = [
        Reason::NamespaceNotAllowed,
        Reason::PolicyNotAllowed,
        Reason::InlineNotAllowed,
    ];
    assert_eq!(reasons, [namespace, policy, inline, inline]);
    let audiences = refused(Guardrails {
        audiences: set(&["sts.amazonaws.com"]),
        ..open()
    });
    assert!(
        matches!(audiences, AdmissionRefusal::Audiences { .. }),
        "the audience that it trusts in AWS: {audiences}"
    );
    assert!(matches!(
        refused(Guardrails {
            max_session_seconds: 3000,
            ..open()
        }),
        AdmissionRefusal::Session { .. }
    ));
}

#[test]
fn a_role_in_place_must_have_the_boundary_of_today() {
    for boundary in [None, Some("other".to_owned())] {
        let verdict = in_place(&open(), &ObservedRole { boundary, ..role() });
        assert!(matches!(verdict, Err(AdmissionRefusal::Boundary { .. })));
    }
    let unbounded = Guardrails {
        permissions_boundary: None,
        ..open()
    };
    let plain = ObservedRole {
        inline: BTreeMap::new(),
        ..role()
    };
    assert_eq!(in_place(&unbounded, &plain), Ok(()));
}

#[test]
fn a_role_in_place_may_trust_its_own_namespace_or_nobody() {
    let with = |trust: String| in_place(&open(), &ObservedRole { trust, ..role() });
    assert_eq!(with(trust::closed().as_str().to_owned()), Ok(()));
    for foreign in [
        role().trust.replace(":payments:", ":kube-system:"),
        role().trust.replace("StringEquals", "StringLike"),
        role()
            .trust
            .replace(r#""i:sub":"system:serviceaccount:payments:app""#, r#""i:amr":"x""#),
        r#"{"Statement":[]}"#.to_owned(),
    ] {
        assert_ne!(foreign, role().trust);
        assert_eq!(with(foreign.clone()), Err(AdmissionRefusal::Trust), "{foreign}");
    }
}

#[test]
fn tags_that_nobody_may_set_are_named() {
    let tags = ["irsa-anywhere.dev/name", "aws:x", "team", "app", "finance"];
    let role = ObservedRole {
        tags: tags.iter().map(|key| ((*key).to_owned(), String::new())).collect(),
        ..role()
    };
    let federation = BTreeMap::from([("team".to_owned(), "platform".to_owned())]);
    let place = InPlace {
        federation_tags: &federation,
        ..place(&role)
    };
    assert_eq!(place.unlisted_tags(&open()), ["finance"]);
}

#[test]
fn what_only_denies_is_no_guard_rails_business() {
    let guardrails = Guardrails {
        inline_policies: false,
        ..open()
    };
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    let mut locked = role();
    locked.inline = BTreeMap::from([("AWSRevokeOlderSessions".to_owned(), deny.to_owned())]);
    locked
        .attached
        .insert(PolicyArn::observed("arn:aws:iam::aws:policy/AWSDenyAll"));
    let mut trust: serde_json::Value = serde_json::from_str(&locked.trust).unwrap();
    trust["Statement"]
        .as_array_mut()
        .unwrap()
        .push(serde_json::json!({"Sid": "x", "Effect": "Deny", "Principal": "*", "Action": "sts:*"}));
    locked.trust = trust.to_string();
    assert_eq!(in_place(&guardrails, &locked), Ok(()));
    locked.inline.insert("q".to_owned(), deny.replace("Deny", "Allow"));
    assert!(in_place(&guardrails, &locked).is_err());
}

#[test]
fn tags_of_somebody_above_us_are_no_tenants() {
    let mut tagged = role();
    tagged.tags.insert("cost-centre".to_owned(), "42".to_owned());
    let guardrails = Guardrails {
        ignored_tags: IgnoredTags::new(&["cost-*".to_owned()]),
        ..open()
    };
    assert_eq!(place(&tagged).unlisted_tags(&open()), ["cost-centre"]);
    assert_eq!(place(&tagged).unlisted_tags(&guardrails), Vec::<String>::new());
}
