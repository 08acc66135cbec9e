//! What `kubectl irsa` costs in a cluster with many bindings: calls to AWS, which is 20 ms away, and seconds from the start of the
//! program to its end.

use std::time::Duration;

use irsa_testkit::{
    aws::{Credentials, Service},
    controlplane::SigningKey,
};
use irsa_tests::world::{ACCOUNT, Problem, World};
use tokio::time::Instant;

use super::{population::Population, process::is_release};

/// Between the person and AWS.
const LATENCY: Duration = Duration::from_millis(20);
/// No binding is checked while the plugin is measured.
const INTERVAL: Duration = Duration::from_hours(1);
/// Roles of the account that are not ours.
const OTHERS: usize = 100;
/// Calls that a look may make, however many bindings there are.
const MOST_CALLS: usize = 20;
/// What `doctor` may take.
const LONGEST_LOOK: Duration = Duration::from_secs(2);
/// What a command may take that asks nobody anything.
const LONGEST_START: Duration = Duration::from_millis(50);
/// The best of so many counts: the machine has the API server and the double to run besides.
const TRIES: usize = 5;

/// Measures it with so many bindings; what misses a target.
pub(crate) async fn run(size: usize) -> Result<Vec<String>, Problem> {
    let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(size);
    population.prepare(&world, INTERVAL, OTHERS).await?;
    world.start_operator().await?;
    world.federation_ready("default").await?;
    population.create(&world).await?;
    population.until_ready(&world).await?;
    // What is counted is the plugin's alone.
    world.stop_operator().await?;
    for service in [Service::Iam, Service::S3, Service::Sts] {
        world.aws.set_latency(service, LATENCY);
    }
    let root = world.aws.account(ACCOUNT).root_credentials();
    let middle = population.places().nth(size / 2).unwrap_or_default();
    let looks: [(&[&str], Duration); 6] = [
        (&["completion", "bash"], LONGEST_START),
        (&["doctor", "federation"], LONGEST_LOOK),
        (&["doctor", "binding", &middle.1, "-n", &middle.0], LONGEST_LOOK),
        (&["doctor", "serviceaccount", &middle.1, "-n", &middle.0], LONGEST_LOOK),
        (&["audit"], Duration::MAX),
        (&["import"], Duration::MAX),
    ];
    println!("| bindings | command | AWS calls | seconds |");
    println!("|---|---|---|---|");
    let mut missed = Vec::new();
    for (command, longest) in looks {
        let (calls, took) = measure(&world, &root, command).await?;
        println!(
            "| {size} | {} | {calls} | {:.3} |",
            command.join(" "),
            took.as_secs_f64()
        );
        if calls > MOST_CALLS {
            missed.push(format!(
                "{}: {calls} calls to AWS, at most {MOST_CALLS}",
                command.join(" ")
            ));
        }
        if is_release() && took > longest {
            missed.push(format!(
                "{}: {:.3} s, at most {:.3}",
                command.join(" "),
                took.as_secs_f64(),
                longest.as_secs_f64()
            ));
        }
    }
    Ok(missed)
}

/// Calls to AWS, the same each time, and the shortest time.
async fn measure(world: &World, root: &Credentials, command: &[&str]) -> Result<(usize, Duration), Problem> {
    let (mut calls, mut shortest) = (0, Duration::MAX);
    for _ in 0..TRIES {
        let (mark, begun) = (world.aws.mark(), Instant::now());
        let output = world.irsa(command, Some(root)).await?;
        shortest = shortest.min(begun.elapsed());
        calls = calls.max(world.aws.since(mark).len());
        // 3 and 4 are verdicts.
        if !matches!(output.code, 0 | 3 | 4) {
            return Err(format!("{}: {}", command.join(" "), output.err).into());
        }
    }
    Ok((calls, shortest))
}
