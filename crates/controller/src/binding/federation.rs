//! What a binding uses of its federation, and nothing else of it.
//!
//! A federation's status changes with every key rotation; a thousand bindings must not be looked at because of that. So
//! bindings see a federation as [`Usage`] only, and are woken when that changes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use irsa_api::{OidcFederation, Publish};
use irsa_aws::{AssumeRole, Connection};
use irsa_core::{
    admission::Guardrails,
    naming::{Tags, default_role_path, partition_of, partition_of_region},
    trust::TrustProvider,
    vocabulary::ConditionType,
};
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{Resource, ResourceExt};

use super::{guardrails::guardrails, inventory::Scope};

/// What a binding uses of its federation. While it stays equal, no binding needs to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Whether it can be used.
    pub(crate) state: State,
    /// How its account is reached.
    pub(crate) connection: Connection,
    /// What its bindings may do.
    pub(crate) guardrails: Guardrails,
    /// Path of its roles.
    pub(crate) role_path: String,
    /// Tags of its roles.
    pub(crate) tags: Tags,
    /// The audience of bindings that name none.
    pub(crate) default_audience: String,
}

/// Whether bindings can be made true through a federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Its provider is registered, and this process has seen it Ready. A federation that is unwell for a while stays
    /// usable: its provider is still there.
    Usable(Provider),
    /// Registered, and not Ready since this process looks: only bindings that were Ready before go on.
    Unproven(Provider),
    /// Not registered yet.
    Unregistered,
    /// Its spec must change first.
    Stalled,
    /// On its way out.
    Deleting,
}

impl State {
    /// The account of its provider, once registered.
    pub(crate) fn account(&self) -> Option<&str> {
        match self {
            Self::Usable(provider) | Self::Unproven(provider) => Some(&provider.account),
            Self::Unregistered | Self::Stalled | Self::Deleting => None,
        }
    }
}

/// The registered IAM OIDC provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    /// As trust policies name it.
    pub(crate) trust: TrustProvider,
    /// `aws`, `aws-cn`, …
    pub(crate) partition: String,
    /// Twelve digits.
    pub(crate) account: String,
}

/// A federation as bindings know it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What they use.
    pub(crate) usage: Usage,
    /// How often they are checked.
    pub(crate) interval: Duration,
    /// Where events about what a binding left behind go.
    pub(crate) reference: ObjectReference,
}

/// The federations of the cluster as bindings know them, kept by the watch.
#[derive(Debug, Default)]
pub(crate) struct Federations {
    known: Mutex<HashMap<String, Known>>,
}

impl Federations {
    /// The federation of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Known> {
        self.lock().get(name).cloned()
    }

    /// Takes note of a federation; says whether its bindings must look again.
    pub(crate) fn observe(&self, federation: &OidcFederation) -> bool {
        let name = federation.name_any();
        let mut known = self.lock();
        let before = known.get(&name);
        let same_object = before.filter(|before| before.reference.uid == federation.uid());
        let proven = same_object.is_some_and(|before| matches!(before.usage.state, State::Usable(_)));
        let usage = usage_of(federation, proven);
        let changed = before.is_none_or(|before| before.usage != usage);
        let interval = federation.spec.interval.get();
        known.insert(
            name,
            Known {
                usage,
                interval,
                reference: federation.object_ref(&()),
            },
        );
        changed
    }

    /// Forgets a federation; says whether it was known.
    pub(crate) fn forget(&self, name: &str) -> bool {
        self.lock().remove(name).is_some()
    }

    /// Forgets all federations but these, and names those forgotten.
    pub(crate) fn keep_only(&self, present: &HashSet<String>) -> Vec<String> {
        let mut known = self.lock();
        let gone: Vec<String> = known.keys().filter(|name| !present.contains(*name)).cloned().collect();
        known.retain(|name, _| present.contains(name));
        gone
    }

    /// Where roles of federations with a provider are, and how often each place is looked at.
    pub(crate) fn scopes(&self) -> HashMap<Scope, Duration> {
        let mut scopes = HashMap::new();
        for known in self
            .lock()
            .values()
            .filter(|known| known.usage.state.account().is_some())
        {
            let interval = scopes.entry(Scope::of(&known.usage)).or_insert(known.interval);
            *interval = known.interval.min(*interval);
        }
        scopes
    }

    /// Where roles of any federation are.
    pub(crate) fn all_scopes(&self) -> Vec<Scope> {
        self.lock().values().map(|known| Scope::of(&known.usage)).collect()
    }

    /// The federations whose roles are there.
    pub(crate) fn in_scope(&self, scope: &Scope) -> HashMap<String, Known> {
        let known = self.lock();
        let there = known.iter().filter(|(_, known)| Scope::of(&known.usage) == *scope);
        there.map(|(name, known)| (name.clone(), known.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        // A poisoned lock means that another task panicked; the entries themselves are always whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usage_of(federation: &OidcFederation, proven: bool) -> Usage {
    let spec = &federation.spec;
    let state = state(federation, proven);
    let connection = connection(federation);
    // Whatever its state: by it a bare policy name becomes an ARN, and roles that have that policy are judged meanwhile, too.
    let partition = registered(federation).map_or_else(
        || partition_of_region(&connection.region).to_owned(),
        |provider| provider.partition,
    );
    Usage {
        state,
        connection,
        guardrails: guardrails(&spec.bindings, &spec.issuer, &partition, &spec.audiences),
        role_path: role_path(federation),
        tags: spec.tags.clone(),
        default_audience: spec.audiences.first().cloned().unwrap_or_default(),
    }
}

fn state(federation: &OidcFederation, proven: bool) -> State {
    if federation.metadata.deletion_timestamp.is_some() {
        return State::Deleting;
    }
    if is_true(federation, ConditionType::Stalled) {
        return State::Stalled;
    }
    match registered(federation) {
        Some(provider) if proven || is_true(federation, ConditionType::Ready) => State::Usable(provider),
        Some(provider) => State::Unproven(provider),
        None => State::Unregistered,
    }
}

fn is_true(federation: &OidcFederation, kind: ConditionType) -> bool {
    let conditions: &[Condition] = federation
        .status
        .as_ref()
        .map(|status| &*status.conditions)
        .unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == kind.as_str() && condition.status == "True")
}

fn registered(federation: &OidcFederation) -> Option<Provider> {
    let arn = federation.status.as_ref()?.provider_arn.as_deref()?;
    let issuer = federation.spec.issuer.strip_prefix("https://")?;
    Some(Provider {
        trust: TrustProvider::new(arn, issuer),
        partition: partition_of(arn)?.to_owned(),
        account: arn.split(':').nth(4)?.to_owned(),
    })
}

/// The path of a federation's roles.
pub(crate) fn role_path(federation: &OidcFederation) -> String {
    let given = federation.spec.bindings.role_path.clone();
    given.unwrap_or_else(|| default_role_path(&federation.spec.issuer))
}

/// How a federation's account is reached.
pub(crate) fn connection(federation: &OidcFederation) -> Connection {
    let aws = &federation.spec.aws;
    let bucket_region = match &federation.spec.publish {
        Publish::S3(s3) => Some(s3.region.clone()),
        _ => None,
    };
    Connection {
        region: aws.region.clone().or(bucket_region).unwrap_or_default(),
        account_id: aws.account_id.clone(),
        assume_role: aws.assume_role.as_ref().map(|role| AssumeRole {
            arn: role.arn.clone(),
            external_id: role.external_id.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use irsa_api::BindingRules;
    use irsa_core::admission::AllowedNamespaces;
    use serde_json::{Value, json};

    use super::*;

    const ARN: &str = "arn:aws-cn:iam::123456789012:oidc-provider/b.example/c";

    fn federation(status: &Value) -> OidcFederation {
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1",
            "kind": "OidcFederation",
            "metadata": {"name": "default", "uid": "u-1"},
            "spec": {
                "issuer": "https://b.example/c",
                "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}},
                "bindings": {"allowedNamespaces": {"from": "All"}},
            },
            "status": status,
        }))
        .unwrap()
    }

    fn status(ready: &str) -> Value {
        json!({"providerArn": ARN, "conditions": [condition("Ready", ready)]})
    }

    fn condition(kind: &str, status: &str) -> Value {
        json!({
            "type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"
        })
    }

    fn state_after(federations: &Federations, status: &Value) -> State {
        federations.observe(&federation(status));
        federations.get("default").unwrap().usage.state
    }

    #[test]
    fn a_federation_becomes_usable_when_it_is_ready_and_stays_so_while_it_is_unwell() {
        let federations = Federations::default();
        assert_eq!(state_after(&federations, &json!({})), State::Unregistered);
        assert!(matches!(
            state_after(&federations, &status("False")),
            State::Unproven(_)
        ));
        let State::Usable(provider) = state_after(&federations, &status("True")) else {
            panic!("not usable")
        };
        assert_eq!(provider.trust, TrustProvider::new(ARN, "b.example/c"));
        assert_eq!(
            (provider.partition.as_str(), provider.account.as_str()),
            ("aws-cn", "123456789012")
        );
        assert!(matches!(state_after(&federations, &status("False")), State::Usable(_)));
        let stalled = json!({"providerArn": ARN, "conditions": [condition("Stalled", "True")]});
        assert_eq!(state_after(&federations, &stalled), State::Stalled);
    }

    #[test]
    fn a_bare_policy_name_means_the_same_whatever_state_the_federation_is_in() {
        let federations = Federations::default();
        let stalled = json!({"providerArn": ARN, "conditions": [condition("Stalled", "True")]});
        let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH);
        let mut patterns = Vec::new();
        for status in [status("True"), stalled, json!({"providerArn": ARN})] {
            for deleted in [None, Some(now.clone())] {
                let mut federation = federation(&status);
                federation.spec.bindings.allowed_managed_policies = vec!["AmazonS3ReadOnlyAccess".to_owned()];
                federation.metadata.deletion_timestamp = deleted;
                federations.observe(&federation);
                let usage = federations.get("default").unwrap().usage;
                patterns.push(usage.guardrails.allowed_managed_policies);
            }
        }
        assert!(patterns.iter().all(|pattern| *pattern == patterns[0]), "{patterns:?}");
    }

    #[test]
    fn only_what_bindings_use_wakes_them() {
        let federations = Federations::default();
        assert!(federations.observe(&federation(&status("True"))));
        assert!(!federations.observe(&federation(&status("True"))));
        assert!(
            !federations.observe(&federation(&status("Unknown"))),
            "unwell for a while"
        );
        let mut keys = status("True");
        keys["published"] = json!({"discovery": {"url": "u", "sha256": "s"}, "jwks": {"url": "u", "sha256": "t"}});
        assert!(!federations.observe(&federation(&keys)), "a rotation");
        let mut changed = federation(&status("True"));
        changed.spec.interval = irsa_api::Duration::from_secs(60);
        assert!(!federations.observe(&changed), "another interval");
        assert_eq!(federations.get("default").unwrap().interval.as_secs(), 60);
        changed.spec.bindings.allow_retain = true;
        assert!(federations.observe(&changed), "guard-rails");
        changed.spec.tags.insert("team".to_owned(), "x".to_owned());
        assert!(federations.observe(&changed), "tags");
    }

    #[test]
    fn a_new_object_of_the_same_name_must_prove_itself_again() {
        let federations = Federations::default();
        federations.observe(&federation(&status("True")));
        let mut again = federation(&status("False"));
        again.metadata.uid = Some("u-2".to_owned());
        federations.observe(&again);
        assert!(matches!(
            federations.get("default").unwrap().usage.state,
            State::Unproven(_)
        ));
    }

    #[test]
    fn federations_that_went_unseen_are_forgotten() {
        let federations = Federations::default();
        federations.observe(&federation(&status("True")));
        assert_eq!(
            federations.keep_only(&HashSet::from(["default".to_owned()])),
            Vec::<String>::new()
        );
        assert_eq!(federations.keep_only(&HashSet::new()), ["default"]);
        assert!(federations.get("default").is_none());
        assert!(!federations.forget("default"));
    }

    #[test]
    fn absent_guard_rails_allow_nothing_and_defaults_come_from_the_issuer() {
        let mut bare = federation(&status("True"));
        bare.spec.bindings = BindingRules::default();
        let federations = Federations::default();
        federations.observe(&bare);
        let usage = federations.get("default").unwrap().usage;
        assert_eq!(usage.guardrails.allowed_namespaces, AllowedNamespaces::None);
        assert!(!usage.guardrails.inline_policies);
        let id = irsa_core::naming::federation_id("https://b.example/c");
        assert_eq!(usage.role_path, format!("/irsa/{id}/"));
        assert_eq!(usage.guardrails.role_name_prefix, format!("irsa-{id}-"));
        assert_eq!(usage.default_audience, "sts.amazonaws.com");
        assert_eq!(usage.connection.region, "eu-central-1");
    }
}
