use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, advance, sleep};

use super::{Limiter, Limiters, Load, Priority, Rate, adaptive::SLOWEST};
use crate::attempts::Operation;

const RATE: Rate = Rate {
    per_second: 4.0,
    burst: 2.0,
};
/// The first rate without a lower cap.
const START: f64 = 30.0;
/// A rate at which a few bindings are looked at without a wait that anybody notices.
const BACK: f64 = 10.0;

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 0.1
}

fn per_second(limiter: &Limiter) -> f64 {
    limiter.load().per_second
}

/// So many attempts that AWS takes at once, by so many workers, with a latency.
async fn accepted(limiter: &Arc<Limiter>, attempts: usize, workers: usize, latency: Duration) {
    let left = Arc::new(AtomicUsize::new(attempts));
    let mut tasks = Vec::new();
    for _ in 0..workers {
        let (limiter, left) = (Arc::clone(limiter), Arc::clone(&left));
        tasks.push(tokio::spawn(async move {
            let one = |left: usize| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one).is_ok() {
                let admitted = limiter.admit(Priority::Write).await;
                sleep(latency).await;
                admitted.accepted();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_burst_attempts_go_at_the_most_that_is_wanted() {
    let limiter = Limiter::new(RATE);
    let start = Instant::now();
    for _ in 0..10 {
        limiter.admit(Priority::Read).await.accepted();
    }
    assert!(close(start.elapsed().as_secs_f64(), 2.0), "{:?}", start.elapsed());
    assert!(close(limiter.share(), 1.0));
}

#[tokio::test(start_paused = true)]
async fn two_hundred_bindings_do_not_wait_for_the_pace_where_aws_does_not_throttle() {
    for workers in [8, 40] {
        let limiter = Arc::new(Limiter::new(Rate::default()));
        let start = Instant::now();
        accepted(&limiter, 660, workers, Duration::from_millis(20)).await;
        let took = start.elapsed();
        assert!(took < Duration::from_millis(2_500), "{took:?} with {workers} workers");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_that_need_not_wait_raise_nothing() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    for _ in 0..100 {
        sleep(Duration::from_millis(200)).await;
        accepted(&limiter, 1, 1, Duration::from_millis(20)).await;
    }
    assert!(close(per_second(&limiter), START), "{}", per_second(&limiter));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_write_goes_before_reads_that_came_earlier() {
    let limiter = Arc::new(Limiter::new(RATE));
    drop(limiter.admit(Priority::Read).await);
    drop(limiter.admit(Priority::Read).await);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for (name, priority) in [
        ("read 1", Priority::Read),
        ("read 2", Priority::Read),
        ("write 1", Priority::Write),
        ("write 2", Priority::Write),
    ] {
        let (limiter, order) = (Arc::clone(&limiter), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            drop(limiter.admit(priority).await);
            order.lock().unwrap().push(name);
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(limiter.load().waiting, 4);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["write 1", "write 2", "read 1", "read 2"]);
    assert_eq!((limiter.load().waiting, limiter.load().under_way), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_cancelled_leaves_the_queue_and_takes_nothing() {
    let limiter = Limiter::new(RATE);
    drop(limiter.admit(Priority::Read).await);
    drop(limiter.admit(Priority::Read).await);
    let impatient = tokio::time::timeout(Duration::from_millis(10), limiter.admit(Priority::Write)).await;
    assert!(impatient.is_err());
    let start = Instant::now();
    drop(limiter.admit(Priority::Read).await);
    assert!(start.elapsed() < Duration::from_millis(250), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_behind_one_that_is_cancelled_goes_in_time() {
    let limiter = Arc::new(Limiter::new(RATE));
    drop(limiter.admit(Priority::Read).await);
    drop(limiter.admit(Priority::Read).await);
    let first = Arc::clone(&limiter);
    let first = tokio::spawn(async move { drop(first.admit(Priority::Write).await) });
    let second = Arc::clone(&limiter);
    let second = tokio::spawn(async move { drop(second.admit(Priority::Write).await) });
    sleep(Duration::from_millis(100)).await;
    first.abort();
    let start = Instant::now();
    second.await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(160), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_goes_wakes_one_other_of_a_thousand() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    let polls = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..1_000 {
        let (limiter, polls) = (Arc::clone(&limiter), Arc::clone(&polls));
        tasks.push(tokio::spawn(async move {
            let mut admitted = pin!(limiter.admit(Priority::Write));
            poll_fn(|context| {
                polls.fetch_add(1, Ordering::Relaxed);
                admitted.as_mut().poll(context)
            })
            .await
            .accepted();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 4_500, "{polls} polls of 1,000 attempts");
}

#[tokio::test(start_paused = true)]
async fn attempts_that_were_under_way_together_are_one_event() {
    let limiter = Limiter::new(Rate::default());
    let mut under_way = Vec::new();
    for _ in 0..5 {
        under_way.push(limiter.admit(Priority::Write).await);
    }
    assert_eq!(limiter.load().under_way, 5);
    let mut after = Vec::new();
    for admitted in under_way {
        admitted.throttled();
        after.push(per_second(&limiter));
    }
    let cut = 0.3 * START;
    assert!(after.iter().all(|rate| close(*rate, cut)), "{after:?}");
    let start = Instant::now();
    let next = limiter.admit(Priority::Write).await;
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
    next.throttled();
    assert!(per_second(&limiter) < cut, "another event");
}

#[tokio::test(start_paused = true)]
async fn into_a_bucket_that_is_known_to_be_small_no_burst_goes() {
    let limiter = Limiter::new(Rate::default());
    for _ in 0..3 {
        limiter.admit(Priority::Write).await.throttled();
    }
    sleep(Duration::from_secs(9)).await;
    limiter.admit(Priority::Write).await.accepted();
    limiter.admit(Priority::Write).await.accepted();
    let start = Instant::now();
    limiter.admit(Priority::Write).await.accepted();
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_single_refusal_is_got_over_within_seconds() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    accepted(&limiter, 300, 40, Duration::from_millis(20)).await;
    let before = per_second(&limiter);
    limiter.admit(Priority::Write).await.throttled();
    assert!(per_second(&limiter) < before / 2.0);
    let start = Instant::now();
    while per_second(&limiter) < before {
        accepted(&limiter, 10, 10, Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_minutes_in_which_nothing_was_let_through_it_takes_seconds() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(5) {
        limiter.admit(Priority::Write).await.throttled();
        assert!(per_second(&limiter) >= SLOWEST);
    }
    let start = Instant::now();
    while per_second(&limiter) < BACK {
        accepted(&limiter, 1, 1, Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// One operation of AWS's may have a limit of its own, however slowly all calls go.
#[tokio::test(start_paused = true)]
async fn refusals_that_are_not_about_the_rate_do_not_slow_it_for_a_minute() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    for _ in 0..40 {
        accepted(&limiter, 9, 10, Duration::from_millis(20)).await;
        limiter.admit(Priority::Write).await.throttled();
    }
    assert!(per_second(&limiter) < 5.0, "{}", per_second(&limiter));
    let start = Instant::now();
    while per_second(&limiter) < BACK {
        accepted(&limiter, 10, 10, Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_a_quiet_while_the_rate_begins_anew_and_the_share_is_kept_for_minutes() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    accepted(&limiter, 300, 40, Duration::from_millis(20)).await;
    assert!(per_second(&limiter) > 200.0, "{}", per_second(&limiter));
    advance(Duration::from_secs(11)).await;
    accepted(&limiter, 1, 1, Duration::ZERO).await;
    assert!(close(per_second(&limiter), START), "{}", per_second(&limiter));

    accepted(&limiter, 30, 10, Duration::from_millis(20)).await;
    limiter.admit(Priority::Write).await.throttled();
    let share = limiter.share();
    assert!(share < 0.5, "{share}");
    advance(Duration::from_mins(9)).await;
    accepted(&limiter, 1, 1, Duration::ZERO).await;
    assert!(close(limiter.share(), share), "{}", limiter.share());
    advance(Duration::from_mins(2)).await;
    accepted(&limiter, 1, 1, Duration::ZERO).await;
    assert!(close(limiter.share(), 1.0), "{}", limiter.share());
}

#[tokio::test(start_paused = true)]
async fn work_that_something_else_holds_up_does_not_lose_its_rate() {
    let limiter = Arc::new(Limiter::new(Rate::default()));
    accepted(&limiter, 300, 40, Duration::from_millis(20)).await;
    let start = Instant::now();
    // As fast as four workers are with this latency: 200 per second.
    accepted(&limiter, 6_000, 4, Duration::from_millis(20)).await;
    assert!(start.elapsed() < Duration::from_millis(30_300), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn neither_accounts_nor_services_slow_each_other() {
    let limiters = Limiters::new(Rate::default());
    let (one, other) = (limiters.of("111111111111"), limiters.of("222222222222"));
    let iam = one.of(Operation::CreateRole);
    iam.admit(Priority::Write).await.throttled();
    assert!(per_second(iam) < START);
    assert!(
        per_second(one.of(Operation::GetRole)) < START,
        "one rate for all of IAM"
    );
    for free in [
        one.of(Operation::PutObject),
        one.of(Operation::AssumeRole),
        other.of(Operation::CreateRole),
    ] {
        assert!(close(per_second(free), START));
    }
    assert!(limiters.slowest_share() < 0.1, "{}", limiters.slowest_share());
}

#[tokio::test(start_paused = true)]
async fn the_load_is_that_of_the_limiter_for_which_most_wait() {
    let limiters = Limiters::new(RATE);
    assert_eq!(limiters.load(), Load::default());
    let account = limiters.of("111111111111");
    let iam = account.of(Operation::CreateRole);
    let _kept = (iam.admit(Priority::Write).await, iam.admit(Priority::Write).await);
    let mut third = pin!(iam.admit(Priority::Write));
    poll_fn(|context| {
        let _ = third.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    let load = limiters.clone().load();
    assert_eq!((load.waiting, load.under_way), (1, 2));
    assert!(close(load.per_second, 4.0));
    let other = limiters.of("222222222222");
    let _hangs = other.of(Operation::AssumeRole).admit(Priority::Write).await;
    let load = limiters.load();
    assert_eq!((load.waiting, load.under_way), (1, 3), "wherever it hangs");
}
