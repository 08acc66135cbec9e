//! Who in a cluster can become which role of an account, and what of that is too wide.
//!
//! Who gets in is asked of the trust policy as AWS would be asked: by showing it the claims of each ServiceAccount, of those that
//! it names, and of one that there is not. So it does not matter who wrote the policy, nor how.
//!
//! Not seen here: the documents of managed policies (the best known of AWS are known by name), service control policies, who may
//! create pods or tokens in a namespace.

mod access;
mod door;
mod finding;
mod input;
mod power;
mod rules;
mod too_wide;

pub use self::{
    access::{BoundTo, Reach, RoleAccess, WorkloadAccess},
    finding::{AuditFinding, Severity},
    input::{AuditInput, AuditedBinding, AuditedFederation, AuditedRole, RolePower, Workload},
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// What is too wide, the widest first.
    pub findings: Vec<AuditFinding>,
    /// The roles that somebody of this cluster gets into, by their ARN.
    pub roles: Vec<RoleAccess>,
    /// Policies that AWS might read otherwise, each a sentence: what they say is not judged.
    pub unread: Vec<String>,
}

impl Audit {
    /// Judges what is known.
    pub fn of(input: &AuditInput) -> Self {
        let roles = access::of(input);
        let mut findings: Vec<AuditFinding> = roles.iter().flat_map(RoleAccess::findings).collect();
        findings.extend(input.roles.iter().flat_map(|role| {
            let is_reached = roles.iter().any(|access| access.arn == role.arn);
            is_reached.then(|| power::findings(role)).into_iter().flatten()
        }));
        findings.extend(input.federations.iter().flat_map(rules::findings));
        findings.sort();
        findings.dedup();
        let doors = input.roles.iter().filter(|role| access::is_unread(input, role));
        let doors = doors.map(|role| format!("The trust policy of {} cannot be read for certain.", role.arn));
        let reached = input
            .roles
            .iter()
            .filter(|role| roles.iter().any(|access| access.arn == role.arn));
        let unread = doors.chain(reached.flat_map(power::unread)).collect();
        Self {
            findings,
            roles,
            unread,
        }
    }

    /// Whether there is something that ought to be narrowed: a finding that is more than a remark.
    pub fn is_too_wide(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity != Severity::Low)
    }
}

#[cfg(test)]
mod tests;
