//! The request log: what was asked of the double, by whom, and what it answered.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;

use crate::aws::wire::Service;

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes nothing that lasts. All of STS counts here.
    Read,
    /// Changes IAM or S3 when it succeeds.
    Write,
}

/// One call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The service, by host name.
    pub service: Service,
    /// The operation as IAM names the action that it needs: `iam:CreateRole`, `s3:PutObject`, `s3:ListBucket`.
    pub operation: String,
    /// The caller's account; for AssumeRoleWithWebIdentity the role's; `None` for another anonymous call.
    pub account: Option<String>,
    /// The caller's ARN; `None` for an anonymous call or one whose signature was refused.
    pub caller: Option<String>,
    /// What it is about: a bucket's or object's ARN, or the name or ARN in the parameters. Empty when there is none.
    pub resource: String,
    /// HTTP status; `None` when the connection was cut or left hanging.
    pub status: Option<u16>,
    /// AWS's error code, if it was refused.
    pub error: Option<String>,
    /// Whether it changes anything.
    pub access: Access,
    /// The host that was asked; a regional one names its region.
    pub host: String,
    /// Whether it came without a signature.
    pub anonymous: bool,
    /// `User-Agent`, or empty.
    pub user_agent: String,
    /// Headers by lower-case name, as the service saw them, but for credentials.
    pub headers: BTreeMap<String, String>,
    /// The double's time on arrival.
    pub at: Timestamp,
}

impl Entry {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A write that was answered with success: something changed.
    pub fn is_effective_write(&self) -> bool {
        self.access == Access::Write && self.status.is_some_and(|status| status < 300)
    }
}

/// A place in the log, by default its beginning; see [`crate::aws::double::AwsDouble::since`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

/// All calls, in the order in which they were answered.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Vec<Entry>>);

impl RequestLog {
    pub(crate) fn push(&self, entry: Entry) {
        tracing::debug!(
            operation = entry.operation,
            status = entry.status,
            error = entry.error,
            "aws call"
        );
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.0.lock().unwrap_or_else(PoisonError::into_inner).len())
    }

    pub(crate) fn since(&self, mark: Mark) -> Vec<Entry> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .skip(mark.0)
            .cloned()
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<Entry> {
        self.since(Mark(0))
    }
}
