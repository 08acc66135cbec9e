//! What AWS and Kubernetes must look like in the end, worked out from the wishes alone and with none of the product's
//! code.

mod federations;

use std::collections::{BTreeMap, BTreeSet};

use irsa_core::digest::sha256_hex;
use irsa_testkit::{apiserver::MemoryApiServer, aws::RoleState};
use serde_json::Value;

use crate::{
    view::{View, canonical, is_our_role, subjects},
    wishes::{
        BindingWish, CLUSTER, FEDERATION, FederationWish, ID, POLICIES, SLOTS, account_path, binding_path, chosen,
        inline_document, policy_arn, role_name, slot_name,
    },
};

/// Whether the guard-rails let the binding have what it asks for; its neighbours not counted.
pub(crate) fn admitted(federation: &FederationWish, wish: &BindingWish, tenant: bool) -> bool {
    (tenant || !federation.only_tenants)
        && wish.managed & !federation.policies == 0
        && (wish.inline == 0 || federation.allows_inline())
        && (!wish.retain || federation.allow_retain)
        && (!wish.second_audience || federation.second_audience)
}

/// Everything that the end is judged by.
pub(crate) struct End<'a> {
    pub(crate) view: View,
    pub(crate) api: &'a MemoryApiServer,
    pub(crate) federation: Option<&'a FederationWish>,
    pub(crate) bindings: &'a [Option<BindingWish>],
    pub(crate) tenants: [bool; 2],
    /// Kids that the API servers serve now, and every one that they ever served.
    pub(crate) served: &'a str,
    pub(crate) ever_served: &'a BTreeSet<String>,
    /// Roles and provider that may be there without their objects: retained, or given up by force.
    pub(crate) left: &'a Left,
}

/// What was left in AWS on purpose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Left {
    pub(crate) roles: [bool; SLOTS],
    pub(crate) federation: bool,
}

impl End<'_> {
    /// Everything that is not as it must be.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.federation_problems();
        for slot in 0..SLOTS {
            let found = self.binding_problems(slot);
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{}: {problem}", role_name(slot))),
            );
        }
        problems
    }

    fn condition(object: &Value, kind: &str) -> (String, String) {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let found = conditions.into_iter().find(|condition| condition["type"] == kind);
        let text = |field: &str| found.map(|found| found[field].as_str().unwrap_or_default().to_owned());
        (text("status").unwrap_or_default(), text("reason").unwrap_or_default())
    }

    fn tags(wish: &FederationWish, slot: Option<usize>) -> BTreeMap<String, String> {
        let ours = |name: &str, value: &str| (format!("irsa-anywhere.dev/{name}"), value.to_owned());
        let mut tags = BTreeMap::from([ours("cluster", CLUSTER), ours("federation", "default")]);
        if let Some(slot) = slot {
            let (namespace, name) = slot_name(slot);
            tags.extend([ours("namespace", namespace), ours("name", name)]);
        }
        if wish.team > 0 {
            tags.insert("team".to_owned(), format!("t{}", wish.team));
        }
        tags
    }

    /// An older binding of the namespace that has one of the ServiceAccounts, and how many are older.
    fn older(&self, slot: usize) -> (bool, u32) {
        let Some(wish) = &self.bindings[slot] else {
            return (false, 0);
        };
        let age = |slot: usize| {
            let object = self.api.get(&binding_path(slot)).unwrap_or_default();
            (
                object["metadata"]["creationTimestamp"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                slot,
            )
        };
        let mut taken = false;
        let mut count = 0;
        for other in (0..SLOTS).filter(|other| *other != slot && other / 2 == slot / 2) {
            let Some(theirs) = &self.bindings[other] else { continue };
            if age(other) < age(slot) {
                count += 1;
                let annotate = !wish.no_annotations && !theirs.no_annotations;
                taken |= annotate && wish.accounts & theirs.accounts != 0;
            }
        }
        (taken, count)
    }

    /// Roles without a binding that may be in the namespace beside this slot's.
    fn left_beside(&self, slot: usize) -> u32 {
        let beside = (0..SLOTS).filter(|other| *other != slot && other / 2 == slot / 2);
        let left = beside.filter(|other| self.left.roles[*other] && self.bindings[*other].is_none());
        u32::try_from(left.count()).unwrap()
    }

    fn binding_problems(&self, slot: usize) -> Vec<String> {
        let role = self.view.roles.get(&role_name(slot)).filter(|role| is_our_role(role));
        let foreign = self
            .view
            .roles
            .get(&role_name(slot))
            .is_some_and(|role| !is_our_role(role));
        let object = self.api.get(&binding_path(slot));
        let (Some(wish), Some(object)) = (&self.bindings[slot], &object) else {
            return self.gone_binding_problems(slot, role, object.as_ref());
        };
        let (ready, reason) = Self::condition(object, "Ready");
        let usable = self.federation.is_some_and(|federation| {
            let found = self.api.get(FEDERATION).unwrap_or_default();
            !federation.suspend && Self::condition(&found, "Ready").0 == "True"
        });
        let Some(federation) = self.federation.filter(|_| usable) else {
            // The federation cannot be used, and nothing is promised but that nothing becomes wider.
            return Vec::new();
        };
        if foreign {
            return if ready == "True" && !wish.suspend {
                vec!["Ready with a foreign role".to_owned()]
            } else {
                Vec::new()
            };
        }
        let (taken, older) = self.older(slot);
        let allowed = admitted(federation, wish, self.tenants[slot / 2]) && !taken && older < federation.max_roles;
        // A role that was left behind counts too, once a listing has shown it: who came before that has his own.
        let crowded = older + self.left_beside(slot) >= federation.max_roles && reason == "QuotaExceeded";
        if wish.suspend || !allowed || crowded {
            let mut problems: Vec<String> = self.withheld_problems(slot, federation, role).into_iter().collect();
            if !wish.suspend && ready == "True" {
                problems.push("Ready although it may not have what it asks for".to_owned());
            }
            return problems;
        }
        let mut problems = match role {
            None => vec![format!(
                "there is no role: {reason}: {}",
                object["status"]["conditions"]
            )],
            Some(role) => Self::role_problems(slot, federation, wish, role),
        };
        problems.extend(self.account_problems(slot, wish, &ready, &reason));
        problems
    }

    fn role_problems(slot: usize, federation: &FederationWish, wish: &BindingWish, role: &RoleState) -> Vec<String> {
        let (namespace, name) = slot_name(slot);
        let mut wanted = role.clone();
        wanted.path = format!("/irsa/{ID}/");
        wanted.description = Some(format!("IamRoleBinding {namespace}/{name} of irsa-anywhere"));
        wanted.max_session = if wish.long_session { 7_200 } else { 3_600 };
        // Without an opinion of the federation's, a stranger's boundary stays.
        let stranger = policy_arn("IAMReadOnlyAccess");
        let theirs = role.boundary.clone().filter(|boundary| *boundary == stranger);
        wanted.boundary = federation.boundary_arn().or(theirs);
        wanted.attached = chosen(wish.managed, &POLICIES).map(policy_arn).collect();
        wanted.tags = Self::tags(federation, Some(slot));
        let mark = federation.boundary_arn().map(|arn| {
            let digest: String = sha256_hex(arn.as_bytes()).chars().take(32).collect();
            ("irsa-anywhere.dev/boundary".to_owned(), digest)
        });
        wanted.tags.extend(mark);
        let uid = role.tags.get("irsa-anywhere.dev/uid").cloned();
        wanted
            .tags
            .extend(uid.map(|uid| ("irsa-anywhere.dev/uid".to_owned(), uid)));
        let mut problems = Vec::new();
        if *role != wanted {
            problems.push(format!("it is {role:?}, not {wanted:?}"));
        }
        let audience = wish.audience();
        let accounts = wish.account_names();
        let open: BTreeSet<String> = accounts
            .map(|account| format!("system:serviceaccount:{namespace}:{account} {audience}"))
            .collect();
        if subjects(&role.trust) != open {
            problems.push(format!("it trusts {:?}", subjects(&role.trust)));
        }
        let inline: BTreeMap<String, String> = (wish.inline > 0)
            .then(|| ("own".to_owned(), canonical(&inline_document(wish.inline))))
            .into_iter()
            .collect();
        let found: BTreeMap<String, String> = role
            .inline
            .iter()
            .map(|(name, text)| (name.clone(), canonical(&serde_json::from_str(text).unwrap_or_default())))
            .collect();
        if found != inline {
            problems.push(format!("its inline policies are {found:?}"));
        }
        problems
    }

    /// A role whose binding does not get what it asks for is closed, or is nothing that the guard-rails refuse.
    fn withheld_problems(&self, slot: usize, federation: &FederationWish, role: Option<&RoleState>) -> Option<String> {
        let role = role?;
        let open = subjects(&role.trust);
        if open.is_empty() {
            return None;
        }
        let own = format!("system:serviceaccount:{}:", slot_name(slot).0);
        let allowed: BTreeSet<String> = chosen(federation.policies, &POLICIES).map(policy_arn).collect();
        let within = role.attached.is_subset(&allowed)
            && (role.inline.is_empty() || federation.allows_inline())
            && federation
                .boundary_arn()
                .is_none_or(|wanted| role.boundary == Some(wanted))
            && open.iter().all(|subject| subject.starts_with(&own))
            && (self.tenants[slot / 2] || !federation.only_tenants);
        (!within).then(|| format!("it is open and beyond the guard-rails: {role:?}"))
    }

    fn account_problems(&self, slot: usize, wish: &BindingWish, ready: &str, reason: &str) -> Vec<String> {
        let (namespace, _) = slot_name(slot);
        let mut missing = false;
        let mut conflict = false;
        let mut problems = Vec::new();
        for account in wish.account_names().filter(|_| !wish.no_annotations) {
            let Some(found) = self.api.get(&account_path(namespace, account)) else {
                missing = true;
                continue;
            };
            let annotation = &found["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
            let wanted = format!(
                "arn:aws:iam::{}:role/irsa/{ID}/{}",
                crate::wishes::ACCOUNT,
                role_name(slot)
            );
            if *annotation == "arn:somebody-else" {
                conflict = true;
            } else if *annotation != wanted {
                problems.push(format!("the ServiceAccount {account} has {annotation}"));
            }
        }
        let proven = Self::condition(&self.api.get(&binding_path(slot)).unwrap_or_default(), "Verified");
        let expected = if wish.no_annotations {
            // Nobody has labelled them, so that no token is to be had; some may carry the label for another binding.
            ["True", "Unknown"]
        } else {
            ["True"; 2]
        };
        if ready == "True" && !expected.contains(&proven.0.as_str()) {
            problems.push(format!("Ready, and Verified is {proven:?}"));
        }
        if (ready == "True") == (missing || conflict) {
            problems.push(format!(
                "missing accounts: {missing}, conflict: {conflict}, and Ready is {ready}, {reason}"
            ));
        }
        problems
    }

    fn gone_binding_problems(&self, slot: usize, role: Option<&RoleState>, object: Option<&Value>) -> Vec<String> {
        if let Some(object) = object {
            let (_, reason) = Self::condition(object, "Ready");
            return vec![format!("the binding does not go: {reason}")];
        }
        match role {
            Some(role) if !self.left.roles[slot] => vec![format!("it is an orphan: {role:?}")],
            _ => Vec::new(),
        }
    }
}
