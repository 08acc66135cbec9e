//! Calls, summed up.

use std::time::Duration;

use irsa_tests::world::{Counts, Problem, World, WorldMark};
use tokio::time::{Instant, sleep};

/// Longest that events are waited for: how many there are is judged then.
const MOST_FOR_EVENTS: Duration = Duration::from_mins(1);

/// What a phase cost.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    pub(crate) aws_reads: usize,
    /// Reads that list many roles.
    pub(crate) listings: usize,
    /// Listings that each inventory begins with: pages of roles under our path.
    pub(crate) role_pages: usize,
    /// Reads about one role.
    pub(crate) single_reads: usize,
    pub(crate) aws_writes: usize,
    pub(crate) role_writes: usize,
    /// Without watches and the lists that they begin with.
    pub(crate) kubernetes_reads: usize,
    pub(crate) kubernetes_writes: usize,
}

impl Cost {
    pub(crate) fn of(counts: &Counts) -> Self {
        let sum = |calls: &std::collections::BTreeMap<String, usize>, counts: &dyn Fn(&str) -> bool| -> usize {
            let counted = calls.iter().filter(|(call, _)| counts(call));
            counted.map(|(_, count)| count).sum()
        };
        let about_roles = |call: &str| call.starts_with("iam:") && !call.contains("OpenIDConnectProvider");
        let lists = |call: &str| ["iam:ListRoles", "iam:GetAccountAuthorizationDetails"].contains(&call);
        Self {
            aws_reads: sum(&counts.aws_reads, &|_| true),
            listings: sum(&counts.aws_reads, &lists),
            role_pages: sum(&counts.aws_reads, &|call| call == "iam:ListRoles"),
            single_reads: sum(&counts.aws_reads, &|call| about_roles(call) && !lists(call)),
            aws_writes: sum(&counts.aws_writes, &|_| true),
            role_writes: sum(&counts.aws_writes, &about_roles),
            kubernetes_reads: sum(&counts.kubernetes_reads, &|call| {
                !call.starts_with("watch ") && !call.starts_with("list ")
            }),
            kubernetes_writes: sum(&counts.kubernetes_writes, &|_| true),
        }
    }
}

/// Waits until as many events are written as there are bindings; what was counted until then.
pub(crate) async fn until_told(world: &World, mark: &WorldMark, size: usize) -> Result<Counts, Problem> {
    let begun = Instant::now();
    loop {
        let counts = world.counts_since(mark).await?;
        let events = counts.kubernetes_writes.iter().filter(|(call, _)| is_event(call));
        if events.map(|(_, count)| *count).sum::<usize>() >= size || begun.elapsed() > MOST_FOR_EVENTS {
            return Ok(counts);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Whether this is the writing of an event.
pub(crate) fn is_event(call: &str) -> bool {
    call.ends_with(" events")
}
