//! Who gets into a role.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    finding::{AuditFinding, Severity},
    input::{AuditInput, AuditedBinding, AuditedFederation, AuditedRole, RolePower, Workload},
};
use crate::{
    like::like,
    text::{counted, listed, shown},
    trust::{Admittance, Claims, STRANGER, admits, other_stranger, pinned_subjects, trusted_principals},
};

/// Names that a message shows before it says "and more".
const NAMED: usize = 5;
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
    let seen: BTreeSet<&str> = input.roles.iter().map(|role| role.arn.as_str()).collect();
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
        let doors: Vec<Door<'_>> = self
            .federations
            .iter()
            .flat_map(|federation| federation.client_ids.iter().map(move |audience| (federation, audience)))
            .map(|(federation, audience)| Door {
                trust: &role.trust,
                federation,
                audience,
            })
            .collect();
        let stranger = doors.iter().map(Door::takes_strangers).max().unwrap_or(Admittance::No);
        let pinned: BTreeSet<String> = doors.iter().flat_map(Door::pinned).collect();
        let (patterns, names): (Vec<String>, Vec<String>) =
            pinned.into_iter().partition(|value| value.contains(['*', '?']));
        let lets_in = |subject: &str| {
            doors
                .iter()
                .map(|door| door.takes(subject))
                .max()
                .unwrap_or(Admittance::No)
        };
        let is_open = stranger != Admittance::No;
        let mut subjects: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        subjects.extend(
            self.bindings_of(&role.arn)
                .iter()
                .flat_map(|binding| subjects_of(binding)),
        );
        if (!patterns.is_empty() || says_not(&role.trust)) && !is_open {
            let all = self.workloads.iter().flat_map(BTreeMap::keys);
            subjects.extend(all.map(|(namespace, name)| format!("{SUBJECT}{namespace}:{name}")));
        }
        let entering: Vec<(String, Admittance)> = subjects
            .into_iter()
            .map(|subject| (lets_in(&subject), subject))
            .filter(|(admitted, _)| *admitted != Admittance::No)
            .map(|(admitted, subject)| (subject, admitted))
            .collect();
        // A pattern that another condition makes void lets nobody in.
        let fitting = doors
            .iter()
            .flat_map(|door| patterns.iter().map(|pattern| door.takes_like(pattern)))
            .max()
            .unwrap_or(Admittance::No);
        let fits = fitting != Admittance::No;
        if !is_open && !fits && entering.is_empty() {
            return None;
        }
        // What certainly holds counts for more than what another condition may keep from everybody.
        let is_open = is_open && !(stranger == Admittance::Depends && fitting == Admittance::Yes);
        let widest = match (is_open, fits) {
            (true, _) => stranger,
            (false, true) => fitting,
            (false, false) => entering
                .iter()
                .map(|(_, admitted)| *admitted)
                .max()
                .unwrap_or(Admittance::No),
        };
        Some(RoleAccess {
            arn: role.arn.clone(),
            bindings: self.bound_to(&role.arn),
            reach: match (is_open, fits) {
                (true, _) => Reach::Everybody,
                (false, true) => Reach::Patterns(patterns),
                (false, false) => Reach::Named,
            },
            on_condition: widest == Admittance::Depends,
            workloads: self.workloads(&role.arn, entering.iter().map(|(subject, _)| subject.as_str())),
            other_audiences: self.other_audiences(role, &doors, &entering),
            other_principals: self.other_principals(role),
            power: role.power.clone(),
        })
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

/// Whether a trust policy shuts somebody out: whom it lets in then stands nowhere in it.
fn says_not(trust: &str) -> bool {
    trust.contains("Deny") || trust.contains("Not")
}

fn subjects_of(binding: &AuditedBinding) -> impl Iterator<Item = String> {
    let subject = |name: &String| format!("{SUBJECT}{}:{name}", binding.namespace);
    binding.accounts.iter().map(subject)
}

/// A way into a role: an issuer's tokens for one audience.
struct Door<'a> {
    trust: &'a str,
    federation: &'a AuditedFederation,
    audience: &'a str,
}

impl Door<'_> {
    fn claims<'s>(&'s self, subject: &'s str) -> Claims<'s> {
        Claims {
            provider: &self.federation.provider,
            issuer: &self.federation.issuer,
            subject,
            audience: self.audience,
        }
    }

    fn takes(&self, subject: &str) -> Admittance {
        admits(self.trust, &self.claims(subject))
    }

    fn takes_strangers(&self) -> Admittance {
        let stranger = other_stranger(self.trust);
        let (one, other) = (self.takes(STRANGER), self.takes(&stranger));
        let let_in = match (one, other) {
            (Admittance::No, Admittance::No) => return Admittance::No,
            (Admittance::No, _) => stranger.as_str(),
            (_, Admittance::No) => STRANGER,
            _ => return one.max(other),
        };
        // One that gets in by a pattern of its own namespace stands for that alone.
        if self.pinned().iter().any(|pattern| like(pattern, let_in)) {
            return Admittance::No;
        }
        one.max(other)
    }

    fn pinned(&self) -> Vec<String> {
        pinned_subjects(self.trust, &self.claims(STRANGER))
    }

    /// Whether it takes a ServiceAccount that fits this pattern.
    fn takes_like(&self, pattern: &str) -> Admittance {
        let filled = |with: &str| pattern.replace('*', with).replace('?', "x");
        // Where a star stands for a namespace and a name at once, it takes a colon to be a subject.
        let fitting = ["x", "x:x", ""].map(|with| self.takes(&filled(with)));
        fitting.into_iter().max().unwrap_or(Admittance::No)
    }
}

impl RoleAccess {
    /// What is too wide of it.
    pub(super) fn findings(&self) -> Vec<AuditFinding> {
        let finding = |severity, kind, message: String, fix: &str| AuditFinding {
            severity,
            about: self.arn.clone(),
            kind,
            message,
            fix: fix.to_owned(),
        };
        let perhaps = if self.on_condition {
            " A condition on something else may keep some of them out; only AWS can tell."
        } else {
            ""
        };
        let mut found = Vec::new();
        match &self.reach {
            Reach::Everybody => found.push(finding(
                if self.on_condition {
                    Severity::Medium
                } else {
                    Severity::High
                },
                "every-service-account",
                format!("Every ServiceAccount of the cluster may take it, those that are made tomorrow too.{perhaps}"),
                "Pin the provider's sub by StringEquals in its trust policy.",
            )),
            Reach::Patterns(patterns) => found.push(finding(
                if self.on_condition {
                    Severity::Medium
                } else {
                    Severity::High
                },
                "pattern",
                format!(
                    "Whoever makes a ServiceAccount that fits {} may take it.{perhaps}",
                    listed(patterns.iter().map(|pattern| shown(pattern)), NAMED)
                ),
                "Name each ServiceAccount by StringEquals on the provider's sub.",
            )),
            Reach::Named | Reach::Unseen => {}
        }
        let open = self.reach != Reach::Named && self.reach != Reach::Unseen;
        let strangers: Vec<&WorkloadAccess> = self.workloads.iter().filter(|workload| !workload.bound).collect();
        if !self.bindings.is_empty() && !strangers.is_empty() && !open {
            found.push(finding(
                Severity::Medium,
                "not-bound",
                format!(
                    "ServiceAccounts may take it that no binding of it names: {}.",
                    names(&strangers)
                ),
                "Take them out of its trust policy, or bind them. The operator does the former for a role of its own.",
            ));
        }
        if self.bindings.is_empty() {
            let whom = match (&self.reach, self.workloads.is_empty()) {
                (Reach::Named, false) => format!(": {}", names(&self.workloads.iter().collect::<Vec<_>>())),
                _ => String::new(),
            };
            found.push(finding(
                Severity::Low,
                "no-binding",
                format!("No binding stands for it, and ServiceAccounts of this cluster may take it{whom}."),
                "Bind it (existingRole, or kubectl irsa import), or take this cluster's provider out of its trust policy.",
            ));
        }
        let missing: Vec<&WorkloadAccess> = self
            .workloads
            .iter()
            .filter(|workload| workload.exists == Some(false))
            .collect();
        if !missing.is_empty() {
            found.push(finding(
                Severity::Low,
                "missing-account",
                format!(
                    "{} may take it that {} not there: whoever may create {} has the role: {}.",
                    counted(missing.len(), "ServiceAccount", "ServiceAccounts"),
                    if missing.len() == 1 { "is" } else { "are" },
                    if missing.len() == 1 { "it" } else { "them" },
                    names(&missing)
                ),
                "Create them, or take them out of the binding.",
            ));
        }
        if !self.other_audiences.is_empty() {
            let audiences = self.other_audiences.iter().map(|audience| shown(audience));
            found.push(finding(
                Severity::Medium,
                "other-audience",
                format!(
                    "It takes tokens that are meant for somebody else: {}.",
                    listed(audiences, NAMED)
                ),
                "Pin the provider's aud by StringEquals in its trust policy.",
            ));
        }
        if !self.other_principals.is_empty() {
            let others = self.other_principals.iter().map(|principal| shown(principal));
            found.push(finding(
                Severity::Low,
                "other-principals",
                format!("Others than this cluster may take it, too: {}.", listed(others, NAMED)),
                "Let a role serve one purpose, where those are not meant to have what its pods have.",
            ));
        }
        found
    }
}

fn names(workloads: &[&WorkloadAccess]) -> String {
    let named = workloads
        .iter()
        .map(|workload| format!("{}/{}", shown(&workload.namespace), shown(&workload.name)));
    listed(named, NAMED)
}
