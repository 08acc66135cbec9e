//! Whether memory grows while nothing changes: many bindings, looked at again and again for so many intervals.

use std::time::Duration;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::world::{Problem, World};
use tokio::time::sleep;

use super::{
    cost::Cost,
    population::{Population, passes},
    process::{Usage, is_release},
};

/// `spec.interval` of the federation while they are watched: as short as two processors bear with ten thousand of them.
const INTERVAL: Duration = Duration::from_secs(40);
/// While they are made: none is checked before all are there.
const WHILE_MAKING: Duration = Duration::from_hours(1);
/// Intervals that count as the beginning, in which caches are filled, and as the end. The least of them counts: an inventory that
/// is being taken has more for a moment.
const COUNTED: usize = 4;
/// How much more than in the beginning may be resident at the end.
const GROWN: f64 = 1.03;

/// Makes so many bindings and watches them for so many intervals; what misses a target.
pub(crate) async fn run(size: usize, intervals: u32) -> Result<Vec<String>, Problem> {
    if usize::try_from(intervals)? < 2 * COUNTED {
        return Err(format!("give {} intervals or more", 2 * COUNTED).into());
    }
    let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(size);
    population.prepare(&world, WHILE_MAKING, 0).await?;
    world.start_operator().await?;
    world.federation_ready("default").await?;
    population.create(&world).await?;
    population.until_ready(&world).await?;
    population.check_each(&world, INTERVAL).await?;
    // One that has made nothing, since what making them leaves is another figure; and that looks at each so often from the start.
    world.stop_operator().await?;
    world.start_operator().await?;
    population.until_looked_at(&world).await?;

    println!("| bindings | interval | memory | CPU | looked at |");
    println!("|---|---|---|---|---|");
    let mut missed = Vec::new();
    let (mark, mut before, mut resident) = (world.mark().await?, Usage::of(&world)?, Vec::new());
    let mut looked_at = passes(&world)?;
    for interval in 1..=intervals {
        sleep(INTERVAL).await;
        let now = Usage::of(&world)?;
        let cpu = now.cpu.saturating_sub(before.cpu).as_secs_f64();
        let passes = passes(&world)?;
        let looks = passes.saturating_sub(looked_at);
        println!(
            "| {size} | {interval} | {:.1} MB | {cpu:.1} s | {looks} |",
            now.megabytes()
        );
        looked_at = passes;
        // Each waits for eight to twelve tenths of an interval, where the processors can do so much.
        if looks < size / 2 {
            missed.push(format!(
                "{size} bindings: only {looks} were looked at in an interval of {INTERVAL:?}"
            ));
        }
        resident.push(now.megabytes());
        before = now;
    }
    let cost = Cost::of(&world.counts_since(&mark).await?);
    let writes = (cost.aws_writes, cost.kubernetes_writes);
    if writes != (0, 0) {
        missed.push(format!("{size} bindings: {writes:?} writes while nothing changed"));
    }
    let least = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
    let (Some(first), Some(last)) = (resident.first_chunk::<COUNTED>(), resident.last_chunk::<COUNTED>()) else {
        return Err("fewer intervals than were asked for".into());
    };
    let (first, last) = (least(first), least(last));
    if is_release() && last > first * GROWN {
        missed.push(format!(
            "{size} bindings: {last:.1} MB after {intervals} intervals, and {first:.1} MB in the beginning"
        ));
    }
    Ok(missed)
}
