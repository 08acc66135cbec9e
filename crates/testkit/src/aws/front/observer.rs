//! Watching calls at the moment when they take effect.

use std::{fmt, sync::OnceLock};

use super::{log::Access, operation::Operation};
use crate::aws::wire::{Call, Caller, Outcome};

/// What a call has just done, before its caller knows.
#[derive(Debug)]
pub struct Effect<'a> {
    /// The operation as the log names it.
    pub operation: &'a str,
    /// What it is about, as the log has it.
    pub resource: &'a str,
    /// Whether it changes anything.
    pub access: Access,
    /// The caller's ARN; `None` for an anonymous call.
    pub caller: Option<&'a str>,
    /// The answer's body, or AWS's error code. With a fault the caller may be told something else, or nothing.
    pub outcome: Result<&'a [u8], &'a str>,
}

type Watcher = Box<dyn Fn(&Effect<'_>) + Send + Sync>;

/// Whoever watches the double, if anybody does.
#[derive(Default)]
pub(crate) struct Observer(OnceLock<Watcher>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observer({})", self.0.get().is_some())
    }
}

impl Observer {
    /// Sets the watcher; the first one stays.
    pub(super) fn set(&self, watcher: impl Fn(&Effect<'_>) + Send + Sync + 'static) {
        // A second one is not wanted by any test.
        let _ = self.0.set(Box::new(watcher));
    }

    pub(super) fn tell(&self, call: &Call, operation: &Operation, outcome: &Outcome) {
        let Some(watcher) = self.0.get() else { return };
        watcher(&Effect {
            operation: &operation.name,
            resource: &operation.resource,
            access: operation.access,
            caller: match &call.caller {
                Caller::Anonymous => None,
                Caller::Principal(principal) => Some(&principal.arn),
            },
            outcome: outcome
                .as_ref()
                .map(|reply| &*reply.body)
                .map_err(|error| error.code.as_str()),
        });
    }
}
