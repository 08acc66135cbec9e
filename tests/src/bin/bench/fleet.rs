//! How long a fleet takes: made from nothing, tightened by its federation, looked at after a restart, deleted. With the flags that
//! are shipped, against an AWS that is 20 ms away and throttles nobody.
//!
//! `IRSA_ANYWHERE_OPERATOR` names the build that is measured, so that two can be run in turn on one machine.

use std::{fmt, time::Duration};

use irsa_testkit::{
    aws::{Mark, Service},
    controlplane::SigningKey,
};
use irsa_tests::world::{Counts, Problem, World};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    cost::{is_event, until_told},
    floor,
    population::{DEADLINE, Population},
};

/// Between the operator and IAM.
const LATENCY: Duration = Duration::from_millis(20);
/// No binding is checked while its fleet is measured.
const INTERVAL: Duration = Duration::from_hours(1);
/// Another boundary than the one that the roles are made with.
const TIGHTER: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
/// Kubernetes writes that make a binding, events apart.
const MOST_WRITES: f64 = 4.0;
/// Events that tell of it.
const MOST_EVENTS: f64 = 1.0;
/// Tokens of a binding that STS is shown: its own and the canary's, and once more where IAM did not show the role at once.
const MOST_SHOWN: usize = 3;
/// How long making them, and telling of it, may take beside what the API server needs for the same requests from a client that does
/// nothing else. The operator, IAM's stand-in and the watches share the machine with it.
const OVER_FLOOR: f64 = 2.0;

/// Measures fleets of these sizes; what misses a target.
pub(crate) async fn run(sizes: &[usize]) -> Result<Vec<String>, Problem> {
    println!("| bindings | phase | seconds | AWS reads | AWS writes | Kubernetes writes each | events each |");
    println!("|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for size in sizes {
        missed.extend(Box::pin(measure(*size)).await?);
    }
    Ok(missed)
}

async fn measure(size: usize) -> Result<Vec<String>, Problem> {
    let floor = floor::measure(size, INTERVAL).await?;
    println!("| {size} | the API server alone | {:.1} | | | | |", floor.as_secs_f64());
    let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(size);
    population.prepare(&world, INTERVAL, 0).await?;
    world.aws.set_latency(Service::Iam, LATENCY);
    world.aws.set_latency(Service::Sts, LATENCY);
    world.start_operator().await?;
    world.federation_ready("default").await?;

    let (mark, begun) = (world.mark().await?, Instant::now());
    let shown = world.aws.mark();
    population.create(&world).await?;
    population.until_ready(&world).await?;
    let took = begun.elapsed();
    // What is told is written when most are made.
    let counts = until_told(&world, &mark, size).await?;
    let told = begun.elapsed();
    let (writes, events) = row(size, "made and proven", took, &counts);
    let proofs = Proofs::since(&world, shown, &counts);
    println!("| {size} | of that, proofs | | {proofs} | | | |");
    row(size, "made, and told of by events", told, &counts);
    let mut missed = Vec::new();
    if proofs.shown > size * MOST_SHOWN {
        missed.push(format!(
            "{size} bindings: {} tokens were shown to STS, {} at most",
            proofs.shown,
            size * MOST_SHOWN
        ));
    }
    // One that is lost is as bad as one too many.
    if writes > MOST_WRITES || events > MOST_EVENTS || events < 1.0 {
        missed.push(format!(
            "{size} bindings: {writes:.1} Kubernetes writes and {events:.1} events each to make one, {MOST_WRITES} and {MOST_EVENTS} at most"
        ));
    }
    if told > floor.mul_f64(OVER_FLOOR) {
        missed.push(format!(
            "{size} bindings: made and told of in {:.1} s, and the API server alone needs {:.1} s",
            told.as_secs_f64(),
            floor.as_secs_f64()
        ));
    }

    let (mark, begun) = (world.mark().await?, Instant::now());
    let boundary = json!({"spec": {"bindings": {"permissionsBoundary": TIGHTER}}});
    population.patch_federation(&world, &boundary).await?;
    let tightened = |counts: &Counts| counts.aws_writes.get("iam:PutRolePermissionsBoundary") >= Some(&size);
    let counts = loop {
        let counts = world.counts_since(&mark).await?;
        if tightened(&counts) {
            break counts;
        }
        if begun.elapsed() > DEADLINE {
            return Err(format!(
                "not all of {size} roles have the other boundary: {:?}",
                counts.aws_writes
            )
            .into());
        }
        sleep(Duration::from_millis(200)).await;
    };
    row(size, "guard-rail tightened", begun.elapsed(), &counts);

    world.stop_operator().await?;
    let (mark, begun) = (world.mark().await?, Instant::now());
    world.start_operator().await?;
    population.until_looked_at(&world).await?;
    row(size, "restart", begun.elapsed(), &world.counts_since(&mark).await?);

    let (mark, begun) = (world.mark().await?, Instant::now());
    population.delete(&world).await?;
    let took_to_delete = begun.elapsed();
    row(size, "deleted", took_to_delete, &world.counts_since(&mark).await?);
    if took_to_delete > took.mul_f64(1.25) {
        missed.push(format!(
            "{size} bindings: deleted in {:.1} s, and made in {:.1} s",
            took_to_delete.as_secs_f64(),
            took.as_secs_f64()
        ));
    }
    Ok(missed)
}

/// What proofs cost.
struct Proofs {
    /// Tokens that were shown to STS.
    shown: usize,
    /// Tokens, and dry runs, that the API server was asked for.
    requested: usize,
}

impl Proofs {
    fn since(world: &World, mark: Mark, counts: &Counts) -> Self {
        let calls = world.aws.since(mark);
        let shown = calls
            .iter()
            .filter(|call| call.operation == "sts:AssumeRoleWithWebIdentity");
        Self {
            shown: shown.count(),
            requested: counts
                .kubernetes_reads
                .get("create serviceaccounts/token")
                .copied()
                .unwrap_or_default(),
        }
    }
}

impl fmt::Display for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} tokens shown to STS, {} requests for one",
            self.shown, self.requested
        )
    }
}

/// Prints a row; Kubernetes writes and events for each binding.
#[allow(clippy::cast_precision_loss, reason = "numbers of calls")]
fn row(size: usize, phase: &str, took: Duration, counts: &Counts) -> (f64, f64) {
    let sum = |wanted: &dyn Fn(&str) -> bool| -> f64 {
        let counted = counts.kubernetes_writes.iter().filter(|(call, _)| wanted(call));
        counted.map(|(_, count)| *count).sum::<usize>() as f64 / size as f64
    };
    let (writes, events) = (sum(&|call| !is_event(call)), sum(&is_event));
    println!(
        "| {size} | {phase} | {:.1} | {} | {} | {writes:.2} | {events:.2} |",
        took.as_secs_f64(),
        counts.aws_reads.values().sum::<usize>(),
        counts.aws_writes.values().sum::<usize>(),
    );
    (writes, events)
}
