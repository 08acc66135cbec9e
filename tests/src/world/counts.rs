//! What the operator cost: calls to AWS by its credentials, and to the Kubernetes API by its ServiceAccount. The lease is
//! not counted: it is renewed by the clock, whatever there is to do.

use std::collections::BTreeMap;

use irsa_testkit::{
    aws::{Access, Mark},
    controlplane::AuditMark,
};

use super::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, Problem, World};

/// A moment to count from.
pub struct WorldMark {
    aws: Mark,
    kubernetes: AuditMark,
}

/// Calls since a mark, by operation (`iam:GetRole`) and by verb and resource (`patch iamrolebindings/status`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// AWS calls that read.
    pub aws_reads: BTreeMap<String, usize>,
    /// AWS calls that write, refused ones included.
    pub aws_writes: BTreeMap<String, usize>,
    /// Kubernetes calls that read, watches included.
    pub kubernetes_reads: BTreeMap<String, usize>,
    /// Kubernetes calls that write. Those that were refused are counted with the code of the answer behind (`patch serviceaccounts: 403`),
    /// those that a busy API server had repeated are not.
    pub kubernetes_writes: BTreeMap<String, usize>,
}

impl Counts {
    /// All calls to AWS.
    pub fn aws(&self) -> usize {
        self.aws_reads.values().chain(self.aws_writes.values()).sum()
    }

    /// Nothing was written anywhere.
    pub fn no_writes(&self) -> bool {
        self.aws_writes.is_empty() && self.kubernetes_writes.is_empty()
    }
}

impl World {
    /// Now.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub async fn mark(&self) -> Result<WorldMark, Problem> {
        Ok(WorldMark {
            aws: self.aws.mark(),
            kubernetes: self.cluster.mark().await?,
        })
    }

    /// What the operator has called since `mark`.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub async fn counts_since(&self, mark: &WorldMark) -> Result<Counts, Problem> {
        let mut counts = Counts::default();
        for call in self.aws.since(mark.aws) {
            let by_us = call
                .caller
                .as_deref()
                .is_some_and(|arn| arn.ends_with(&format!(":user/{}", self.user)));
            if by_us {
                let calls = if call.access == Access::Write {
                    &mut counts.aws_writes
                } else {
                    &mut counts.aws_reads
                };
                *calls.entry(call.operation).or_default() += 1;
            }
        }
        let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
        for entry in self
            .cluster
            .audit_since(&mark.kubernetes)
            .await?
            .by_user(&user)
            .filter(|entry| entry.resource != "leases" && !entry.was_too_busy())
            .entries()
        {
            let calls = if entry.is_write() {
                &mut counts.kubernetes_writes
            } else {
                &mut counts.kubernetes_reads
            };
            let separator = if entry.subresource.is_empty() { "" } else { "/" };
            let mut call = format!("{} {}{separator}{}", entry.verb, entry.resource, entry.subresource);
            if entry.is_write() && !entry.succeeded() {
                call = format!("{call}: {}", entry.code);
            }
            *calls.entry(call).or_default() += 1;
        }
        Ok(counts)
    }
}
