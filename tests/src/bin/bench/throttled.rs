//! Bindings made while AWS throttles by token buckets of several sizes: somebody else in the account takes a third, and the
//! bucket changes in the middle. What is used of the rest, and what it costs the other.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use irsa_testkit::{
    aws::{AwsDouble, Entry, Mark, Service, Throttle},
    controlplane::SigningKey,
};
use irsa_tests::{
    admin,
    world::{ACCOUNT, Problem, REGION, World},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, sleep_until},
};

use crate::{OTHERS, WHILE_MAKING, population::Population};

const LATENCY: Duration = Duration::from_millis(20);
/// What the other takes of what a bucket refills.
const THIRD: f64 = 1.0 / 3.0;
/// Enough objects at a time that nothing but the pace holds them up.
const CONCURRENCY: &str = "--concurrency=40";
/// Calls to make one binding, at least.
const CALLS: usize = 4;
/// The last of our calls, as a share of all, are not counted as a use of the bucket: not every worker has work any more.
const TAIL: f64 = 0.05;

/// The least of our share that is used, and the most of our attempts and of the other's that are refused, in per cent.
const USED: f64 = 90.0;
const REFUSED: f64 = 2.0;
const OTHER_REFUSED: f64 = 5.0;

/// One bucket, and by what it becomes larger or smaller when half the calls were made. AWS publishes no numbers.
struct Trial {
    bucket: Throttle,
    factor: f64,
    bindings: usize,
}

const fn trial(per_second: f64, burst: f64, factor: f64, bindings: usize) -> Trial {
    let bucket = Throttle { per_second, burst };
    Trial {
        bucket,
        factor,
        bindings,
    }
}

/// As many bindings as it takes to count refusals in per cent: about nine minutes.
const TRIALS: [Trial; 5] = [
    trial(5.0, 10.0, 2.0, 250),
    trial(20.0, 40.0, 0.5, 300),
    trial(20.0, 40.0, 2.0, 500),
    trial(60.0, 120.0, 0.5, 400),
    trial(100.0, 200.0, 0.5, 800),
];
/// What missed its target.
pub(crate) async fn measure() -> Result<Vec<String>, Problem> {
    println!(
        "| bucket of IAM | bindings | calls | used of our share | then the bucket | used of our share | throttled | the other's refused |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for trial in &TRIALS {
        missed.extend(trial.run().await?);
    }
    Ok(missed)
}

impl Trial {
    async fn run(&self) -> Result<Vec<String>, Problem> {
        let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
        let population = Population::of(self.bindings);
        population.prepare(&world, WHILE_MAKING, OTHERS).await?;
        world.aws.set_latency(Service::Iam, LATENCY);
        world.aws.set_throttle(Service::Iam, Some(self.bucket));
        world.start_operator_with(&[CONCURRENCY]).await?;
        world.federation_ready("default").await?;
        let mark = world.aws.mark();
        let other = Other::start(&world.aws, self.bucket.per_second * THIRD).await?;
        population.create(&world).await?;
        let changed = self.change(&world.aws, mark).await;
        other.calls(self.bucket.per_second * self.factor * THIRD);
        population.until_ready(&world).await?;
        drop(other);
        Ok(self.judge(&world.aws.since(mark), changed))
    }

    /// Waits until half the calls were made, changes the bucket, and says when that was.
    async fn change(&self, aws: &AwsDouble, mark: Mark) -> f64 {
        loop {
            sleep(Duration::from_millis(100)).await;
            let calls = aws.since(mark);
            let made: Vec<f64> = ours(&calls).filter(|call| !is_refused(call)).map(at).collect();
            if let Some(last) = made.last().filter(|_| made.len() >= self.bindings * CALLS / 2) {
                let bucket = Throttle {
                    per_second: self.bucket.per_second * self.factor,
                    burst: self.bucket.burst * self.factor,
                };
                aws.set_throttle(Service::Iam, Some(bucket));
                return *last;
            }
        }
    }

    fn judge(&self, calls: &[Entry], changed: f64) -> Vec<String> {
        let (good, bad): (Vec<&Entry>, Vec<&Entry>) = ours(calls).partition(|call| !is_refused(call));
        let good: Vec<f64> = good.into_iter().map(at).collect();
        // The bucket's first burst is nobody's share.
        let from = bad
            .first()
            .map(|call| at(call))
            .or(good.first().copied())
            .unwrap_or_default();
        let end = good
            .get(good.len() - part(good.len(), TAIL) - 1)
            .copied()
            .unwrap_or_default();
        let changed = changed.max(from);
        let used = |from: f64, to: f64, factor: f64| {
            let made = good.iter().filter(|at| (from..to).contains(*at)).count();
            let share = self.bucket.per_second * factor * (1.0 - THIRD) * (to - from);
            if share > 0.0 { per_cent(made, share) } else { 0.0 }
        };
        let before = used(from, changed, 1.0);
        let after = used(changed, end, self.factor);
        let shown = if changed > from {
            format!("{before:.0} %")
        } else {
            "its first burst".to_owned()
        };
        let throttled = per_cent(bad.len(), count(good.len() + bad.len()));
        let others: Vec<&Entry> = calls.iter().filter(|call| is_other(call)).collect();
        let refused = others.iter().filter(|call| is_refused(call)).count();
        let refused = per_cent(refused, count(others.len()));
        println!(
            "| {}/s and {} at once | {} | {} | {shown} | × {} | {after:.0} % | {throttled:.1} % | {refused:.1} % |",
            self.bucket.per_second,
            self.bucket.burst,
            self.bindings,
            good.len() + bad.len(),
            self.factor,
        );
        let mut missed = Vec::new();
        let mut must = |what: String, holds: bool| {
            if !holds {
                missed.push(format!(
                    "bucket of {}/s × {}: {what}",
                    self.bucket.per_second, self.factor
                ));
            }
        };
        let rest = (before * (changed - from) + after * (end - changed)) / (end - from);
        must(format!("{rest:.0} % of our share used"), rest >= USED);
        must(format!("{throttled:.1} % throttled"), throttled <= REFUSED);
        must(
            format!("{refused:.1} % of the other's refused"),
            refused <= OTHER_REFUSED,
        );
        missed
    }
}

/// Somebody else in the account, who calls IAM at his pace whatever he is told.
struct Other {
    per_second: watch::Sender<f64>,
    task: JoinHandle<()>,
}

impl Other {
    async fn start(aws: &AwsDouble, per_second: f64) -> Result<Self, Problem> {
        let config = admin::root(aws, ACCOUNT, REGION).await?;
        let once = aws_sdk_iam::config::Builder::from(&config).retry_config(RetryConfig::disabled());
        let iam = aws_sdk_iam::Client::from_conf(once.build());
        let (sender, pace) = watch::channel(per_second);
        let task = tokio::spawn(async move {
            let mut next = tokio::time::Instant::now();
            loop {
                next += Duration::from_secs_f64(1.0 / *pace.borrow());
                sleep_until(next).await;
                let call = iam.get_role().role_name("theirs-0").send();
                tokio::spawn(async move { drop(call.await) });
            }
        });
        Ok(Self {
            per_second: sender,
            task,
        })
    }

    /// Calls so often from now on.
    fn calls(&self, per_second: f64) {
        self.per_second.send_replace(per_second);
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn ours(calls: &[Entry]) -> impl Iterator<Item = &Entry> {
    let of_iam = calls.iter().filter(|call| call.service == Service::Iam);
    of_iam.filter(|call| !is_other(call))
}

fn is_other(call: &Entry) -> bool {
    call.caller.as_deref().is_some_and(|arn| arn.ends_with(":root"))
}

fn is_refused(call: &Entry) -> bool {
    call.error.as_deref() == Some("Throttling")
}

/// Seconds since some moment.
#[allow(clippy::cast_precision_loss, reason = "microseconds of this century fit")]
fn at(call: &Entry) -> f64 {
    call.at.as_microsecond() as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "a number of calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}

fn per_cent(calls: usize, of: f64) -> f64 {
    count(calls) / of * 100.0
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a number of calls"
)]
fn part(calls: usize, share: f64) -> usize {
    (count(calls) * share) as usize
}
