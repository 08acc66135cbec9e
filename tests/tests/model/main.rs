//! The operator in a model of its world: random histories of edits by users, edits in AWS by others, faults, stale reads
//! and restarts, against the AWS double and an API server in memory, in virtual time. At every call the invariants of
//! [`invariants`] hold; when nothing goes wrong any more, everything becomes exactly what is asked for ([`expectations`])
//! and then nothing is written, also after a restart.
//!
//! `docs/model.md` says more. A few histories, always the same ones, run with every `make test`. `make model` runs new ones for some minutes, and
//! prints how many. What it finds is printed as a history, shrunk, and belongs into [`regressions`].

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod actions;
mod ending;
mod expectations;
mod invariants;
mod operator;
mod others;
mod pace;
mod regressions;
mod tokens;
mod users;
mod view;
mod wishes;
mod world;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use self::{actions::Action, world::Stats, world::World};

/// Histories of `make test`.
const FEW: u32 = 40;
/// Histories between two looks at the clock.
const BATCH: u32 = 16;

/// Runs in a runtime of its own whose time nothing real moves.
fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// Lives through a history.
fn live(history: &[Action]) -> Result<Stats, String> {
    in_virtual_time(async { World::new().live(history).await })
}

#[derive(Debug, Default)]
struct Total {
    histories: AtomicUsize,
    calls: AtomicUsize,
    writes: AtomicUsize,
    kills: AtomicUsize,
}

impl Total {
    fn add(&self, stats: Stats) {
        self.histories.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(stats.calls, Ordering::Relaxed);
        self.writes.fetch_add(stats.writes_checked, Ordering::Relaxed);
        self.kills.fetch_add(stats.kills_at_calls, Ordering::Relaxed);
    }
}

/// Runs so many histories; panics with the shortest that goes wrong.
fn run(cases: u32, seed: RngSeed, total: &Total) {
    let mut runner = TestRunner::new(Config {
        cases,
        rng_seed: seed,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    });
    let tested = runner.run(&actions::history(), |history| {
        total.add(live(&history).map_err(TestCaseError::fail)?);
        Ok(())
    });
    if let Err(failure) = tested {
        panic!("{failure}");
    }
}

#[test]
fn whatever_happens_nothing_forbidden_is_done_and_everything_ends_as_asked_for() {
    let total = Total::default();
    let seconds = std::env::var("IRSA_ANYWHERE_MODEL_SECONDS").ok();
    match seconds.map(|seconds| Duration::from_secs(seconds.parse().unwrap())) {
        None => run(FEW, RngSeed::Fixed(4), &total),
        Some(budget) => {
            let (began, workers) = (Instant::now(), std::thread::available_parallelism().unwrap().get());
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(|| {
                        while began.elapsed() < budget {
                            run(BATCH, RngSeed::Random, &total);
                        }
                    });
                }
            });
        }
    }
    println!("{total:?}");
    assert!(total.kills.load(Ordering::Relaxed) > 0 && total.writes.load(Ordering::Relaxed) > 100);
}
