//! The targets, and whether they are met.

use crate::{baseline::Phases, cost::Cost, process::Usage};

/// Roles of one page of details, and of one page of roles under a path, as the operator asks for them.
const DETAILS: usize = 500;
const ROLES: usize = 1_000;
/// Calls to make one binding with one managed and one inline policy, and those of them that write.
const CALLS: usize = 4;
const WRITES: usize = 3;
/// Resident megabytes without bindings, and with so many, of the static binary that ships.
const IDLE: f64 = 12.0;
const STEADY: [(usize, f64); 3] = [(200, 15.0), (1_000, 24.0), (5_000, 60.0)];
/// How much more than when idle may be left when the bindings are gone.
const LEFT: f64 = 1.2;

/// The target of one phase with so many bindings, where it has one.
pub(crate) fn memory(size: usize, phase: &str) -> Option<f64> {
    let of_size = || STEADY.iter().find(|(most, _)| size <= *most).map(|(_, target)| *target);
    match phase {
        "idle" => Some(IDLE),
        "steady" => of_size(),
        _ => None,
    }
}

pub(crate) struct Figures {
    pub(crate) size: usize,
    pub(crate) others: usize,
    pub(crate) made: Cost,
    pub(crate) restart: Cost,
    pub(crate) unchanged: Cost,
    pub(crate) idle: Usage,
    pub(crate) steady: Usage,
    pub(crate) deleted: Usage,
}

impl Figures {
    /// What is over its target.
    pub(crate) fn judge(&self, memory_counts: bool) -> Vec<String> {
        let mut missed = Vec::new();
        let mut must = |what: &str, holds: bool| {
            if !holds {
                missed.push(format!("{} bindings: {what}", self.size));
            }
        };
        let made = self.made.single_reads + self.made.role_writes;
        // A pass that a busy machine held up for too long is made again.
        let again = self.size / 50;
        must(&format!("{made} calls to make them"), made <= CALLS * self.size + again);
        must(
            &format!("{} writes to make them", self.made.role_writes),
            self.made.role_writes == WRITES * self.size,
        );
        for (phase, cost) in [("restart", &self.restart), ("unchanged", &self.unchanged)] {
            let writes = (cost.aws_writes, cost.kubernetes_writes);
            must(&format!("{phase}: {writes:?} writes"), writes == (0, 0));
            must(
                &format!("{phase}: {} roles read by themselves", cost.single_reads),
                cost.single_reads == 0,
            );
            must(
                &format!("{phase}: {} pages of listings", cost.listings),
                cost.listings > 0 && cost.listings <= self.inventories(cost) * self.pages(),
            );
        }
        must(
            &format!("unchanged: {} inventories", self.inventories(&self.unchanged)),
            // Each comes after nine tenths of an interval.
            self.inventories(&self.unchanged) <= 3,
        );
        if memory_counts {
            let megabytes = self.memory();
            for (phase, measured) in &megabytes {
                let within = memory(self.size, phase).is_none_or(|target| *measured <= target);
                must(&format!("{phase}: {measured:.1} MB"), within);
            }
            let (idle, deleted) = (self.idle.megabytes(), self.deleted.megabytes());
            must(
                &format!("{deleted:.1} MB when they are gone, {idle:.1} before they came"),
                deleted <= idle * LEFT,
            );
        }
        missed
    }

    /// By phase.
    pub(crate) fn memory(&self) -> Phases {
        [("idle", self.idle), ("steady", self.steady), ("deleted", self.deleted)]
            .map(|(phase, usage)| (phase.to_owned(), usage.megabytes()))
            .into()
    }

    fn inventories(&self, cost: &Cost) -> usize {
        cost.role_pages.div_ceil(self.size.div_ceil(ROLES))
    }

    /// Pages of one inventory.
    fn pages(&self) -> usize {
        (self.size + self.others).div_ceil(DETAILS) + self.size.div_ceil(ROLES)
    }
}
