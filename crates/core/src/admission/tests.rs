//! Every guard-rail: allowed, refused, and refused when absent.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::vocabulary::Reason;

mod in_place;

fn set(items: &[&str]) -> BTreeSet<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn open() -> Guardrails {
    Guardrails {
        allowed_namespaces: ServedNamespaces::All,
        role_name_prefix: "irsa-x-".to_owned(),
        role_names: RoleNames::Prefixed,
        permissions_boundary: Some("arn:aws:iam::123456789012:policy/boundary".to_owned()),
        allowed_managed_policies: vec![PolicyPattern::new("AmazonS3ReadOnlyAccess", "aws")],
        inline_policies: true,
        allowed_tag_keys: set(&["app"]),
        ignored_tags: IgnoredTags::default(),
        allow_retain: true,
        max_session_seconds: 7200,
        max_roles_per_namespace: 2,
        audiences: set(&["sts.amazonaws.com", "other"]),
    }
}

/// What a test's binding asks for, owned, so that each test changes one thing.
struct Asked {
    labels: Labels,
    name: Option<RoleName>,
    managed: BTreeSet<PolicyArn>,
    inline: BTreeSet<String>,
    tags: BTreeSet<String>,
    retain: bool,
    session: u32,
    audiences: BTreeSet<String>,
    older: u32,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            name: None,
            managed: BTreeSet::new(),
            inline: BTreeSet::new(),
            tags: BTreeSet::new(),
            retain: false,
            session: 3600,
            audiences: set(&["sts.amazonaws.com"]),
            older: 0,
        }
    }
}

impl Asked {
    fn request(&self) -> AdmissionRequest<'_> {
        AdmissionRequest {
            namespace: "payments",
            namespace_labels: &self.labels,
            given_name: self.name.as_ref(),
            managed: &self.managed,
            inline: &self.inline,
            tag_keys: &self.tags,
            retain: self.retain,
            session_seconds: self.session,
            audiences: &self.audiences,
            older_roles: self.older,
        }
    }

    fn of(&self, guardrails: &Guardrails) -> Result<(), AdmissionRefusal> {
        guardrails.admit(&self.request())
    }
}

fn s3() -> BTreeSet<PolicyArn> {
    BTreeSet::from([PolicyArn::resolve("AmazonS3ReadOnlyAccess", "aws").unwrap()])
}

#[test]
fn guardrails_that_say_nothing_allow_nothing() {
    let refusal = Asked::default().of(&Guardrails::default()).unwrap_err();
    assert_eq!(refusal.reason(), Reason::NamespaceNotAllowed);
    assert!(
        refusal.to_string().contains("spec.bindings.allowedNamespaces"),
        "{refusal}"
    );
}

#[test]
fn everything_that_is_allowed_at_once_is_admitted() {
    let asked = Asked {
        name: Some(RoleName::new("irsa-x-payments.app").unwrap()),
        managed: s3(),
        inline: set(&["bucket"]),
        tags: set(&["app"]),
        retain: true,
        session: 7200,
        audiences: set(&["other", "sts.amazonaws.com"]),
        older: 1,
        ..Asked::default()
    };
    assert_eq!(asked.of(&open()), Ok(()));
}

#[test]
fn namespaces_are_chosen_by_their_labels() {
    let selector = LabelSelector {
        match_labels: BTreeMap::from([("irsa".to_owned(), "yes".to_owned())]),
        match_expressions: Vec::new(),
    };
    let guardrails = Guardrails {
        allowed_namespaces: ServedNamespaces::Selected(selector),
        ..open()
    };
    assert_eq!(
        Asked::default().of(&guardrails).unwrap_err().reason(),
        Reason::NamespaceNotAllowed
    );
    let labels = BTreeMap::from([("irsa".to_owned(), "yes".to_owned())]);
    assert_eq!(
        Asked {
            labels,
            ..Asked::default()
        }
        .of(&guardrails),
        Ok(())
    );
}

#[test]
fn a_given_name_needs_the_prefix_of_its_own_namespace() {
    let named = |name: &str| Asked {
        name: Some(RoleName::new(name).unwrap()),
        ..Asked::default()
    };
    for outside in [
        "app",
        "irsa-x-payments",
        "irsa-x-payments-eu.app",
        "irsa-x-other.app",
        "IRSA-X-payments.app",
    ] {
        let refusal = named(outside).of(&open()).unwrap_err();
        assert_eq!(refusal.reason(), Reason::InvalidSpec);
        assert!(
            refusal.to_string().contains("must start with irsa-x-payments."),
            "{refusal}"
        );
    }
    assert_eq!(named("irsa-x-payments.x").of(&open()), Ok(()));
    assert_eq!(
        named("anything").of(&Guardrails {
            role_names: RoleNames::Any,
            ..open()
        }),
        Ok(())
    );
}

#[test]
fn managed_policies_outside_the_list_are_all_named() {
    let mut managed = s3();
    managed.insert(PolicyArn::observed("arn:aws:iam::aws:policy/AdministratorAccess"));
    managed.insert(PolicyArn::observed("arn:aws:iam::123456789012:policy/x"));
    let refusal = Asked {
        managed,
        ..Asked::default()
    }
    .of(&open())
    .unwrap_err();
    assert_eq!(refusal.reason(), Reason::PolicyNotAllowed);
    let sentence = refusal.to_string();
    assert!(
        sentence.contains("policy/x, arn:aws:iam::aws:policy/AdministratorAccess are not in"),
        "{sentence}"
    );
    assert!(!sentence.contains("AmazonS3ReadOnlyAccess"), "{sentence}");
    let none = Guardrails {
        allowed_managed_policies: Vec::new(),
        ..open()
    };
    assert!(
        Asked {
            managed: s3(),
            ..Asked::default()
        }
        .of(&none)
        .is_err()
    );
}

#[test]
fn inline_policies_need_permission_and_a_boundary() {
    let asked = Asked {
        inline: set(&["p"]),
        ..Asked::default()
    };
    assert_eq!(asked.of(&open()), Ok(()));
    let denied = Guardrails {
        inline_policies: false,
        ..open()
    };
    assert_eq!(asked.of(&denied), Err(AdmissionRefusal::Inline));
    let unbounded = Guardrails {
        permissions_boundary: None,
        ..open()
    };
    assert_eq!(asked.of(&unbounded), Err(AdmissionRefusal::InlineWithoutBoundary));
    assert_eq!(Asked::default().of(&unbounded), Ok(()));
    for refusal in [AdmissionRefusal::Inline, AdmissionRefusal::InlineWithoutBoundary] {
        assert_eq!(refusal.reason(), Reason::InlineNotAllowed);
    }
}

#[test]
fn only_listed_tag_keys_may_be_set_and_never_ours() {
    let tagged = |key: &str| Asked {
        tags: set(&[key]),
        ..Asked::default()
    };
    assert_eq!(tagged("app").of(&open()), Ok(()));
    assert_eq!(
        tagged("App").of(&open()),
        Err(AdmissionRefusal::TagKeys {
            keys: vec!["App".to_owned()]
        })
    );
    let careless = Guardrails {
        allowed_tag_keys: set(&["irsa-anywhere.dev/name"]),
        ..open()
    };
    assert!(tagged("irsa-anywhere.dev/name").of(&careless).is_err());
}

#[test]
fn sessions_retention_quota_and_audiences_are_bounded() {
    let invalid = |asked: Asked, guardrails: &Guardrails| asked.of(guardrails).unwrap_err();
    let long = invalid(
        Asked {
            session: 7201,
            ..Asked::default()
        },
        &open(),
    );
    assert_eq!(
        long,
        AdmissionRefusal::Session {
            asked: 7201,
            limit: 7200
        }
    );
    let retain = invalid(
        Asked {
            retain: true,
            ..Asked::default()
        },
        &Guardrails {
            allow_retain: false,
            ..open()
        },
    );
    assert_eq!(retain, AdmissionRefusal::Retain);
    let many = invalid(
        Asked {
            older: 2,
            ..Asked::default()
        },
        &open(),
    );
    assert_eq!(many, AdmissionRefusal::TooManyRoles { limit: 2 });
    assert_eq!(many.reason(), Reason::QuotaExceeded);
    let audience = invalid(
        Asked {
            audiences: set(&["sts.amazonaws.com", "x"]),
            ..Asked::default()
        },
        &open(),
    );
    assert!(
        audience
            .to_string()
            .contains("x is not among the federation's audiences (other, sts.amazonaws.com)")
    );
    for refusal in [long, retain, audience] {
        assert_eq!(refusal.reason(), Reason::InvalidSpec);
    }
}

#[test]
fn a_name_is_claimed_by_those_who_could_have_it() {
    let name = RoleName::new("irsa-x-payments.app").unwrap();
    let labels = BTreeMap::new();
    assert!(open().may_claim("payments", &labels, Some(&name)));
    assert!(open().may_claim("evil", &labels, None));
    assert!(!open().may_claim("evil", &labels, Some(&name)));
    let any = Guardrails {
        role_names: RoleNames::Any,
        ..open()
    };
    assert!(any.may_claim("evil", &labels, Some(&name)));
    let none = Guardrails {
        allowed_namespaces: ServedNamespaces::None,
        ..open()
    };
    assert!(!none.may_claim("payments", &labels, Some(&name)));
}

#[test]
fn a_tag_key_that_is_somebody_elses_is_refused_by_name_also_where_it_is_allowed() {
    let guardrails = Guardrails {
        ignored_tags: IgnoredTags::new(&["APP*".to_owned()]),
        ..open()
    };
    let asked = Asked {
        tags: set(&["app"]),
        ..Asked::default()
    };
    let refusal = asked.of(&guardrails).unwrap_err();
    assert_eq!(refusal.reason(), Reason::InvalidSpec);
    assert!(refusal.to_string().contains("ignoredTagKeys"), "{refusal}");
    assert_eq!(asked.of(&open()), Ok(()));
}
