//! Whatever the API servers do, no key goes before its time, and a revoked one is never there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{KeyRecord, Observation, advance};
use crate::jwks::{KeySet, PublicKey, Thumbprint, samples::numbered};

const RETAIN: i64 = 1000;

/// One pass: what each of two servers serves, `None` when it does not answer, what is announced, and the seconds since
/// the pass before.
type Pass = (Option<BTreeSet<u8>>, Option<BTreeSet<u8>>, BTreeSet<u8>, i64);

fn passes() -> impl Strategy<Value = Vec<Pass>> {
    let server = prop::option::weighted(0.8, prop::collection::btree_set(0_u8..5, 1..4));
    let announced = prop::collection::btree_set(0_u8..7, 0..3);
    prop::collection::vec((server.clone(), server, announced, 1_i64..700), 1..25)
}

proptest! {
    #[test]
    fn every_key_served_within_the_retention_is_published_and_no_revoked_one(
        passes in passes(), leaked in prop::collection::btree_set(0_u8..5, 0..3),
    ) {
        let revoked: BTreeSet<Thumbprint> = leaked.iter().map(|number| numbered(*number).thumbprint().clone()).collect();
        let mut record: Option<KeyRecord> = None;
        let mut now = 1_700_000_000;
        // Announced ones only once there is a key of the cluster's own.
        let mut last_served: BTreeMap<u8, i64> = BTreeMap::new();
        for (one, other, announced, seconds) in passes {
            now += seconds;
            let answers: Vec<&BTreeSet<u8>> = [&one, &other].into_iter().flatten().collect();
            for number in answers.iter().copied().flatten() {
                last_served.insert(*number, now);
            }
            if !last_served.is_empty() {
                last_served.extend(announced.iter().map(|number| (*number, now)));
            }
            let additional: Vec<PublicKey> = announced.iter().map(|number| numbered(*number)).collect();
            let served: Vec<KeySet> =
                answers.iter().map(|numbers| KeySet::of(numbers.iter().map(|n| numbered(*n))).unwrap()).collect();
            let result = advance(&Observation {
                cluster: "c",
                record: record.as_ref(),
                served: &served,
                all_answered: one.is_some() && other.is_some(),
                published: None,
                known: &BTreeSet::new(),
                additional: &additional,
                revoked: &revoked,
                retain_for: SignedDuration::from_secs(RETAIN),
                now: Timestamp::from_second(now).unwrap(),
            });
            let Ok(advance) = result else {
                let all_revoked = last_served.keys().all(|number| revoked.contains(numbered(*number).thumbprint()));
                prop_assert!(all_revoked, "nothing to publish although good keys were served");
                continue;
            };
            let published: BTreeSet<&str> = advance.published.keys().iter().map(crate::jwks::PublicKey::kid).collect();
            for (number, served_at) in &last_served {
                let kid = format!("key-{number}");
                if revoked.contains(numbered(*number).thumbprint()) {
                    prop_assert!(!published.contains(kid.as_str()), "{kid} is revoked");
                } else if now - served_at < RETAIN {
                    prop_assert!(published.contains(kid.as_str()), "{kid} went {} s early", RETAIN - (now - served_at));
                }
            }
            for kid in published {
                prop_assert!(last_served.keys().any(|number| kid == format!("key-{number}")), "{kid} was never served");
            }
            record = Some(advance.record);
        }
    }
}
