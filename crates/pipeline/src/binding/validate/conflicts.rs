//! Two bindings that want one role name or one ServiceAccount: the older has it.

use std::sync::Arc;

use irsa_api::{IamRoleBinding, ServiceAccountMode};
use irsa_core::{
    admission::{Guardrails, Labels, Precedence},
    naming::RoleName,
    vocabulary::{ConditionType, Reason},
};
use kube::ResourceExt;

use crate::{
    object::Managed,
    spec::{federation_view::FederationView, identity::role_name},
    step_error::StepError,
};

/// A binding's place in the queue.
pub fn claim(binding: &IamRoleBinding) -> Precedence {
    let created = binding.creation_timestamp().map(|time| time.0).unwrap_or_default();
    Precedence {
        created,
        namespace: binding.namespace().unwrap_or_default(),
        name: binding.name_any(),
    }
}

fn place(binding: &IamRoleBinding) -> (Option<&str>, Option<&str>) {
    (binding.metadata.namespace.as_deref(), binding.metadata.name.as_deref())
}

/// A federation by its name, as its bindings see it.
pub type FederationOf<'a> = dyn Fn(&str) -> Option<Arc<FederationView>> + 'a;

/// The other bindings of the cluster, as far as they want what this one wants.
pub struct Conflicts<'a> {
    all: Vec<&'a IamRoleBinding>,
    binding: &'a IamRoleBinding,
    claim: Precedence,
}

impl<'a> Conflicts<'a> {
    /// Of `binding` with `all` bindings of the cluster, among which it may be itself.
    pub fn of(binding: &'a IamRoleBinding, all: impl IntoIterator<Item = &'a IamRoleBinding>) -> Self {
        let is_other = |other: &&IamRoleBinding| place(other) != place(binding);
        Self {
            all: all.into_iter().filter(is_other).collect(),
            binding,
            claim: claim(binding),
        }
    }

    /// Those that are not on their way out.
    fn others(&self) -> impl Iterator<Item = &IamRoleBinding> {
        self.all.iter().copied().filter(|other| !other.is_deleted())
    }

    /// Roles that older bindings of the namespace have from the same federation. A binding on its way out has one until its
    /// cleanup is done: who deletes and creates faster than AWS answers gets no more roles by it.
    pub fn older_roles(&self, is_released: impl Fn(&IamRoleBinding) -> bool) -> u32 {
        let has_role = |other: &IamRoleBinding| !other.is_deleted() || !is_released(other);
        let older = self.all.iter().filter(|other| has_role(other)).filter(|other| {
            place(other).0 == place(self.binding).0
                && other.spec.existing_role.is_none()
                && other.spec.federation_ref == self.binding.spec.federation_ref
                && claim(other) < self.claim
        });
        u32::try_from(older.count()).unwrap_or(u32::MAX)
    }

    /// Whether another binding of the namespace has pods of this ServiceAccount injected, or will.
    pub fn is_bound_by_another(&self, account: &str) -> bool {
        self.binding_it(account).next().is_some()
    }

    /// Whether another binding of the namespace has annotated this ServiceAccount with this role: somebody else's role can be
    /// used by several.
    pub fn has_another_with(&self, account: &str, role_arn: &str) -> bool {
        self.binding_it(account).any(|other| {
            let status = other.status.as_ref();
            status.is_some_and(|status| status.role_arn.as_deref() == Some(role_arn))
        })
    }

    fn binding_it<'b>(&'b self, account: &'b str) -> impl Iterator<Item = &'b IamRoleBinding> {
        self.others().filter(move |other| {
            place(other).0 == place(self.binding).0
                && other.spec.service_account_mode != ServiceAccountMode::None
                && other.spec.service_accounts.iter().any(|named| named.name == account)
        })
    }

    /// Refuses when an older binding wants a role of the same name in the same account.
    ///
    /// Two default names never meet (see [`RoleName::of_binding`]), so only given names are compared. A binding that could
    /// not have the name anyhow, by its namespace's `labels` or by the name, takes it from nobody.
    pub fn check_role_name(
        &self,
        name: &RoleName,
        account: &str,
        federation: &FederationOf<'_>,
        labels: &dyn Fn(&str) -> Option<Labels>,
    ) -> Result<(), StepError> {
        let may_claim = |other: &IamRoleBinding, guardrails: &Guardrails, theirs: &RoleName| {
            let namespace = other.namespace().unwrap_or_default();
            let given = other.spec.role.name.is_some().then_some(theirs);
            labels(&namespace).is_some_and(|labels| guardrails.may_claim(&namespace, &labels, given))
        };
        let given = self.binding.spec.role.name.is_some();
        let rivals: Vec<Precedence> = self
            .others()
            .filter(|other| given || other.spec.role.name.is_some())
            .filter(|other| {
                federation(&other.spec.federation_ref.name).is_some_and(|federation| {
                    federation.usage.state.account().is_none_or(|theirs| theirs == account)
                        && role_name(other, &federation.usage.guardrails.role_name_prefix).is_some_and(|theirs| {
                            theirs.same_as(name) && may_claim(other, &federation.usage.guardrails, &theirs)
                        })
                })
            })
            .map(claim)
            .collect();
        self.claim.loses_to(&rivals).map_or(Ok(()), |first| {
            let message = format!(
                "The older IamRoleBinding {}/{} has the role name {name} (IAM ignores case); choose another \
                 spec.role.name.",
                first.namespace, first.name
            );
            Err(StepError::new(
                ConditionType::RoleSynced,
                Reason::RoleNameTaken,
                message,
            ))
        })
    }

    /// Refuses when an older binding annotates one of the same ServiceAccounts.
    pub fn check_service_accounts(&self) -> Result<(), StepError> {
        let annotates = |binding: &IamRoleBinding| binding.spec.service_account_mode != ServiceAccountMode::None;
        if !annotates(self.binding) {
            return Ok(());
        }
        let rivals = || {
            self.others()
                .filter(|other| place(other).0 == place(self.binding).0 && annotates(other))
        };
        for account in &self.binding.spec.service_accounts {
            let claims: Vec<Precedence> = rivals()
                .filter(|other| other.spec.service_accounts.contains(account))
                .map(claim)
                .collect();
            if let Some(first) = self.claim.loses_to(&claims) {
                let message = format!(
                    "The older IamRoleBinding {} has the ServiceAccount {}; a ServiceAccount can have one role, so \
                     remove it from one of the two.",
                    first.name, account.name
                );
                return Err(StepError::new(
                    ConditionType::ServiceAccountsSynced,
                    Reason::ServiceAccountTaken,
                    message,
                ));
            }
        }
        Ok(())
    }
}

/// Whether one binding's going can give another what it waits for.
pub fn competes_with(one: &IamRoleBinding, other: &IamRoleBinding) -> bool {
    let shares_account = || {
        one.spec
            .service_accounts
            .iter()
            .any(|account| other.spec.service_accounts.contains(account))
    };
    let shares_name = || match (&one.spec.role.name, &other.spec.role.name) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => false,
        // A given name against a default one, which needs the federation's prefix: rare, so better one look too many.
        _ => true,
    };
    (place(one).0 == place(other).0 && shares_account()) || shares_name()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn binding(name: &str, second: u32, role: Option<&str>, accounts: &[&str]) -> IamRoleBinding {
        let accounts: Vec<_> = accounts.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1",
            "kind": "IamRoleBinding",
            "metadata": {
                "name": name, "namespace": "ns", "uid": name,
                "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z"),
            },
            "spec": {"serviceAccounts": accounts, "role": role.map_or(json!({}), |role| json!({"name": role}))},
        }))
        .unwrap()
    }

    fn registry(name: &str) -> Option<Arc<FederationView>> {
        let federation = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation",
            "metadata": {"name": "default", "uid": "f"},
            "spec": {
                "issuer": "https://b.example", "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}},
                "bindings": {"roleNamePrefix": "p-", "roleNames": "Any", "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}},
            },
            "status": {"providerArn": "arn:aws:iam::123456789012:oidc-provider/b.example"},
        });
        let federation = serde_json::from_value(federation).unwrap();
        (name == "default").then(|| Arc::new(FederationView::of(&federation, false)))
    }

    fn labels(namespace: &str) -> Option<Labels> {
        let team = match namespace {
            "ns" => "a",
            "evil" => "b",
            _ => return None,
        };
        Some(Labels::from([("team".to_owned(), team.to_owned())]))
    }

    #[test]
    fn who_could_not_have_the_name_takes_it_from_nobody() {
        let mut squatter = binding("old", 1, Some("p-ns.young"), &["a"]);
        let young = binding("young", 2, None, &["b"]);
        let check = |squatter: &IamRoleBinding| {
            let all = [squatter, &young];
            let name = role_name(&young, "p-").unwrap();
            Conflicts::of(&young, all).check_role_name(&name, "123456789012", &registry, &labels)
        };
        assert_eq!(check(&squatter).unwrap_err().reason, Reason::RoleNameTaken);
        squatter.metadata.namespace = Some("evil".to_owned());
        assert_eq!(check(&squatter), Ok(()));
    }

    #[test]
    fn the_older_binding_keeps_the_role_name_whatever_its_case() {
        let (old, young) = (
            binding("old", 1, Some("App"), &["a"]),
            binding("young", 2, Some("app"), &["b"]),
        );
        let all = [&old, &young];
        let check = |binding: &IamRoleBinding, account: &str| {
            let name = role_name(binding, "p-").unwrap();
            Conflicts::of(binding, all).check_role_name(&name, account, &registry, &labels)
        };
        let failure = check(&young, "123456789012").unwrap_err();
        assert_eq!(failure.reason, Reason::RoleNameTaken);
        assert!(failure.message.contains("ns/old"), "{}", failure.message);
        assert_eq!(check(&old, "123456789012"), Ok(()));
        assert_eq!(check(&young, "999999999999"), Ok(()), "another account");
    }

    #[test]
    fn a_given_name_may_not_be_the_default_name_of_an_older_binding() {
        let (old, young) = (
            binding("old", 1, None, &["a"]),
            binding("young", 2, Some("p-ns.old"), &["b"]),
        );
        let all = [&old, &young];
        let name = role_name(&young, "p-").unwrap();
        let checked = Conflicts::of(&young, all).check_role_name(&name, "123456789012", &registry, &labels);
        assert_eq!(checked.unwrap_err().reason, Reason::RoleNameTaken);
    }

    #[test]
    fn the_older_binding_keeps_the_service_account_unless_one_leaves_accounts_alone() {
        let old = binding("old", 1, None, &["a", "b"]);
        let young = binding("young", 2, None, &["c", "b"]);
        let all = [&old, &young];
        let failure = Conflicts::of(&young, all).check_service_accounts().unwrap_err();
        assert_eq!(failure.reason, Reason::ServiceAccountTaken);
        assert!(
            failure.message.contains("old") && failure.message.contains('b'),
            "{}",
            failure.message
        );
        assert_eq!(Conflicts::of(&old, all).check_service_accounts(), Ok(()));
        let mut leaves_alone = young.clone();
        leaves_alone.spec.service_account_mode = ServiceAccountMode::None;
        assert_eq!(Conflicts::of(&leaves_alone, all).check_service_accounts(), Ok(()));
    }

    #[test]
    fn a_binding_on_its_way_out_claims_nothing() {
        let (mut old, young) = (
            binding("old", 1, Some("app"), &["a"]),
            binding("young", 2, Some("app"), &["a"]),
        );
        old.metadata.deletion_timestamp = old.metadata.creation_timestamp.clone();
        let all = [&old, &young];
        let conflicts = Conflicts::of(&young, all);
        assert_eq!(conflicts.check_service_accounts(), Ok(()));
        assert_eq!(conflicts.older_roles(|_| true), 0);
    }

    #[test]
    fn a_binding_on_its_way_out_keeps_its_place_under_the_limit_until_its_role_is_gone() {
        let (mut old, young) = (binding("old", 1, None, &["a"]), binding("young", 2, None, &["b"]));
        old.metadata.deletion_timestamp = old.metadata.creation_timestamp.clone();
        // Whose finalizers are on it says nothing: its owner may have taken ours off.
        for finalizer in ["somebody.else/waits", "irsa-anywhere.dev/binding"] {
            old.metadata.finalizers = Some(vec![finalizer.to_owned()]);
            let all = [&old, &young];
            let conflicts = Conflicts::of(&young, all);
            assert_eq!(conflicts.older_roles(|_| false), 1);
            assert_eq!(conflicts.older_roles(|other| other.name_any() == "old"), 0);
        }
    }

    #[test]
    fn older_bindings_of_the_namespace_and_federation_count_against_the_limit() {
        let (one, two, three) = (
            binding("a", 1, None, &["a"]),
            binding("b", 1, None, &["b"]),
            binding("c", 0, None, &["c"]),
        );
        let all = [&one, &two, &three];
        assert_eq!(Conflicts::of(&one, all).older_roles(|_| false), 1);
        assert_eq!(Conflicts::of(&two, all).older_roles(|_| false), 2);
        assert_eq!(Conflicts::of(&three, all).older_roles(|_| false), 0);
    }

    #[test]
    fn bindings_contend_for_accounts_and_names() {
        let a = binding("a", 1, None, &["x"]);
        assert!(competes_with(&a, &binding("b", 2, None, &["x"])));
        assert!(!competes_with(&a, &binding("b", 2, None, &["y"])));
        assert!(competes_with(
            &binding("a", 1, Some("R"), &["x"]),
            &binding("b", 2, Some("r"), &["y"])
        ));
    }
}
