//! The world of the simulation: candidates with their clocks, messages on their way, one API server.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::{NAME, terms};
use crate::leadership::lease::{Election, LeaseStep};

/// What becomes of one request, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    /// From the candidate to the API server; `None`: lost.
    pub(super) there: Option<u64>,
    /// And back.
    pub(super) back: Option<u64>,
    /// Until the candidate does something again, beyond its retry period: it was stopped, or slow.
    pub(super) idle: u64,
}

/// What somebody does by hand, or the cluster.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meddling {
    Delete,
    Blank,
    Annotate,
    /// This candidate's process dies and starts anew, with nothing in memory.
    Restart(usize),
    /// This candidate is asked to end, and starts anew.
    End(usize),
}

/// A candidate's clock: right in no way, but even to five per cent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Its speed in per mille.
    pub(super) rate: u64,
    /// The wall clock's error in seconds.
    pub(super) skew: i64,
}

struct Candidate {
    election: Election,
    clock: Clock,
    /// The end of the claim, on its own clock.
    until: Option<Instant>,
    ours: Option<Lease>,
    /// Counts requests and lives, so that what comes late is known as such.
    waits_for: u64,
}

pub(super) enum Request {
    Get,
    Write {
        lease: Box<Lease>,
        creates: bool,
        sent: Instant,
    },
}

pub(super) enum Event {
    Act(usize),
    Arrive {
        from: usize,
        ticket: u64,
        request: Request,
        back: Option<u64>,
    },
    Answer {
        to: usize,
        ticket: u64,
        answer: Option<Box<Lease>>,
        sent: Option<Instant>,
    },
    Meddle(Meddling),
}

pub(super) struct World {
    base: Instant,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    pending: Vec<Option<Event>>,
    lease: Option<Lease>,
    version: u64,
    candidates: Vec<Candidate>,
    fates: Vec<Fate>,
    next_fate: usize,
    lives: u64,
    /// How often a claim was made or prolonged.
    pub(super) claims: usize,
}

impl World {
    pub(super) fn new(clocks: &[Clock], fates: Vec<Fate>) -> Self {
        let mut world = Self {
            base: Instant::now(),
            now: 0,
            events: BinaryHeap::new(),
            pending: Vec::new(),
            lease: None,
            version: 0,
            candidates: Vec::new(),
            fates,
            next_fate: 0,
            lives: 0,
            claims: 0,
        };
        for (index, clock) in clocks.iter().enumerate() {
            let candidate = world.born(*clock);
            world.candidates.push(candidate);
            world.after(0, Event::Act(index));
        }
        world
    }

    fn born(&mut self, clock: Clock) -> Candidate {
        self.lives += 1;
        Candidate {
            election: Election::new(format!("life-{}", self.lives), NAME.to_owned(), terms()),
            clock,
            until: None,
            ours: None,
            waits_for: self.lives << 32,
        }
    }

    pub(super) fn after(&mut self, milliseconds: u64, event: Event) {
        let index = self.pending.len() as u64;
        self.pending.push(Some(event));
        self.events.push(Reverse((self.now + milliseconds, index)));
    }

    pub(super) fn run(&mut self, end: u64) {
        while let Some(Reverse((at, index))) = self.events.pop() {
            if at > end {
                return;
            }
            self.now = at;
            if let Some(event) = self.pending[usize::try_from(index).unwrap()].take() {
                self.handle(event);
            }
        }
    }

    fn fate(&mut self) -> Fate {
        self.next_fate += 1;
        self.fates[self.next_fate % self.fates.len()]
    }

    /// A candidate's own monotonic clock.
    fn local(&self, index: usize) -> Instant {
        self.base + Duration::from_millis(self.now * self.candidates[index].clock.rate / 1000)
    }

    fn wall(&self, index: usize) -> Timestamp {
        let skew = SignedDuration::from_secs(self.candidates[index].clock.skew);
        Timestamp::UNIX_EPOCH
            + SignedDuration::from_hours(24)
            + SignedDuration::from_millis(self.now.cast_signed())
            + skew
    }

    fn leads(&self, index: usize) -> bool {
        let local = self.local(index);
        self.candidates[index].until.is_some_and(|until| local < until)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Act(index) => self.act(index),
            Event::Arrive {
                from,
                ticket,
                request,
                back,
            } => self.arrive(from, ticket, request, back),
            Event::Answer {
                to,
                ticket,
                answer,
                sent,
            } => {
                if self.candidates[to].waits_for == ticket {
                    self.answered(to, answer.as_deref(), sent);
                }
            }
            Event::Meddle(meddling) => self.meddle(meddling),
        }
    }

    /// The candidate's turn, at its retry period: what the elector does.
    fn act(&mut self, index: usize) {
        let retry = u64::try_from(terms().retry_period.as_millis()).unwrap();
        let fate = self.fate();
        self.after(retry + fate.idle, Event::Act(index));
        // A claim that has ended is the end of the process.
        if self.candidates[index].until.is_some() && !self.leads(index) {
            return self.restart(index);
        }
        match self.candidates[index].ours.take() {
            None => self.send(index, Request::Get, fate),
            Some(ours) => self.decide(index, Some(&ours), fate),
        }
    }

    fn decide(&mut self, index: usize, lease: Option<&Lease>, fate: Fate) {
        let (sent, wall) = (self.local(index), self.wall(index));
        let (lease, creates) = match self.candidates[index].election.observe(lease, sent, wall) {
            LeaseStep::Wait => return,
            LeaseStep::StepDown => return self.restart(index),
            LeaseStep::Create(lease) => (lease, true),
            LeaseStep::Replace(lease) => (lease, false),
        };
        self.send(index, Request::Write { lease, creates, sent }, fate);
    }

    fn send(&mut self, from: usize, request: Request, fate: Fate) {
        self.candidates[from].waits_for += 1;
        let ticket = self.candidates[from].waits_for;
        if let Some(there) = fate.there {
            let back = fate.back;
            self.after(
                there,
                Event::Arrive {
                    from,
                    ticket,
                    request,
                    back,
                },
            );
        }
    }

    fn arrive(&mut self, to: usize, ticket: u64, request: Request, back: Option<u64>) {
        let (answer, sent) = match request {
            Request::Get => (self.lease.clone().map(Box::new), None),
            Request::Write { lease, creates, sent } => match self.write(*lease, creates) {
                Some(written) => (Some(Box::new(written)), Some(sent)),
                // Refused: the candidate looks again at its next turn.
                None => return,
            },
        };
        if let Some(back) = back {
            self.after(
                back,
                Event::Answer {
                    to,
                    ticket,
                    answer,
                    sent,
                },
            );
        }
    }

    /// As the API server does it; `None`: a conflict.
    fn write(&mut self, mut lease: Lease, creates: bool) -> Option<Lease> {
        let stored = self.lease.as_ref().map(|stored| &stored.metadata.resource_version);
        let fits = match stored {
            None => creates,
            Some(version) => !creates && *version == lease.metadata.resource_version,
        };
        if !fits {
            return None;
        }
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        lease
            .metadata
            .uid
            .get_or_insert_with(|| format!("uid-{}", self.version));
        self.lease = Some(lease.clone());
        Some(lease)
    }

    fn answered(&mut self, index: usize, answer: Option<&Lease>, sent: Option<Instant>) {
        let Some(sent) = sent else {
            let fate = self.fate();
            return self.decide(index, answer, fate);
        };
        let written = answer.unwrap();
        let until = self.candidates[index]
            .election
            .claimed_at(sent, written)
            .expect("a change");
        let candidate = &mut self.candidates[index];
        candidate.until = candidate.until.max(Some(until));
        candidate.ours = Some(written.clone());
        if self.leads(index) {
            self.claims += 1;
            let others = (0..self.candidates.len()).filter(|other| *other != index && self.leads(*other));
            assert_eq!(
                others.collect::<Vec<_>>(),
                [0_usize; 0],
                "beside {index} at {} ms",
                self.now
            );
        }
    }

    fn restart(&mut self, index: usize) {
        let clock = self.candidates[index].clock;
        self.candidates[index] = self.born(clock);
    }

    fn meddle(&mut self, meddling: Meddling) {
        match meddling {
            Meddling::Delete => self.lease = None,
            Meddling::Restart(index) => self.restart(index % self.candidates.len()),
            Meddling::End(index) => self.end(index % self.candidates.len()),
            Meddling::Blank | Meddling::Annotate => {
                let Some(mut lease) = self.lease.clone() else { return };
                if matches!(meddling, Meddling::Blank) {
                    lease.spec.get_or_insert_default().holder_identity = None;
                }
                let _ = self.write(lease, false);
            }
        }
    }

    /// SIGTERM: the claim is given up, then the Lease is given free.
    fn end(&mut self, index: usize) {
        let led = self.leads(index);
        let wall = self.wall(index);
        self.candidates[index].until = None;
        let free = match &self.lease {
            Some(lease) if led => self.candidates[index].election.released(lease, wall),
            _ => None,
        };
        if let Some(free) = free {
            let _ = self.write(free, false);
        }
        self.restart(index);
    }
}
