//! Moments as gauges: of many objects the one that has waited longest, in seconds since 1970.
//!
//! A moment stands still while the age that it tells of grows, so nothing has to be counted up: `time() - …` in the rule
//! does. What no object has is not exposed at all, for 0 would be an age of half a century.

use std::{collections::BTreeMap, fmt, sync::Arc};

use irsa_pipeline::object::ObjectKind;
use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::Unit,
};

use super::labels::{KindLabel, KindLabels, PassLabels, PassResult};
use crate::memory::Locked;

/// What a moment is about. The order is that of the exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Moment {
    /// The oldest live key of a federation was first seen.
    OldestKey,
    /// The newest live key of a federation was first seen.
    NewestKey,
    /// A retained key goes.
    Retirement,
    /// Everybody could last read a federation's documents as they must be.
    PublicRead,
    /// The first of the passes over an object that have not succeeded since.
    Unreconciled(ObjectKind, PassResult),
    /// The next pass over an object is due.
    Due(ObjectKind),
}

/// One family of them: how it is exposed, and which moments belong to it.
struct MomentFamily {
    name: &'static str,
    help: &'static str,
    has: fn(Moment) -> bool,
}

const FAMILIES: [MomentFamily; 6] = [
    MomentFamily {
        name: "oldest_live_key_timestamp",
        help: "When the oldest signing key that an API server serves was first seen",
        has: |moment| moment == Moment::OldestKey,
    },
    MomentFamily {
        name: "newest_live_key_timestamp",
        help: "When the newest signing key that an API server serves was first seen; of several federations, the one \
               that got its newest key longest ago",
        has: |moment| moment == Moment::NewestKey,
    },
    MomentFamily {
        name: "next_key_retirement_timestamp",
        help: "When the next retained signing key is taken out of the documents",
        has: |moment| moment == Moment::Retirement,
    },
    MomentFamily {
        name: "public_read_timestamp",
        help: "When everybody could last read the documents as they must be; of several federations, the one that was \
               last read so longest ago",
        has: |moment| moment == Moment::PublicRead,
    },
    MomentFamily {
        name: "unreconciled_since_timestamp",
        help: "The first of the passes that have not succeeded since, of the object that has waited longest, by how its \
               last pass ended",
        has: |moment| matches!(moment, Moment::Unreconciled(..)),
    },
    MomentFamily {
        name: "next_pass_due_timestamp",
        help: "When the object that is due first should be looked at; in the past while it waits for its turn",
        has: |moment| matches!(moment, Moment::Due(_)),
    },
];

/// The moments of all objects. Cheap to clone; all clones are one.
///
/// # Guarantees
/// A change costs the logarithm of the number of objects, an exposition nothing that grows with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments(Arc<Locked<BTreeMap<Moment, BTreeMap<Timestamp, usize>>>>);

impl Moments {
    /// An object's moments are no longer `before` but `after`.
    pub(super) fn replace(
        &self,
        before: impl Iterator<Item = (Moment, Timestamp)>,
        after: impl Iterator<Item = (Moment, Timestamp)>,
    ) {
        let mut all = self.0.lock();
        for (moment, at) in before {
            if let Some(times) = all.get_mut(&moment)
                && let Some(count) = times.get_mut(&at)
            {
                *count -= 1;
                if *count == 0 {
                    times.remove(&at);
                }
            }
        }
        for (moment, at) in after {
            *all.entry(moment).or_default().entry(at).or_default() += 1;
        }
    }
}

impl Collector for Moments {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let all = self.0.lock();
        for family in &FAMILIES {
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, Some(&Unit::Seconds), MetricType::Gauge)?;
            for (moment, times) in all.iter().filter(|(moment, _)| (family.has)(**moment)) {
                let Some((first, _)) = times.first_key_value() else {
                    continue;
                };
                let gauge = ConstGauge::new(first.as_second());
                match *moment {
                    Moment::Unreconciled(kind, result) => {
                        gauge.encode(metric.encode_family(&PassLabels {
                            kind: KindLabel(kind),
                            result,
                        })?)?;
                    }
                    Moment::Due(kind) => gauge.encode(metric.encode_family(&KindLabels::of(kind))?)?,
                    Moment::OldestKey | Moment::NewestKey | Moment::Retirement | Moment::PublicRead => {
                        // A family of one, without labels.
                        gauge.encode(metric)?;
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}
