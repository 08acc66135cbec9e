//! What it costs: calls, memory and CPU for some numbers of bindings, and whether that is within the targets. Run it with
//! `make bench`; other sizes: `make bench SIZES="1 100"`; only against buckets that throttle: `make bench SIZES=`; whether memory
//! grows while nothing changes: `make bench-growth`; what the injection of a pod costs: `make bench-admission`; what
//! `kubectl irsa` costs: `make bench-plugin`.
//!
//! Counts are exact and the same on every machine. Memory and CPU are the operator's own; they are judged only for a
//! release build.

mod admission;
mod baseline;
mod cost;
mod fleet;
mod floor;
mod growth;
mod plugin;
mod population;
mod process;
mod reviewer;
mod targets;
mod throttled;

use std::{env, process::ExitCode, time::Duration};

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{Problem, World};
use tokio::time::sleep;

use self::{
    baseline::Baseline,
    cost::{Cost, until_told},
    population::Population,
    process::{Usage, is_release},
    targets::Figures,
};

/// `spec.interval` of the federation: short, so that several passes fit into the time of a cup of tea.
const INTERVAL: Duration = Duration::from_secs(20);
/// While the bindings are made: none of them is checked before all are there.
const WHILE_MAKING: Duration = Duration::from_hours(1);
/// So many intervals of an unchanged world are watched.
const WATCHED: u32 = 2;
/// After this nothing is kept that still has to do with bindings that are gone. What was written to a role is remembered for two
/// minutes, because IAM may hide it for as long, and forgotten with the next inventory; before that the connections of the rush are
/// closed.
const QUIET: Duration = Duration::from_mins(3);
/// Roles of the account that are not ours.
const OTHERS: usize = 100;
/// From so many bindings on it is a run for which there is time.
const AT_LEISURE: usize = 1_000;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args().skip(1).peekable();
    let of_a_fleet = arguments.next_if(|first| first == "fleet").is_some();
    let of_admission = arguments.next_if(|first| first == "admission").is_some();
    let of_plugin = arguments.next_if(|first| first == "plugin").is_some();
    let of_growth = arguments.next_if(|first| first == "growth").is_some();
    let sizes: Result<Vec<usize>, _> = arguments.map(|size| size.parse()).collect();
    let Ok(sizes) = sizes else {
        eprintln!("bench: give numbers of bindings, such as 1 100 1000");
        return ExitCode::FAILURE;
    };
    let measured = match sizes.as_slice() {
        [size, intervals] if of_growth => growth::run(*size, u32::try_from(*intervals).unwrap_or(u32::MAX)).await,
        [size] if of_plugin => Box::pin(plugin::run(*size)).await,
        _ if of_plugin => Err("plugin takes a number of bindings, such as 1000".into()),
        _ if of_admission => Box::pin(admission::run()).await,
        _ if of_growth => Err("growth takes a number of bindings and one of intervals, such as 10000 24".into()),
        sizes if of_a_fleet => Box::pin(fleet::run(sizes)).await,
        sizes => run(sizes).await,
    };
    match measured {
        Ok(missed) if missed.is_empty() => {
            println!("\nAll targets are met.");
            ExitCode::SUCCESS
        }
        Ok(missed) => {
            println!("\nMissed:\n{}", missed.join("\n"));
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("\nbench: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(sizes: &[usize]) -> Result<Vec<String>, Problem> {
    println!(
        "| bindings | phase | AWS reads | of them listings | AWS writes | Kubernetes reads | Kubernetes writes | memory | CPU |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let (mut missed, mut now) = (Vec::new(), Baseline::of_now());
    for size in sizes {
        let figures = measure(*size).await?;
        missed.extend(figures.judge(is_release()));
        now.note(*size, figures.memory());
    }
    Baseline::kept()?.print_beside(&now, targets::memory);
    now.write()?;
    // A pace can be judged only on a machine that has nothing else to do. Elsewhere the simulation judges it, in virtual time.
    if sizes.is_empty() || sizes.iter().any(|size| *size >= AT_LEISURE) {
        println!();
        missed.extend(throttled::measure().await?);
    }
    Ok(missed)
}

/// One number of bindings, from nothing to a steady state.
async fn measure(size: usize) -> Result<Figures, Problem> {
    let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(size);
    population.prepare(&world, WHILE_MAKING, OTHERS).await?;
    world.start_operator().await?;
    world.federation_ready("default").await?;
    sleep(Duration::from_secs(5)).await;
    let idle = Usage::of(&world)?;
    row(size, "idle", &Cost::default(), Some(idle), None);

    let mark = world.mark().await?;
    population.create(&world).await?;
    population.until_ready(&world).await?;
    let made = Cost::of(&until_told(&world, &mark, size).await?);
    let busy = Usage::of(&world)?;
    row(size, "made", &made, Some(busy), Some(busy.cpu.saturating_sub(idle.cpu)));

    population.check_each(&world, INTERVAL).await?;
    world.stop_operator().await?;
    let mark = world.mark().await?;
    world.start_operator().await?;
    population.until_looked_at(&world).await?;
    let restart = Cost::of(&world.counts_since(&mark).await?);
    let restarted = Usage::of(&world)?;
    row(size, "restart", &restart, Some(restarted), Some(restarted.cpu));

    sleep(Duration::from_secs(2)).await;
    let mark = world.mark().await?;
    let before = Usage::of(&world)?;
    sleep(INTERVAL * WATCHED).await;
    let unchanged = Cost::of(&world.counts_since(&mark).await?);
    let steady = Usage::of(&world)?;
    let cpu = steady.cpu.saturating_sub(before.cpu);
    row(
        size,
        &format!("{WATCHED} unchanged intervals"),
        &unchanged,
        Some(steady),
        Some(cpu),
    );

    let mark = world.mark().await?;
    population.delete(&world).await?;
    if is_release() {
        sleep(QUIET).await;
    }
    let gone = Cost::of(&world.counts_since(&mark).await?);
    let deleted = Usage::of(&world)?;
    let cpu = deleted.cpu.saturating_sub(steady.cpu);
    row(size, "bindings deleted", &gone, Some(deleted), Some(cpu));
    Ok(Figures {
        size,
        others: OTHERS,
        made,
        restart,
        unchanged,
        idle,
        steady,
        deleted,
    })
}

fn row(size: usize, phase: &str, cost: &Cost, usage: Option<Usage>, cpu: Option<Duration>) {
    let memory = usage.map_or_else(String::new, |usage| format!("{:.1} MB", usage.megabytes()));
    let cpu = cpu.map_or_else(String::new, |cpu| format!("{:.2} s", cpu.as_secs_f64()));
    println!(
        "| {size} | {phase} | {} | {} | {} | {} | {} | {memory} | {cpu} |",
        cost.aws_reads, cost.listings, cost.aws_writes, cost.kubernetes_reads, cost.kubernetes_writes
    );
}
