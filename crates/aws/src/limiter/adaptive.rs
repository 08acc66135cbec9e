//! The rate at which attempts go: found out from what AWS refuses.
//!
//! AWS is taken to be a token bucket of unknown size that others draw from as well. Such a bucket says one thing only, and
//! only when it refuses: that it is empty. But what it let through between two such moments is what it refilled for us
//! meanwhile, whatever its size, and whatever we did in between. So the share is measured and not searched:
//!
//! - **Rising**, until the first refusal: each accepted attempt that had to wait raises the rate, as in TCP's slow start.
//! - **At a refusal** the rate falls to just below what was measured, and the next attempt waits for a moment, so that the
//!   bucket is not empty for those who share it. What is refused of the attempts that were under way is the same event.
//! - **After it** the rate follows a cubic of the attempts since, as CUBIC does (RFC 9438, there of time): up to the measured
//!   share, long near it, faster and faster beyond it, until the bucket is empty again. It counts attempts because the
//!   price of a look is one refused attempt, which has to be paid by so many others.
//! - **Where too little was let through to be measured**, the first refusals and those after the bucket has become smaller,
//!   the rate falls by a factor, and what comes after a pause is measured.
//!
//! Attempts that did not have to wait say nothing about what AWS would bear and raise nothing. After a quiet while it begins
//! near what is used again, up to the share that was learnt, which is forgotten later: others have come and gone.

use std::time::Duration;

use tokio::time::Instant;

use super::{cubic::Cubic, random::Random, rate::Rate};

/// Never slower than this, in attempts per second: one each second finds out when AWS relents, and is no burden to it.
pub(super) const SLOWEST: f64 = 1.0;
/// The first rate, in attempts per second.
const START: f64 = 30.0;
/// What one accepted attempt adds to a rising rate, in attempts per second: e-fold in a fifth of a second where
/// AWS is near.
const RISE: f64 = 5.0;
/// A rising rate grows by this share in a round trip at most, as that is how late a refusal is heard of.
const RISE_IN_A_ROUND_TRIP: f64 = 0.1;
/// How far the rate falls below a measured share, as a share of it.
const DEPTH: f64 = 0.1;
/// The same where the share was guessed.
const DEPTH_OF_A_GUESS: f64 = 0.2;
/// The same at the first refusal, below the rate at which it came.
const DEPTH_AT_FIRST: f64 = 0.7;
/// At an event that measured nothing, the rate falls to this share of what it was.
const CUT: f64 = 0.7;
/// So many accepted attempts between two events make a measurement.
const ENOUGH: f64 = 8.0;
/// Attempts from a measured share's event to the share: with those beyond, about twice as many go for each refused one.
const SPAN: f64 = 52.0;
/// The same as a time: at least, and at most. One refused attempt in half a minute harms nobody, however few others go.
const SPAN_SECONDS: (f64, f64) = (3.0, 12.0);
/// The same at the first refusal.
const SPAN_SECONDS_AT_FIRST: f64 = 0.5;
/// The same after a guess, in attempts, and as a time, which counts where it is fewer.
const SPAN_OF_A_GUESS: (f64, f64) = (8.0, 2.0);
/// What is left in the bucket after an event, in attempts: first, least and most. More where events come soon after each other,
/// as they do where the others' attempts come in bursts.
const CUSHION: (f64, f64, f64) = (3.0, 2.0, 5.0);
/// Attempts for each refused one, between which the cushion is right.
const RARE_ENOUGH: (f64, f64) = (65.0, 100.0);
/// How much of the way from what was measured to the rate at which AWS refused is taken to be ours.
const UNSEEN: f64 = 0.1;
/// The pause after an event that measured nothing: what the bucket refills in it is what is measured next.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: f64 = 5.0;
/// With a known share, so many seconds' worth of attempts go at once when none went before.
const BURST_SECONDS: f64 = 0.1;
/// So long without an attempt that had to wait is a quiet while. The rate is not more than so many times what is used then.
const QUIET: Duration = Duration::from_secs(10);
const ROOM: f64 = 2.0;
/// So long after the last refusal a quiet while forgets the share.
const FORGET: Duration = Duration::from_mins(10);

/// The law, as a token bucket of ours whose rate it sets.
#[derive(Debug)]
pub(super) struct AdaptiveRate {
    most: Rate,
    per_second: f64,
    tokens: f64,
    /// Tokens that must be there for the next attempt, which takes one.
    needed: f64,
    random: Random,
    updated: Instant,
    growth: Growth,
    /// What AWS was found to bear, in attempts per second.
    share: Option<f64>,
    /// Whether the last event measured it.
    measured: bool,
    window: Option<Window>,
    events: u64,
    last_event: Instant,
    last_waited: Instant,
    /// Attempts since then that did not have to wait.
    taken: f64,
    cushion: f64,
    /// Refused attempts of one event, on average.
    refused_at_once: f64,
    /// Seconds, on average.
    round_trip: f64,
}

/// How the rate grows with the next accepted attempt.
#[derive(Debug)]
enum Growth {
    Rising,
    Around(Cubic),
}

/// What happened since the last event, at which the bucket was empty.
#[derive(Debug)]
struct Window {
    since: Instant,
    accepted: f64,
    /// Of the event itself.
    refused: f64,
    /// Attempts that might have gone and that nobody wanted.
    unused: f64,
}

/// What an event says.
struct Finding {
    share: f64,
    depth: f64,
    span: f64,
    pause: f64,
    measured: bool,
}

impl AdaptiveRate {
    pub(super) fn new(most: Rate, now: Instant) -> Self {
        let most = Rate {
            per_second: most.per_second.max(SLOWEST),
            burst: most.burst.max(1.0),
        };
        Self {
            most,
            per_second: most.per_second.min(START),
            tokens: most.burst,
            needed: 1.0,
            random: Random::default(),
            updated: now,
            growth: Growth::Rising,
            share: None,
            measured: false,
            window: None,
            events: 0,
            last_event: now,
            last_waited: now,
            taken: 0.0,
            cushion: CUSHION.0,
            refused_at_once: 1.0,
            round_trip: 0.0,
        }
    }

    /// The same with other random numbers.
    pub(super) fn with_seed(self, seed: u64) -> Self {
        Self {
            random: Random::from(seed),
            ..self
        }
    }

    /// Attempts per second, now.
    pub(super) const fn per_second(&self) -> f64 {
        self.per_second
    }

    /// What AWS was found to bear as a share of the most that we would call; 1 where it has not refused.
    pub(super) fn ratio(&self) -> f64 {
        self.share.map_or(1.0, |share| (share / self.most.per_second).min(1.0))
    }

    /// Events so far. An attempt that is refused belongs to a later one than those when it went.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one.
    pub(super) fn try_take(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= self.needed {
            self.tokens -= 1.0;
            self.taken += 1.0;
            self.needed = self.next_needed();
            return Ok(());
        }
        self.last_waited = now;
        self.taken = 0.0;
        let seconds = (self.needed - self.tokens) / self.per_second;
        Err(Duration::from_secs_f64(seconds))
    }

    /// AWS took an attempt, whatever it said to it.
    pub(super) fn accepted(&mut self, event: u64, waited: bool, round_trip: Duration, now: Instant) {
        self.refill(now);
        if let Some(window) = &mut self.window {
            window.accepted += 1.0;
        }
        let seconds = round_trip.as_secs_f64();
        let is_first = self.round_trip == 0.0;
        self.round_trip = if is_first {
            seconds
        } else {
            0.8 * self.round_trip + 0.2 * seconds
        };
        if waited && event == self.events {
            self.grow();
        }
    }

    fn grow(&mut self) {
        match &mut self.growth {
            Growth::Rising => {
                let rise = RISE.min(RISE_IN_A_ROUND_TRIP / self.round_trip.max(1e-3));
                self.per_second += rise;
                let share = self.share.filter(|share| self.per_second >= share * (1.0 - DEPTH));
                if let Some(share) = share {
                    self.follow(share, DEPTH, self.span(share));
                }
            }
            Growth::Around(cubic) => {
                self.per_second = cubic.after_another();
            }
        }
        if self.per_second >= self.most.per_second {
            // AWS bears all that we would call.
            self.growth = Growth::Rising;
            self.share = None;
            self.measured = false;
        }
        self.per_second = self.per_second.clamp(SLOWEST, self.most.per_second);
    }

    /// AWS refused an attempt that went after so many events, because there were too many.
    pub(super) fn throttled(&mut self, event: u64, now: Instant) {
        self.refill(now);
        if event < self.events {
            if let Some(window) = &mut self.window {
                window.refused += 1.0;
            }
            return;
        }
        self.events += 1;
        self.last_event = now;
        let before = self.window.replace(Window {
            since: now,
            accepted: 0.0,
            refused: 1.0,
            unused: 0.0,
        });
        let finding = match before {
            Some(window) => self.judge(&window, now),
            None => Finding {
                share: self.per_second,
                depth: if self.share.is_some() {
                    1.0 - CUT
                } else {
                    DEPTH_AT_FIRST
                },
                span: SPAN.max(SPAN_SECONDS_AT_FIRST * self.per_second),
                pause: PAUSE.as_secs_f64(),
                measured: false,
            },
        };
        self.measured = finding.measured;
        self.share = Some(finding.share);
        self.follow(finding.share, finding.depth, finding.span);
        self.needed = 1.0;
        self.tokens = 1.0 - finding.pause.min(LONGEST_PAUSE) * self.per_second;
    }

    /// What came between two moments at which the bucket was empty.
    fn judge(&mut self, window: &Window, now: Instant) -> Finding {
        let seconds = now.saturating_duration_since(window.since).as_secs_f64().max(1e-3);
        let granted = window.accepted / seconds;
        if self.measured {
            self.refused_at_once = (0.7 * self.refused_at_once + 0.3 * window.refused).max(1.0);
        }
        if window.unused > 2.0 + 0.1 * window.accepted {
            // The bucket may have been full meanwhile: AWS bears this much, and perhaps more.
            let share = granted.clamp(CUT * self.per_second, self.per_second);
            return self.guess(share, self.cushion / share);
        }
        if window.accepted >= ENOUGH {
            // More, where the bucket was full in between and so something was lost.
            let share = (granted + UNSEEN * (self.per_second - granted)).clamp(SLOWEST, self.per_second);
            self.adapt_cushion(window);
            return Finding {
                share,
                depth: DEPTH,
                span: self.span(share),
                pause: self.cushion / share,
                measured: true,
            };
        }
        // Two attempts more might have been let through.
        let bound = (window.accepted + 2.0) / seconds;
        let cut = CUT * self.per_second;
        if self.measured {
            // Perhaps only somebody's burst.
            let share = bound.clamp(cut, self.per_second);
            self.guess(share, self.cushion / share)
        } else {
            let share = bound.min(cut).max(SLOWEST);
            self.guess(share, PAUSE.as_secs_f64().max(self.cushion / share))
        }
    }

    fn guess(&self, share: f64, pause: f64) -> Finding {
        let (attempts, seconds) = SPAN_OF_A_GUESS;
        Finding {
            span: (share * seconds).clamp(3.0, attempts) * self.refused_at_once,
            share,
            depth: DEPTH_OF_A_GUESS,
            pause,
            measured: false,
        }
    }

    fn adapt_cushion(&mut self, window: &Window) {
        let (often, rare) = RARE_ENOUGH;
        let (_, least, most) = CUSHION;
        let for_each = window.accepted / window.refused;
        if for_each < often {
            self.cushion = (self.cushion * 1.4).min(most);
        } else if for_each > rare {
            self.cushion = (self.cushion * 0.85).max(least);
        }
    }

    /// Attempts from an event to a measured share.
    const fn span(&self, share: f64) -> f64 {
        let (least, most) = SPAN_SECONDS;
        (SPAN * self.refused_at_once).clamp(least * share, most * share)
    }

    /// Begins a cubic.
    fn follow(&mut self, share: f64, depth: f64, span: f64) {
        let cubic = Cubic::new(share, depth, span);
        self.per_second = cubic.per_second().clamp(SLOWEST, self.most.per_second);
        self.growth = Growth::Around(cubic);
    }

    fn burst(&self) -> f64 {
        if self.share.is_none() {
            return self.most.burst;
        }
        (BURST_SECONDS * self.per_second).max(2.0).min(self.most.burst)
    }

    /// Near the limit attempts go at uneven times, at the same rate. Two callers with even ones keep step, and then the bucket
    /// is empty whenever it is the same one's turn: he is refused all the time, and the other never hears of it.
    fn next_needed(&mut self) -> f64 {
        if self.share.is_none() {
            return 1.0;
        }
        self.random.next().mul_add((self.burst() - 1.0).min(1.0), 1.0)
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.updated = now;
        if now.saturating_duration_since(self.last_waited) > QUIET {
            self.rest(now);
        }
        let filled = elapsed.mul_add(self.per_second, self.tokens);
        let burst = self.burst();
        self.tokens = filled.min(burst);
        if let Some(window) = &mut self.window {
            window.unused += (filled - burst).max(0.0);
        }
    }

    /// Nothing had to wait for a while: what was learnt is old, and the bucket is full again.
    fn rest(&mut self, now: Instant) {
        self.window = None;
        if now.saturating_duration_since(self.last_event) > FORGET {
            self.share = None;
            self.measured = false;
            self.cushion = CUSHION.0;
            self.refused_at_once = 1.0;
        }
        let quiet = now.saturating_duration_since(self.last_waited).as_secs_f64();
        let enough = START.max(ROOM * self.taken / quiet).min(self.per_second);
        match self.share {
            Some(share) if share * (1.0 - DEPTH) <= enough => {
                self.follow(share, DEPTH, self.span(share));
            }
            _ => {
                self.growth = Growth::Rising;
                self.per_second = enough;
            }
        }
    }
}
