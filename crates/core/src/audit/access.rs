//! Who gets into a role.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    door::Door,
    input::{AuditInput, AuditedBinding, AuditedFederation, AuditedRole, RolePower, Workload},
};
use crate::{
    compare,
    trust::{Admittance, ReadPolicy, trusted_principals},
};

/// How the subject of a ServiceAccount begins.
const SUBJECT: &str = "system:serviceaccount:";

/// How wide the door of a role is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Those whom the trust policy names, and nobody else.
    Named,
    /// Whoever fits one of these patterns.
    Patterns(Vec<String>),
    /// Every ServiceAccount, those that are made tomorrow too.
    Everybody,
    /// Nobody here could read the trust policy: as its binding says.
    Unseen,
}

/// A role, and who of the cluster gets into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAccess {
    /// Its ARN.
    pub arn: String,
    /// The bindings that have it.
    pub bindings: Vec<BoundTo>,
    /// How wide its door is.
    pub reach: Reach,
    /// Whether all that is known of its door depends on a condition on something else, which AWS alone can judge.
    pub on_condition: bool,
    /// The ServiceAccounts that get in. Where everybody does, those that its bindings name.
    pub workloads: Vec<WorkloadAccess>,
    /// Audiences of the provider that open it and that no binding of it names.
    pub other_audiences: Vec<String>,
    /// Who else is let in: accounts, services, other providers.
    pub other_principals: Vec<String>,
    /// What it may; `None` where that could not be read.
    pub power: Option<RolePower>,
}

/// A binding that has a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoundTo {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A ServiceAccount that gets into a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadAccess {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether a binding of the role names it.
    pub bound: bool,
    /// Whether it is there; `None` where that is not known.
    pub exists: Option<bool>,
    /// How many pods run as it; `None` where that is not known.
    pub pods: Option<usize>,
}

/// Each role that somebody gets into, and those of bindings that could not be read.
pub(super) fn of(input: &AuditInput) -> Vec<RoleAccess> {
    let cluster = ClusterView::of(input);
    let read = input.roles.iter().filter_map(|role| cluster.access(role));
    let mut roles: BTreeMap<String, RoleAccess> = read.map(|access| (access.arn.clone(), access)).collect();
    let seen = input.roles.iter().filter(|role| !is_unread(input, role));
    let seen: BTreeSet<&str> = seen.map(|role| role.arn.as_str()).collect();
    for binding in input
        .bindings
        .iter()
        .filter(|binding| !seen.contains(binding.role.as_str()))
    {
        roles
            .entry(binding.role.clone())
            .or_insert_with(|| cluster.unread(&binding.role));
    }
    roles.into_values().collect()
}

/// Whether a role's trust policy speaks of this cluster and cannot be read for certain.
pub(super) fn is_unread(input: &AuditInput, role: &AuditedRole) -> bool {
    ReadPolicy::of(&role.trust).is_none() && {
        let text = compare::decoded(&role.trust);
        let mut federations = input.federations.iter();
        federations.any(|federation| text.contains(&federation.issuer))
    }
}

/// The cluster, for lookups.
struct ClusterView<'a> {
    federations: &'a [AuditedFederation],
    bindings: BTreeMap<&'a str, Vec<&'a AuditedBinding>>,
    workloads: Option<BTreeMap<(&'a str, &'a str), &'a Workload>>,
}

impl<'a> ClusterView<'a> {
    fn of(input: &'a AuditInput) -> Self {
        let mut bindings: BTreeMap<&str, Vec<&AuditedBinding>> = BTreeMap::new();
        for binding in &input.bindings {
            bindings.entry(&binding.role).or_default().push(binding);
        }
        let key = |workload: &'a Workload| ((workload.namespace.as_str(), workload.name.as_str()), workload);
        Self {
            federations: &input.federations,
            bindings,
            workloads: input.workloads.as_ref().map(|all| all.iter().map(key).collect()),
        }
    }

    fn bindings_of(&self, role: &str) -> &[&'a AuditedBinding] {
        self.bindings.get(role).map(Vec::as_slice).unwrap_or_default()
    }

    /// `None`: nobody of this cluster gets in.
    fn access(&self, role: &AuditedRole) -> Option<RoleAccess> {
        let policy = ReadPolicy::of(&role.trust)?;
        let doors: Vec<Door<'_>> = self
            .federations
            .iter()
            .flat_map(|federation| federation.client_ids.iter().map(move |audience| (federation, audience)))
            .map(|(federation, audience)| Door {
                trust: &role.trust,
                policy: &policy,
                federation,
                audience,
            })
            .collect();
        let pinned: BTreeSet<String> = doors.iter().flat_map(Door::pinned).collect();
        let (patterns, names): (Vec<String>, Vec<String>) =
            pinned.into_iter().partition(|value| value.contains(['*', '?']));
        let stranger = strongest(doors.iter().map(Door::takes_strangers));
        // A pattern that another condition makes void lets nobody in.
        let fitting = strongest(
            doors
                .iter()
                .flat_map(|door| patterns.iter().map(|pattern| door.takes_like(pattern))),
        );
        let names_not_all = !patterns.is_empty() || says_not(&role.trust);
        let (reach, widest) = match (stranger, fitting) {
            // What certainly holds counts for more than what another condition may keep from everybody.
            (Admittance::No, Admittance::Depends | Admittance::Yes) | (Admittance::Depends, Admittance::Yes) => {
                (Reach::Patterns(patterns), fitting)
            }
            (Admittance::Depends | Admittance::Yes, _) => (Reach::Everybody, stranger),
            (Admittance::No, Admittance::No) => (Reach::Named, Admittance::No),
        };
        let asks_all = names_not_all && reach != Reach::Everybody;
        let entering = self.entering(role, &doors, &names, asks_all);
        let widest = match reach {
            Reach::Named if entering.is_empty() => return None,
            Reach::Named => strongest(entering.iter().map(|(_, admitted)| *admitted)),
            Reach::Patterns(_) | Reach::Everybody | Reach::Unseen => widest,
        };
        Some(RoleAccess {
            arn: role.arn.clone(),
            bindings: self.bound_to(&role.arn),
            reach,
            on_condition: widest == Admittance::Depends,
            workloads: self.workloads(&role.arn, entering.iter().map(|(subject, _)| subject.as_str())),
            other_audiences: self.other_audiences(role, &doors, &entering),
            other_principals: self.other_principals(role),
            power: role.power.clone(),
        })
    }

    /// The subjects that get in: of those that the policy names, of its bindings', and where that may be more of all that there are.
    fn entering(
        &self,
        role: &AuditedRole,
        doors: &[Door<'_>],
        names: &[String],
        asks_all: bool,
    ) -> Vec<(String, Admittance)> {
        let bound = self.bindings_of(&role.arn).iter();
        let all = self.workloads.iter().filter(|_| asks_all).flat_map(BTreeMap::keys);
        let subjects: BTreeSet<String> = names
            .iter()
            .map(|name| name.to_lowercase())
            .chain(bound.flat_map(|binding| subjects_of(binding)))
            .chain(all.map(|(namespace, name)| format!("{SUBJECT}{namespace}:{name}")))
            .collect();
        let admitted = subjects
            .into_iter()
            .map(|subject| (strongest(doors.iter().map(|door| door.takes(&subject))), subject));
        admitted
            .filter(|(admitted, _)| *admitted != Admittance::No)
            .map(|(admitted, subject)| (subject, admitted))
            .collect()
    }

    /// A role that could not be read, as its bindings have it.
    fn unread(&self, role: &str) -> RoleAccess {
        let subjects: BTreeSet<String> = self
            .bindings_of(role)
            .iter()
            .flat_map(|binding| subjects_of(binding))
            .collect();
        RoleAccess {
            arn: role.to_owned(),
            bindings: self.bound_to(role),
            reach: Reach::Unseen,
            on_condition: false,
            workloads: self.workloads(role, subjects.iter().map(String::as_str)),
            other_audiences: Vec::new(),
            other_principals: Vec::new(),
            power: None,
        }
    }

    fn bound_to(&self, role: &str) -> Vec<BoundTo> {
        let bound = self.bindings_of(role).iter().map(|binding| BoundTo {
            namespace: binding.namespace.clone(),
            name: binding.name.clone(),
        });
        let mut bound: Vec<BoundTo> = bound.collect();
        bound.sort();
        bound
    }

    fn workloads<'s>(&self, role: &str, subjects: impl Iterator<Item = &'s str>) -> Vec<WorkloadAccess> {
        let bindings = self.bindings_of(role);
        let named = subjects.filter_map(|subject| subject.strip_prefix(SUBJECT)?.split_once(':'));
        named
            .map(|(namespace, name)| {
                let found = self.workloads.as_ref().map(|all| all.get(&(namespace, name)));
                WorkloadAccess {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    bound: bindings
                        .iter()
                        .any(|binding| binding.namespace == namespace && binding.accounts.contains(name)),
                    exists: found.map(|found| found.is_some()),
                    pods: match found {
                        Some(Some(workload)) => workload.pods,
                        Some(None) => Some(0),
                        None => None,
                    },
                }
            })
            .collect()
    }

    /// Audiences beside those that the bindings name; nothing of a role that no binding has.
    fn other_audiences(
        &self,
        role: &AuditedRole,
        doors: &[Door<'_>],
        entering: &[(String, Admittance)],
    ) -> Vec<String> {
        let bindings = self.bindings_of(&role.arn);
        if bindings.is_empty() {
            return Vec::new();
        }
        let opens = |door: &&Door<'_>| {
            let mut subjects = entering.iter().map(|(subject, _)| subject.as_str());
            subjects.any(|subject| door.takes(subject) == Admittance::Yes) || door.takes_strangers() == Admittance::Yes
        };
        let is_named = |audience: &str| bindings.iter().any(|binding| binding.audiences.contains(audience));
        let others = doors
            .iter()
            .filter(opens)
            .map(|door| door.audience)
            .filter(|audience| !is_named(audience));
        let others: BTreeSet<&str> = others.collect();
        others.into_iter().map(str::to_owned).collect()
    }

    /// Whom the trust policy names beside the cluster's own providers.
    fn other_principals(&self, role: &AuditedRole) -> Vec<String> {
        let is_ours = |principal: &String| {
            self.federations
                .iter()
                .any(|federation| federation.provider == *principal)
        };
        let others: BTreeSet<String> = trusted_principals(&role.trust)
            .into_iter()
            .filter(|principal| !is_ours(principal))
            .collect();
        others.into_iter().collect()
    }
}

fn strongest(of: impl Iterator<Item = Admittance>) -> Admittance {
    of.max().unwrap_or(Admittance::No)
}

/// Whether a trust policy shuts somebody out: whom it lets in then stands nowhere in it.
fn says_not(trust: &str) -> bool {
    trust.contains("Deny") || trust.contains("Not")
}

fn subjects_of(binding: &AuditedBinding) -> impl Iterator<Item = String> {
    let subject = |name: &String| format!("{SUBJECT}{}:{name}", binding.namespace);
    binding.accounts.iter().map(subject)
}
