//! Whether memory grows while nothing changes: many bindings, looked at again and again for so many intervals.

use std::time::Duration;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{Problem, World, objects::says};
use tokio::time::sleep;

use super::{
    cost::Cost,
    population::Population,
    process::{Usage, is_release},
};

/// `spec.interval` of the federation while they are watched: as short as two processors bear with ten thousand of them.
const INTERVAL: Duration = Duration::from_secs(30);
/// While they are made: none is checked before all are there.
const WHILE_MAKING: Duration = Duration::from_hours(1);
/// What these intervals leave counts as the beginning: caches are filled in them.
const SETTLING: u32 = 4;
/// How much more than then may be resident at the end.
const GROWN: f64 = 1.03;

/// Makes so many bindings and watches them for so many intervals; what misses a target.
pub(crate) async fn run(size: usize, intervals: u32) -> Result<Vec<String>, Problem> {
    let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(size);
    population.prepare(&world, WHILE_MAKING, 0).await?;
    world.start_operator().await?;
    world.federation_ready("default").await?;
    population.create(&world).await?;
    population.until_ready(&world).await?;
    let federation = ("oidcfederation", "default", "default");
    world
        .wait_for("the inventory", federation, |it| says(it, "RolesInventoried", "True"))
        .await?;
    // One that has made nothing: what making them leaves is another figure.
    world.stop_operator().await?;
    world.start_operator().await?;
    population.until_looked_at(&world).await?;
    population.check_each(&world, INTERVAL).await?;
    world.federation_ready("default").await?;

    println!("| bindings | interval | memory | CPU |");
    println!("|---|---|---|---|");
    let (mark, mut before, mut settled) = (world.mark().await?, Usage::of(&world)?, None);
    for interval in 1..=intervals {
        sleep(INTERVAL).await;
        let now = Usage::of(&world)?;
        let cpu = now.cpu.saturating_sub(before.cpu).as_secs_f64();
        println!("| {size} | {interval} | {:.1} MB | {cpu:.1} s |", now.megabytes());
        if interval == SETTLING {
            settled = Some(now.megabytes());
        }
        before = now;
    }
    let cost = Cost::of(&world.counts_since(&mark).await?);
    let mut missed = Vec::new();
    let writes = (cost.aws_writes, cost.kubernetes_writes);
    if writes != (0, 0) {
        missed.push(format!("{size} bindings: {writes:?} writes while nothing changed"));
    }
    let settled = settled.ok_or_else(|| format!("give more than {SETTLING} intervals"))?;
    if is_release() && before.megabytes() > settled * GROWN {
        let now = before.megabytes();
        missed.push(format!(
            "{size} bindings: {now:.1} MB after {intervals} intervals, and {settled:.1} MB after {SETTLING}"
        ));
    }
    Ok(missed)
}
