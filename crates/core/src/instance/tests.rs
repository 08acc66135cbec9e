//! The original and its copy, by hand and in random orders.

use proptest::prelude::*;

use super::*;

fn servers(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const OWNER: &str = "c/default";
const KEYS: &[u8] = b"keys";
const SHARED: &str = "000000010000000000000000";
const OTHER: &str = "000000020000000000000000";
const THIRD: &str = "000000030000000000000000";

/// Random bits of which the last ones are these.
fn fresh(nonce: u8) -> Fresh {
    Fresh::new([7; 32], [0, 0, 0, 0, 0, 0, 0, nonce])
}

fn original() -> Instance {
    let secret = fresh(0).secret;
    Instance::alone(SHARED.to_owned(), secret, servers(&["10.0.0.1:6443"]))
}

/// As an instance of the cluster writes it on these bytes.
fn labelled(mark: &str, bytes: &[u8]) -> &'static str {
    fresh(0).secret.label(OWNER, mark, bytes).leak()
}

fn seen(mark: Option<&str>) -> Seen<'static> {
    Seen {
        label: mark.map(|mark| labelled(mark, KEYS)),
        bytes: KEYS,
        trusted: true,
        diverted: false,
    }
}

/// Somebody who can merely write the object puts keys of his own there.
fn forged(label: Option<&str>) -> Seen<'_> {
    Seen {
        label,
        bytes: b"keys of nobody here",
        trusted: false,
        diverted: false,
    }
}

fn look<'a>(record: &'a Instance, servers: &'a BTreeSet<String>, mark: Option<&str>) -> Look<'a> {
    Look {
        federation: OWNER,
        record: Some(record),
        servers,
        continuous: false,
        seen: Some(seen(mark)),
        waited: false,
        claim: None,
    }
}

#[test]
fn an_ordinary_restart_goes_on_at_once_and_changes_nothing() {
    let record = original();
    let same = look(&record, &record.servers, Some(SHARED));
    assert_eq!(same.standing(), Standing::Alone);
    assert_eq!(same.judge(&fresh(1)), Move::Proceed(record.clone()));
    let unknown = BTreeSet::new();
    assert_eq!(
        look(&record, &unknown, Some(SHARED)).judge(&fresh(1)),
        Move::Proceed(record.clone())
    );
    let lost = look(&record, &record.servers, None);
    assert_eq!(
        lost.judge(&fresh(1)),
        Move::Proceed(record.clone()),
        "the mark is put back"
    );
}

#[test]
fn a_lost_record_is_made_anew_with_a_secret_of_its_own() {
    let servers = servers(&["10.0.0.1:6443"]);
    let lost = Look {
        record: None,
        ..look(&original(), &servers, Some(SHARED))
    }
    .judge(&fresh(1));
    let anew = lost.instance();
    assert!(lost.proceeds() && anew.secret == Some(fresh(1).secret) && is_after(&anew.mark, ""));
    assert_eq!(anew.servers, servers, "by which a copy is known");
}

#[test]
fn a_control_plane_that_is_replaced_server_by_server_is_the_same() {
    let record = original();
    let grown = servers(&["10.0.0.1:6443", "10.0.0.2:6443"]);
    let moved = Instance::alone(SHARED.to_owned(), fresh(0).secret, grown.clone());
    assert_eq!(
        look(&record, &grown, Some(SHARED)).judge(&fresh(1)),
        Move::Proceed(moved)
    );
    let all_new = servers(&["10.0.0.9:6443"]);
    let continuous = Look {
        continuous: true,
        ..look(&record, &all_new, Some(SHARED))
    };
    assert_eq!(
        continuous.judge(&fresh(1)),
        Move::Proceed(Instance::alone(SHARED.to_owned(), fresh(0).secret, all_new.clone()))
    );
}

#[test]
fn who_wakes_up_behind_other_servers_asks_first_and_goes_on_if_nobody_objects() {
    let (record, elsewhere) = (original(), servers(&["192.168.0.1:6443"]));
    let first = look(&record, &elsewhere, Some(SHARED));
    assert_eq!(first.standing(), Standing::Doubtful);
    let Move::Challenge(asking) = first.judge(&fresh(1)) else {
        panic!("not asked")
    };
    let asked = fresh(1).mark_after(SHARED);
    assert_eq!(asking.shown(), asked);
    assert_eq!(
        look(&asking, &elsewhere, Some(SHARED)).judge(&fresh(2)),
        Move::Challenge(asking.clone()),
        "not written"
    );
    let stands = look(&asking, &elsewhere, Some(&asked));
    assert_eq!(stands.judge(&fresh(2)), Move::Hold(asking.clone()));
    let silence = Look { waited: true, ..stands };
    assert_eq!(
        silence.judge(&fresh(2)),
        Move::Proceed(Instance::alone(asked.clone(), fresh(0).secret, elsewhere.clone()))
    );
}

#[test]
fn keys_that_another_instance_has_put_there_are_no_tampering_to_a_copy() {
    let (record, elsewhere) = (original(), servers(&["192.168.0.1:6443"]));
    let rotated: &[u8] = b"keys of the original";
    for (mark, stops) in [(SHARED, false), (OTHER, true)] {
        let theirs = Look {
            seen: Some(Seen {
                label: Some(labelled(mark, rotated)),
                ..forged(None)
            })
            .map(|seen| Seen { bytes: rotated, ..seen }),
            ..look(&record, &elsewhere, None)
        };
        let decided = theirs.judge(&fresh(1));
        let expected = if stops {
            matches!(decided, Move::Hold(_))
        } else {
            matches!(decided, Move::Challenge(_))
        };
        assert!(expected, "{decided:?}");
    }
}

#[test]
fn forged_keys_are_put_right_in_every_phase() {
    let rival = || OTHER.to_owned();
    let phases = [
        Phase::Challenging { challenge: rival() },
        Phase::Objecting { rival: rival() },
        Phase::Yielding { rival: rival() },
    ];
    let elsewhere = servers(&["192.168.0.1:6443"]);
    let stolen = labelled(THIRD, KEYS);
    let diverted = Seen {
        diverted: true,
        ..seen(Some(OTHER))
    };
    for phase in phases {
        let record = original().with(phase);
        for object in [forged(None), forged(Some("M2")), forged(Some(stolen)), diverted] {
            let decided = Look {
                seen: Some(object),
                waited: true,
                ..look(&record, &elsewhere, None)
            }
            .judge(&fresh(9));
            assert_eq!(decided, Move::Defend(record.clone()));
        }
    }
    let restarted = original();
    let doubtful = Look {
        seen: Some(forged(Some(stolen))),
        ..look(&restarted, &elsewhere, None)
    };
    assert!(matches!(doubtful.judge(&fresh(9)), Move::Defend(_)));
}

#[test]
fn a_mark_that_no_instance_wrote_or_that_was_there_before_is_no_contender() {
    let record = original();
    let now = Instance {
        mark: THIRD.to_owned(),
        ..record.clone()
    };
    let elsewhere = Fresh::new([8; 32], [0; 8]).secret;
    let others = elsewhere.label(OWNER, THIRD, KEYS);
    let moved = labelled(THIRD, b"other bytes");
    let bare = |label| Seen { label, ..seen(None) };
    for object in [
        bare(Some("M1")),
        bare(Some(THIRD)),
        bare(Some(&others)),
        bare(Some(moved)),
    ] {
        let decided = Look {
            seen: Some(object),
            ..look(&record, &record.servers, None)
        }
        .judge(&fresh(1));
        assert_eq!(decided, Move::Proceed(record.clone()), "{object:?}");
    }
    for old in [SHARED, OTHER] {
        let decided = look(&now, &now.servers, Some(old)).judge(&fresh(1));
        assert_eq!(decided, Move::Proceed(now.clone()), "{old}");
    }
    let objecting = now.with(Phase::Objecting {
        rival: OTHER.to_owned(),
    });
    for label in [
        Some("M2"),
        Some(labelled(SHARED, KEYS)),
        Some(labelled(OTHER, KEYS)),
        None,
    ] {
        let decided = Look {
            seen: Some(bare(label)),
            ..look(&objecting, &now.servers, None)
        }
        .judge(&fresh(1));
        assert_eq!(decided, Move::Defend(objecting.clone()), "{label:?}");
    }
}

#[test]
fn a_record_from_before_there_were_proofs_gets_a_secret() {
    let mut record = original();
    record.secret = None;
    let decided = look(&record, &record.servers, None).judge(&fresh(0));
    assert_eq!(decided, Move::Proceed(original()));
}

#[test]
fn who_was_here_first_objects_once_and_keeps_what_pods_live_from() {
    let record = original();
    let Move::Defend(objecting) = look(&record, &record.servers, Some(OTHER)).judge(&fresh(1)) else {
        panic!("not objected")
    };
    let objection = fresh(1).mark_after(OTHER);
    assert_eq!((objecting.shown(), objecting.contender()), (objection.as_str(), OTHER));
    for mark in [Some(objection.as_str()), Some(OTHER), None] {
        let next = look(&objecting, &record.servers, mark).judge(&fresh(2));
        assert_eq!(next, Move::Defend(objecting.clone()), "{mark:?}");
    }
}

#[test]
fn a_person_decides_and_each_claim_counts_once() {
    let (record, elsewhere) = (original(), servers(&["192.168.0.1:6443"]));
    let copy = record.with(Phase::Yielding {
        rival: OTHER.to_owned(),
    });
    let claimed = Look {
        claim: Some(OTHER),
        ..look(&copy, &elsewhere, Some(OTHER))
    };
    let Move::Proceed(rightful) = claimed.judge(&fresh(1)) else {
        panic!("not claimed")
    };
    let anew = fresh(1).mark_after(OTHER);
    assert_eq!((&rightful.mark, &rightful.phase), (&anew, &Phase::Alone));
    // The other one finds another mark than the one it objected to, and stops.
    let objecting = Instance {
        mark: OTHER.to_owned(),
        ..record.with(Phase::Objecting {
            rival: "000000010000000000000009".to_owned(),
        })
    };
    let next = look(&objecting, &record.servers, Some(&anew)).judge(&fresh(2));
    assert!(
        matches!(
            next,
            Move::Hold(Instance {
                phase: Phase::Yielding { .. },
                ..
            })
        ),
        "{next:?}"
    );
    let again = Look {
        claim: Some(OTHER),
        continuous: true,
        ..look(&rightful, &elsewhere, Some("000000090000000000000000"))
    };
    assert!(
        !again.judge(&fresh(4)).proceeds(),
        "the same claim does not count against another mark"
    );
}

/// One side of a split: what it has recorded, and whether its last look let it go on.
struct Side {
    record: Instance,
    servers: BTreeSet<String>,
    continuous: bool,
    since: Option<u32>,
    goes_on: bool,
    looked: u32,
}

impl Side {
    fn look(&mut self, object: &mut String, now: u32, wait: u32, nonce: u32, cut_off: bool) {
        let waited = self.since.is_some_and(|since| now - since >= wait);
        let decided = Look {
            federation: OWNER,
            record: Some(&self.record),
            servers: &self.servers,
            continuous: self.continuous,
            seen: Some(Seen {
                label: Some(object.as_str()),
                ..seen(None)
            }),
            waited,
            claim: None,
        }
        .judge(&Fresh::new([7; 32], (u64::from(nonce) << 8).to_be_bytes()));
        self.looked = now;
        self.record = decided.instance().clone();
        self.goes_on = decided.proceeds();
        self.continuous |= self.goes_on;
        // The record is saved first, and then the process may end.
        if cut_off {
            (self.continuous, self.since) = (false, None);
            return;
        }
        if matches!(decided, Move::Challenge(_) | Move::Defend(_)) {
            *object = self.record.label(OWNER, KEYS);
        }
        let asks = matches!(self.record.phase, Phase::Challenging { .. });
        self.since = asks.then(|| self.since.unwrap_or(now));
    }
}

proptest! {
    /// Both look at least once per `PERIOD`, at random moments, and may be cut off between the record and the object.
    #[test]
    fn the_copy_never_goes_on_while_the_original_lives(
        steps in prop::collection::vec((1_u32..5, any::<bool>(), prop::bool::weighted(0.1)), 1..200),
    ) {
        const PERIOD: u32 = 10;
        let mut object = original().label(OWNER, KEYS);
        let side = |addresses: &[&str], continuous| Side {
            record: original(), servers: servers(addresses), continuous, since: None, goes_on: continuous, looked: 0,
        };
        let mut sides = [side(&["10.0.0.1:6443"], true), side(&["192.168.0.1:6443"], false)];
        let mut now = 0;
        for (index, (pause, which, cut_off)) in steps.into_iter().enumerate() {
            now += pause;
            let [one, other] = &sides;
            let overdue = [now - one.looked >= PERIOD - 5, now - other.looked >= PERIOD - 5];
            let turn = match overdue {
                [true, _] => 0,
                [_, true] => 1,
                _ => usize::from(which),
            };
            // Who has to look by now is not cut off as well: that would be a look left out.
            let cut_off = cut_off && !overdue.contains(&true);
            sides[turn].look(&mut object, now, 2 * PERIOD, u32::try_from(index).unwrap(), cut_off);
            prop_assert!(!sides[1].goes_on, "the copy goes on at {now}");
        }
    }

    #[test]
    fn alone_behind_new_servers_work_goes_on_in_time(cut_offs in prop::collection::vec(any::<bool>(), 0..6)) {
        let mut object = original().label(OWNER, KEYS);
        let mut moved = Side {
            record: original(), servers: servers(&["192.168.0.1:6443"]), continuous: false, since: None, goes_on: false,
            looked: 0,
        };
        let ends = cut_offs.into_iter().chain(std::iter::repeat_n(false, 10));
        for (now, cut_off) in (0..).step_by(5).zip(ends) {
            moved.look(&mut object, now, 20, now, cut_off);
        }
        prop_assert!(moved.goes_on);
        prop_assert_eq!(moved.record.servers, servers(&["192.168.0.1:6443"]));
    }
}
