//! The method by which one account's roles are checked (listings, or one by one), and what it costs.

use std::{fmt, time::Duration};

use crate::vocabulary::Reason;

/// Where a role cannot be compared in full from listings, it is read by itself at least this often.
const DEEP_READ_WITHIN: Duration = Duration::from_hours(6);
/// So many roles are read by themselves in each interval at the least: few roles are as well watched as with an inventory.
const DEEP_READS_PER_INTERVAL: u32 = 20;
/// How many times as many roles as ours an account may have to be listed whole.
const TIMES_OURS: usize = 5;
/// An account with no more roles than this is listed whole however few of them are ours: it is a page or two.
const SMALL_ACCOUNT: usize = 1_000;

/// The largest account, in roles, that is worth listing whole for the sake of `ours` of them.
pub fn largest_account(ours: usize) -> usize {
    ours.saturating_mul(TIMES_OURS).max(SMALL_ACCOUNT)
}

/// How roles are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// All of them in full, in each interval, from two listings.
    Inventory,
    /// Trust, description and session duration from one listing; the rest of each role now and then by itself.
    Rolling(Because),
    /// Each by itself: nothing may be listed.
    Each(Because),
}

/// Why there is no inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// A listing is not permitted; the sentence names the action.
    Denied(String),
    /// The account has far more roles than ours.
    LargeAccount,
}

impl Because {
    /// The reason that conditions carry.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Denied(_) => Reason::AccessDenied,
            Self::LargeAccount => Reason::LargeAccount,
        }
    }
}

impl Method {
    /// How old the last reading of a role by itself may be, for `ours` roles that are checked once per `interval`.
    pub fn deep_read_every(&self, ours: usize, interval: Duration) -> Duration {
        match self {
            Self::Inventory | Self::Each(_) => interval,
            Self::Rolling(_) => {
                let intervals = u32::try_from(ours)
                    .unwrap_or(u32::MAX)
                    .div_ceil(DEEP_READS_PER_INTERVAL);
                interval
                    .saturating_mul(intervals.max(1))
                    .min(DEEP_READ_WITHIN.max(interval))
            }
        }
    }

    /// Why roles are not all compared in full in each interval, and what to do: for a condition. `None` where they are.
    pub fn shortcoming(&self, ours: usize, interval: Duration) -> Option<Shortcoming<'_>> {
        let because = match self {
            Self::Inventory => return None,
            Self::Rolling(because) | Self::Each(because) => because,
        };
        Some(Shortcoming {
            method: self,
            because,
            every: self.deep_read_every(ours, interval),
        })
    }
}

/// What a check lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortcoming<'a> {
    method: &'a Method,
    /// Why.
    pub because: &'a Because,
    every: Duration,
}

impl fmt::Display for Shortcoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.because {
            Because::Denied(action) => write!(f, "{action} is not permitted (docs/iam-policy.md), so ")?,
            Because::LargeAccount => f.write_str("The account has far more roles than ours, so ")?,
        }
        match self.method {
            Method::Each(_) => f.write_str("each role is read by itself in each interval."),
            _ => write!(
                f,
                "policies, boundary and tags of each role are compared once in {} min; trust, description and session \
                 duration in each interval.",
                self.every.as_secs() / 60
            ),
        }
    }
}
