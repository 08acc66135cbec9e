//! The calls of the operator, to AWS and to Kubernetes, so that one of them can be picked out and stopped.

use std::{collections::BTreeMap, fmt};

use irsa_testkit::{
    aws::{Access, Entry, Fault, FaultRule, Mark},
    controlplane::{ApiCall, ApiFault, ApiRule},
};
use irsa_tests::world::World;

/// A call as it is found again in another run: what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Aws { operation: String, resource: String },
    Kubernetes(ApiCall),
}

/// One of the calls of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    call: Call,
    /// How many like it come before.
    nth: usize,
}

/// Whether the call has its effect before the operator is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.call {
            Call::Aws { operation, resource } => write!(f, "{operation} {resource}")?,
            Call::Kubernetes(call) => write!(f, "{} {} {}", call.verb, call.resource, call.name)?,
        }
        write!(f, " #{}", self.nth)
    }
}

/// A place in both logs.
pub(crate) struct Start {
    aws: Mark,
    kubernetes: usize,
}

/// What was called since.
pub(crate) struct Calls {
    /// In the order of each log, AWS first.
    pub(crate) points: Vec<Point>,
    /// Calls to AWS.
    pub(crate) aws: usize,
    /// Those of them that changed something.
    pub(crate) aws_writes: usize,
}

pub(crate) fn start(world: &World) -> Start {
    Start {
        aws: world.aws.mark(),
        kubernetes: world.proxy.as_ref().unwrap().mark(),
    }
}

/// The operator's calls to AWS since.
pub(crate) fn aws_since(world: &World, start: &Start) -> Vec<Entry> {
    let mut entries = world.aws.since(start.aws);
    entries.retain(|entry| {
        let caller = entry.caller.as_deref();
        // What anybody reads, the operator reads too; STS fetches on its own.
        caller.is_some_and(|arn| arn.ends_with(":user/irsa-anywhere"))
            || (entry.anonymous && entry.operation == "s3:GetObject")
    });
    entries
}

pub(crate) fn since(world: &World, start: &Start) -> Calls {
    let entries = aws_since(world, start);
    let writes = |entry: &&Entry| entry.access == Access::Write && entry.is_effective_write();
    let aws_writes = entries.iter().filter(writes).count();
    let aws = entries.len();
    let calls = entries.into_iter().map(|entry| Call::Aws {
        operation: entry.operation,
        resource: entry.resource,
    });
    let proxied = world.proxy.as_ref().unwrap().calls().into_iter().skip(start.kubernetes);
    // A watch is opened and stays; a list goes with it.
    let proxied = proxied.filter(|call| !["watch", "list"].contains(&call.verb.as_str()));
    let mut seen = BTreeMap::<Call, usize>::new();
    let points = calls
        .chain(proxied.map(Call::Kubernetes))
        .map(|call| {
            let count = seen.entry(call.clone()).or_default();
            let nth = *count;
            *count += 1;
            Point { call, nth }
        })
        .collect();
    Calls {
        points,
        aws,
        aws_writes,
    }
}

impl Point {
    /// Whether the call changes anything when it succeeds.
    pub(crate) fn is_write(&self) -> bool {
        match &self.call {
            Call::Aws { operation, .. } => {
                let name = operation.split(':').next_back().unwrap_or_default();
                !["Get", "List", "Assume"].iter().any(|read| name.starts_with(read))
            }
            Call::Kubernetes(call) => call.verb != "get",
        }
    }

    /// From now on the call hangs, for ever.
    pub(crate) fn arm(&self, world: &World, when: When) {
        match &self.call {
            Call::Aws { operation, resource } => {
                let fault = match when {
                    When::Before => Fault::Hang,
                    When::After => Fault::HangAfter,
                };
                let rule = FaultRule::new(operation, usize::MAX, fault)
                    .on(resource)
                    .after(self.nth);
                world.aws.add_fault(rule);
            }
            Call::Kubernetes(call) => {
                let fault = match when {
                    When::Before => ApiFault::Hang,
                    When::After => ApiFault::HangAfter,
                };
                world.proxy.as_ref().unwrap().add(ApiRule {
                    call: call.clone(),
                    skip: self.nth,
                    fault,
                });
            }
        }
    }
}

/// Whether some call hangs.
pub(crate) fn hangs(world: &World, start: &Start) -> bool {
    let hung = world.aws.since(start.aws).iter().any(|entry| entry.status.is_none());
    hung || world.proxy.as_ref().unwrap().hits() > 0
}

/// Nothing hangs any more.
pub(crate) fn disarm(world: &World) {
    world.aws.clear_faults();
    world.proxy.as_ref().unwrap().clear();
}
