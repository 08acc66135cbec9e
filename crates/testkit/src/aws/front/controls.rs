//! Faults, throttles and outages that a test puts on the double: stop a service, slow it, throttle it, make calls fail.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::aws::wire::{AwsError, Service};

/// What happens to a call instead of, or besides, its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this error; nothing happens.
    ErrorBefore(AwsError),
    /// Everything happens, and then the caller is told this error.
    ErrorAfter(AwsError),
    /// Answered, but so much later (real time).
    Delay(Duration),
    /// Never answered; nothing happens; the connection stays open.
    Hang,
    /// Everything happens, and then there is no answer; the connection stays open.
    HangAfter,
    /// The connection is closed without an answer; nothing happens.
    CutBefore,
    /// Everything happens, and then the connection is closed without an answer.
    CutAfter,
}

/// A fault for the next `times` calls that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// `iam:CreateRole`; a `*` at the end stands for any rest (`iam:*`).
    pub operation: String,
    /// Only calls of this account.
    pub account: Option<String>,
    /// Only calls whose resource contains this text.
    pub resource: Option<String>,
    /// How many calls that match pass before the first that it hits.
    pub skip: usize,
    /// How many calls it hits before it is spent.
    pub times: usize,
    /// What happens.
    pub fault: Fault,
}

impl FaultRule {
    /// `fault` for the next `times` calls of `operation` by anybody.
    pub fn new(operation: &str, times: usize, fault: Fault) -> Self {
        Self {
            operation: operation.to_owned(),
            account: None,
            resource: None,
            skip: 0,
            times,
            fault,
        }
    }

    /// Not the first `skip` calls that match.
    #[must_use]
    pub const fn after(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Only calls whose resource contains `text`.
    #[must_use]
    pub fn on(mut self, text: &str) -> Self {
        self.resource = Some(text.to_owned());
        self
    }

    fn matches(&self, operation: &str, account: Option<&str>, resource: &str) -> bool {
        let named = match self.operation.strip_suffix('*') {
            Some(prefix) => operation.starts_with(prefix),
            None => operation == self.operation,
        };
        named
            && self.times > 0
            && self.account.as_deref().is_none_or(|wanted| account == Some(wanted))
            && self.resource.as_deref().is_none_or(|text| resource.contains(text))
    }
}

/// A token bucket per account: `burst` calls at once, then `per_second`.
///
/// AWS publishes neither number [reference 2.4]; a test sets the ones it wants to see handled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Throttle {
    /// Calls per second of the double's time that are refilled.
    pub per_second: f64,
    /// Calls at once.
    pub burst: f64,
}

#[derive(Debug, Default)]
struct Inner {
    latency: BTreeMap<Service, Duration>,
    throttles: BTreeMap<Service, Throttle>,
    buckets: HashMap<(Service, String), (f64, Timestamp)>,
    /// Each with how many calls it has hit.
    faults: Vec<(FaultRule, usize)>,
}

/// The switches, shared by the front and the test.
#[derive(Debug)]
pub(crate) struct Controls {
    stopped: watch::Sender<BTreeSet<Service>>,
    inner: Mutex<Inner>,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            stopped: watch::Sender::new(BTreeSet::new()),
            inner: Mutex::default(),
        }
    }
}

impl Controls {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stop(&self, service: Service) {
        self.stopped.send_modify(|stopped| {
            stopped.insert(service);
        });
    }

    pub(crate) fn start(&self, service: Service) {
        self.stopped.send_modify(|stopped| {
            stopped.remove(&service);
        });
    }

    pub(crate) fn is_stopped(&self, service: Service) -> bool {
        self.stopped.borrow().contains(&service)
    }

    /// Returns once the service is stopped.
    pub(crate) async fn until_stopped(&self, service: Service) {
        let mut stopped = self.stopped.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = stopped.wait_for(|stopped| stopped.contains(&service)).await;
    }

    pub(crate) fn set_latency(&self, service: Service, latency: Duration) {
        self.inner().latency.insert(service, latency);
    }

    pub(crate) fn latency(&self, service: Service) -> Duration {
        self.inner().latency.get(&service).copied().unwrap_or_default()
    }

    pub(crate) fn set_throttle(&self, service: Service, throttle: Option<Throttle>) {
        let mut inner = self.inner();
        if let Some(throttle) = throttle {
            // A bucket that is there keeps what is in it, as far as it holds that.
            inner.throttles.insert(service, throttle);
        } else {
            inner.buckets.retain(|(of, _), _| *of != service);
            inner.throttles.remove(&service);
        }
    }

    /// Takes one token of the account's bucket; false when there is none.
    pub(crate) fn admit(&self, service: Service, account: &str, now: Timestamp) -> bool {
        let mut inner = self.inner();
        let Some(throttle) = inner.throttles.get(&service).copied() else {
            return true;
        };
        let (tokens, since) = inner
            .buckets
            .entry((service, account.to_owned()))
            .or_insert((throttle.burst, now));
        let elapsed = now.duration_since(*since).max(SignedDuration::ZERO).as_secs_f64();
        *tokens = (*tokens + elapsed * throttle.per_second).min(throttle.burst);
        *since = now;
        let admitted = *tokens >= 1.0;
        if admitted {
            *tokens -= 1.0;
        }
        admitted
    }

    pub(crate) fn add_fault(&self, rule: FaultRule) {
        self.inner().faults.push((rule, 0));
    }

    pub(crate) fn faults_unmet(&self) -> usize {
        self.inner().faults.iter().filter(|(_, hits)| *hits == 0).count()
    }

    pub(crate) fn clear_faults(&self) {
        self.inner().faults.clear();
    }

    /// The fault that hits this call, if any; it is spent by one.
    pub(crate) fn take_fault(&self, operation: &str, account: Option<&str>, resource: &str) -> Option<Fault> {
        let mut inner = self.inner();
        let at = inner.faults.iter_mut().position(|(rule, _)| {
            let matches = rule.matches(operation, account, resource);
            let now = matches && rule.skip == 0;
            if matches && !now {
                rule.skip -= 1;
            }
            now
        })?;
        let (rule, hits) = inner.faults.get_mut(at)?;
        rule.times -= 1;
        *hits += 1;
        Some(rule.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_refills_by_time_and_belongs_to_one_account() {
        let controls = Controls::default();
        controls.set_throttle(
            Service::Iam,
            Some(Throttle {
                per_second: 2.0,
                burst: 2.0,
            }),
        );
        let start = Timestamp::UNIX_EPOCH;
        let later = start + SignedDuration::from_millis(500);
        assert!(controls.admit(Service::Iam, "a", start));
        assert!(controls.admit(Service::Iam, "a", start));
        assert!(!controls.admit(Service::Iam, "a", start), "burst is two");
        assert!(controls.admit(Service::Iam, "b", start), "another account has its own");
        assert!(
            controls.admit(Service::Sts, "a", start),
            "another service is not throttled"
        );
        assert!(controls.admit(Service::Iam, "a", later), "half a second refills one");
        assert!(!controls.admit(Service::Iam, "a", later));
    }

    #[test]
    fn a_bucket_whose_size_changes_keeps_what_is_in_it_and_one_that_is_lifted_does_not() {
        let controls = Controls::default();
        let size = |burst| Throttle { per_second: 1.0, burst };
        let taken = |controls: &Controls| {
            let at_once = (0..9).filter(|_| controls.admit(Service::Iam, "a", Timestamp::UNIX_EPOCH));
            at_once.count()
        };
        controls.set_throttle(Service::Iam, Some(size(5.0)));
        assert!(controls.admit(Service::Iam, "a", Timestamp::UNIX_EPOCH));
        controls.set_throttle(Service::Iam, Some(size(8.0)));
        assert_eq!(taken(&controls), 4);
        controls.set_throttle(Service::Iam, None);
        controls.set_throttle(Service::Iam, Some(size(3.0)));
        assert_eq!(taken(&controls), 3);
        controls.set_throttle(Service::Iam, Some(size(2.0)));
        assert_eq!(taken(&controls), 0);
    }

    #[test]
    fn a_fault_hits_the_calls_it_names_and_is_spent() {
        let controls = Controls::default();
        controls.add_fault(FaultRule::new("iam:Create*", 1, Fault::Hang).on("app"));
        assert_eq!(controls.take_fault("iam:GetRole", None, "app"), None);
        assert_eq!(controls.take_fault("iam:CreateRole", None, "other"), None);
        assert_eq!(controls.take_fault("iam:CreateRole", None, "app"), Some(Fault::Hang));
        assert_eq!(controls.take_fault("iam:CreateRole", None, "app"), None);
        controls.add_fault(FaultRule::new("iam:Create*", 1, Fault::Hang).on("app").after(1));
        assert_eq!(controls.take_fault("iam:CreateRole", None, "other"), None);
        assert_eq!(
            controls.take_fault("iam:CreateRole", None, "app"),
            None,
            "lets one pass"
        );
        assert_eq!(controls.take_fault("iam:CreateRole", None, "app"), Some(Fault::Hang));
    }
}
