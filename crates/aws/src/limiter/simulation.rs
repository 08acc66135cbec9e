//! The limiter against a bucket like AWS's, which somebody else draws from too, in virtual time.

use std::{cell::RefCell, rc::Rc, time::Duration};

use proptest::{prelude::*, test_runner::RngSeed};
use tokio::{
    task::{LocalSet, yield_now},
    time::{Instant, sleep},
};

use super::{Limiter, Priority, Rate, random::Random};

/// Attempts under way at a time: as many as a busy operator has.
const WORKERS: usize = 40;
/// The other caller's share of what the bucket refills.
const THIRD: f64 = 1.0 / 3.0;

/// What AWS might do. Refused attempts take nothing.
#[derive(Debug, Clone, Copy)]
struct Size {
    per_second: f64,
    burst: f64,
}

const fn size(per_second: f64, burst: f64) -> Size {
    Size { per_second, burst }
}

/// What happens to the bucket in the middle.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Its size changes by this factor.
    Size(f64),
    /// Somebody takes all that is in it.
    Emptied,
}

/// A size and what happens meanwhile.
#[derive(Debug, Clone, Copy)]
struct Scene {
    size: Size,
    latency: Duration,
    /// How much the latency and the times between the other's attempts vary, as a share of them.
    jitter: f64,
    seed: u64,
    change: Option<(Duration, Change)>,
    /// How long all of it takes.
    lasts: Duration,
}

impl Scene {
    /// Long enough for what the beginning costs not to count, and for a minute.
    fn of(size: Size, latency: Duration) -> Self {
        Self {
            size,
            latency,
            jitter: 0.5,
            seed: 1,
            change: None,
            lasts: Duration::from_secs_f64((2_000.0 / ours(size)).max(90.0)),
        }
    }
}

/// What is ours, per second.
fn ours(size: Size) -> f64 {
    size.per_second * (1.0 - THIRD)
}

struct World {
    scene: Scene,
    size: Size,
    tokens: f64,
    updated: Instant,
    start: Instant,
    random: Random,
    /// Moments since the start, and whether the bucket had a token.
    we: Vec<(Duration, bool)>,
    they: Vec<(Duration, bool)>,
}

impl World {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        let elapsed = now.duration_since(self.updated).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.size.per_second).min(self.size.burst);
        self.updated = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }

    /// This long, more or less.
    fn about(&mut self, time: Duration) -> Duration {
        time.mul_f64(1.0 + self.scene.jitter * (2.0 * self.random.next() - 1.0))
    }
}

/// What came of it.
struct Record {
    scene: Scene,
    we: Vec<(Duration, bool)>,
    they: Vec<(Duration, bool)>,
}

fn count(calls: &[(Duration, bool)], from: Duration, to: Duration, accepted: bool) -> f64 {
    let calls = calls
        .iter()
        .filter(|(at, was)| *was == accepted && (from..to).contains(at));
    calls.fold(0.0, |sum, _| sum + 1.0)
}

impl Record {
    /// What we used of our share in this time.
    fn used(&self, from: Duration, to: Duration) -> f64 {
        let factor = match self.scene.change {
            Some((at, Change::Size(factor))) if from >= at => factor,
            _ => 1.0,
        };
        let share = ours(self.scene.size) * factor * to.saturating_sub(from).as_secs_f64();
        count(&self.we, from, to, true) / share
    }

    /// From the end of the bucket's first burst to the end.
    fn used_at_all(&self) -> f64 {
        let first = self.we.iter().find(|(_, accepted)| !accepted);
        let (first, _) = first.expect("nobody throttled us");
        self.used(*first, self.scene.lasts)
    }

    /// Refused attempts of ours, as a share of all.
    fn throttled(&self) -> f64 {
        share_refused(&self.we, self.scene.lasts)
    }

    /// Refused attempts of the other's, as a share of all.
    fn other_throttled(&self) -> f64 {
        share_refused(&self.they, self.scene.lasts)
    }
}

fn share_refused(calls: &[(Duration, bool)], until: Duration) -> f64 {
    let of = |accepted| count(calls, Duration::ZERO, until, accepted);
    of(false) / (of(true) + of(false))
}

/// Plays it, with always more work than the bucket bears.
fn play(scene: Scene) -> Record {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async move {
        let start = Instant::now();
        let world = Rc::new(RefCell::new(World {
            scene,
            size: scene.size,
            tokens: scene.size.burst,
            updated: start,
            start,
            random: Random::from(scene.seed),
            we: Vec::new(),
            they: Vec::new(),
        }));
        let limiter = Rc::new(Limiter::with_seed(Rate::default(), !scene.seed));
        let mut tasks = vec![tokio::task::spawn_local(other(Rc::clone(&world)))];
        for worker in 0..WORKERS {
            let priority = if worker % 4 == 0 {
                Priority::Read
            } else {
                Priority::Write
            };
            let us = us(Rc::clone(&world), Rc::clone(&limiter), priority);
            tasks.push(tokio::task::spawn_local(us));
        }
        if let Some((at, change)) = scene.change {
            sleep(at).await;
            let mut world = world.borrow_mut();
            world.take();
            match change {
                Change::Size(factor) => {
                    world.size = size(scene.size.per_second * factor, scene.size.burst * factor);
                }
                Change::Emptied => world.tokens = 0.0,
            }
        }
        tokio::time::sleep_until(start + scene.lasts).await;
        for task in &tasks {
            task.abort();
        }
        yield_now().await;
        let mut world = world.borrow_mut();
        Record {
            scene,
            we: std::mem::take(&mut world.we),
            they: std::mem::take(&mut world.they),
        }
    })
}

async fn us(world: Rc<RefCell<World>>, limiter: Rc<Limiter>, priority: Priority) {
    loop {
        let admitted = limiter.admit(priority).await;
        let (there, back) = {
            let mut world = world.borrow_mut();
            let half = world.scene.latency / 2;
            (world.about(half), world.about(half))
        };
        sleep(there).await;
        let accepted = {
            let mut world = world.borrow_mut();
            let accepted = world.take();
            let at = world.start.elapsed();
            world.we.push((at, accepted));
            accepted
        };
        sleep(back).await;
        if accepted {
            admitted.accepted();
        } else {
            admitted.throttled();
        }
    }
}

/// Takes its third, whether it is refused or not.
async fn other(world: Rc<RefCell<World>>) {
    loop {
        let pause = {
            let mut world = world.borrow_mut();
            let between = Duration::from_secs_f64(1.0 / (world.size.per_second * THIRD));
            world.about(between)
        };
        sleep(pause).await;
        let mut world = world.borrow_mut();
        let accepted = world.take();
        let at = world.start.elapsed();
        world.they.push((at, accepted));
    }
}

/// What is promised, beside what is used.
fn is_good_to_others(record: &Record) -> Result<(), TestCaseError> {
    let (throttled, other) = (100.0 * record.throttled(), 100.0 * record.other_throttled());
    prop_assert!(throttled <= 2.0, "{throttled:.2} % throttled");
    prop_assert!(other <= 5.0, "the other is refused {other:.2} %");
    Ok(())
}

prop_compose! {
    /// From 4 to 128 attempts per second, of which each power of two is as likely, and one and a half to four seconds' burst.
    fn any_size()(power in 2.0..7.0_f64, seconds in 1.5..4.0_f64) -> Size {
        let per_second = power.exp2();
        size(per_second, per_second * seconds)
    }
}

prop_compose! {
    fn any_scene()(size in any_size(), latency in 5..60_u64, jitter in 0.0..0.6_f64, seed in 1..u64::MAX) -> Scene {
        Scene { jitter, seed, ..Scene::of(size, Duration::from_millis(latency)) }
    }
}

/// The same scenes each time.
fn of_cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(of_cases(16))]

    #[test]
    fn our_share_of_any_bucket_is_used_and_hardly_an_attempt_refused(scene in any_scene()) {
        let record = play(scene);
        let used = record.used_at_all();
        prop_assert!(used >= 0.9, "{used:.3} of our share used");
        is_good_to_others(&record)?;
    }
}

proptest! {
    #![proptest_config(of_cases(8))]

    #[test]
    fn a_bucket_that_becomes_smaller_or_larger_is_followed_within_seconds(
        scene in any_scene(), larger in any::<bool>(), at in 0.4..0.6_f64,
    ) {
        let factor = if larger { 2.0 } else { 0.5 };
        let at = scene.lasts.mul_f64(at);
        let record = play(Scene { change: Some((at, Change::Size(factor))), ..scene });
        is_good_to_others(&record)?;
        // Looking for more costs refused attempts, of which only so many may be.
        let back = at + Duration::from_secs_f64((140.0 / ours(scene.size)).max(8.0));
        let used = record.used(back, scene.lasts);
        prop_assert!(used >= 0.9, "{used:.3} of our new share used");
    }

    #[test]
    fn after_somebody_has_emptied_the_bucket_the_pace_is_back_within_seconds(scene in any_scene()) {
        let at = scene.lasts / 2;
        let record = play(Scene { change: Some((at, Change::Emptied)), ..scene });
        is_good_to_others(&record)?;
        let back = at + Duration::from_secs_f64((40.0 / ours(scene.size)).max(3.0));
        let (before, after) = (record.used(at, back), record.used(back, scene.lasts));
        prop_assert!(before >= 0.5, "{before:.3} of our share used until {back:?}");
        prop_assert!(after >= 0.9, "{after:.3} of our share used after {back:?}");
    }
}

#[test]
fn somebody_who_calls_like_clockwork_is_not_starved() {
    for per_second in [5.0, 10.0, 20.0, 60.0] {
        for at in 40..44 {
            let change = Some((Duration::from_secs(at), Change::Size(0.5)));
            let scene = Scene::of(size(per_second, 2.0 * per_second), Duration::from_millis(20));
            let record = play(Scene {
                jitter: 0.0,
                change,
                ..scene
            });
            let refused = 100.0 * record.other_throttled();
            assert!(
                refused <= 7.0,
                "{refused:.1} % refused of {per_second}/s that change after {at} s"
            );
        }
    }
}
