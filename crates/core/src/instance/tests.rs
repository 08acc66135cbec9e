//! The original and its copy, by hand and in random orders.

use proptest::prelude::*;

use super::*;

fn servers(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn original() -> Instance {
    Instance::alone("shared".to_owned(), servers(&["10.0.0.1:6443"]))
}

fn look<'a>(record: &'a Instance, servers: &'a BTreeSet<String>, mark: Option<&'a str>) -> Look<'a> {
    Look {
        record: Some(record),
        servers,
        continuous: false,
        seen: Some(Seen { mark, trusted: true }),
        waited: false,
        claim: None,
    }
}

#[test]
fn an_ordinary_restart_goes_on_at_once_and_changes_nothing() {
    let record = original();
    let same = look(&record, &record.servers, Some("shared"));
    assert_eq!(same.standing(), Standing::Alone);
    assert_eq!(same.judge("shared", "fresh"), Move::Proceed(record.clone()));
    let unknown = BTreeSet::new();
    assert_eq!(
        look(&record, &unknown, Some("shared")).judge("shared", "fresh"),
        Move::Proceed(record.clone())
    );
    let lost = look(&record, &record.servers, None);
    assert_eq!(
        lost.judge("shared", "fresh"),
        Move::Proceed(record.clone()),
        "the mark is put back"
    );
}

#[test]
fn a_lost_record_is_made_anew_with_the_first_mark() {
    let servers = servers(&["10.0.0.1:6443"]);
    let lost = Look {
        record: None,
        ..look(&original(), &servers, Some("shared"))
    }
    .judge("shared", "fresh");
    assert_eq!(lost, Move::Proceed(original()));
}

#[test]
fn a_control_plane_that_is_replaced_server_by_server_is_the_same() {
    let record = original();
    let grown = servers(&["10.0.0.1:6443", "10.0.0.2:6443"]);
    let moved = Instance::alone("shared".to_owned(), grown.clone());
    assert_eq!(
        look(&record, &grown, Some("shared")).judge("shared", "fresh"),
        Move::Proceed(moved)
    );
    let all_new = servers(&["10.0.0.9:6443"]);
    let continuous = Look {
        continuous: true,
        ..look(&record, &all_new, Some("shared"))
    };
    assert_eq!(
        continuous.judge("shared", "fresh"),
        Move::Proceed(Instance::alone("shared".to_owned(), all_new.clone()))
    );
}

#[test]
fn who_wakes_up_behind_other_servers_asks_first_and_goes_on_if_nobody_objects() {
    let (record, elsewhere) = (original(), servers(&["192.168.0.1:6443"]));
    let first = look(&record, &elsewhere, Some("shared"));
    assert_eq!(first.standing(), Standing::Doubtful);
    let Move::Challenge(asking) = first.judge("shared", "fresh") else {
        panic!("not asked")
    };
    assert_eq!(asking.shown(), "fresh");
    assert_eq!(
        look(&asking, &elsewhere, Some("shared")).judge("shared", "f2"),
        Move::Challenge(asking.clone()),
        "not written"
    );
    let stands = look(&asking, &elsewhere, Some("fresh"));
    assert_eq!(stands.judge("shared", "f2"), Move::Hold(asking.clone()));
    let silence = Look { waited: true, ..stands };
    assert_eq!(
        silence.judge("shared", "f2"),
        Move::Proceed(Instance::alone("fresh".to_owned(), elsewhere.clone()))
    );
}

#[test]
fn a_copy_with_keys_of_its_own_takes_nothing_for_tampering() {
    let (record, elsewhere) = (original(), servers(&["192.168.0.1:6443"]));
    for mark in [Some("shared"), None, Some("another")] {
        let foreign = Look {
            seen: Some(Seen { mark, trusted: false }),
            ..look(&record, &elsewhere, None)
        };
        assert!(!foreign.judge("shared", "fresh").proceeds(), "{mark:?}");
    }
}

#[test]
fn who_was_here_first_objects_once_and_keeps_what_pods_live_from() {
    let record = original();
    let Move::Defend(objecting) = look(&record, &record.servers, Some("challenge")).judge("shared", "fresh") else {
        panic!("not objected")
    };
    assert_eq!((objecting.shown(), objecting.contender()), ("fresh", "challenge"));
    for mark in [Some("fresh"), Some("challenge"), None] {
        let next = look(&objecting, &record.servers, mark).judge("shared", "f2");
        assert_eq!(next, Move::Defend(objecting.clone()), "{mark:?}");
    }
    // Forged keys under a strange mark are put right, whoever put them there.
    let forged = Look {
        seen: Some(Seen {
            mark: Some("strange"),
            trusted: false,
        }),
        ..look(&record, &record.servers, None)
    };
    assert_eq!(forged.judge("shared", "fresh"), Move::Proceed(record.clone()));
    let forged_later = Look {
        record: Some(&objecting),
        ..forged
    };
    assert_eq!(forged_later.judge("shared", "f2"), Move::Defend(objecting.clone()));
}

#[test]
fn a_person_decides_and_each_claim_counts_once() {
    let (record, elsewhere) = (original(), servers(&["192.168.0.1:6443"]));
    let copy = record.with(Phase::Yielding {
        rival: "objection".to_owned(),
    });
    let claimed = Look {
        claim: Some("objection"),
        ..look(&copy, &elsewhere, Some("objection"))
    };
    let Move::Proceed(rightful) = claimed.judge("shared", "fresh") else {
        panic!("not claimed")
    };
    assert_eq!((rightful.mark.as_str(), &rightful.phase), ("fresh", &Phase::Alone));
    // The other one finds another mark than the one it objected to, and stops.
    let objecting = Instance {
        mark: "objection".to_owned(),
        ..record.with(Phase::Objecting {
            rival: "challenge".to_owned(),
        })
    };
    let next = look(&objecting, &record.servers, Some("fresh")).judge("shared", "f2");
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
        claim: Some("objection"),
        continuous: true,
        ..look(&rightful, &elsewhere, Some("f3"))
    };
    assert!(
        !again.judge("shared", "f4").proceeds(),
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
    fn look(&mut self, object: &mut String, now: u32, wait: u32, fresh: &str, cut_off: bool) {
        let waited = self.since.is_some_and(|since| now - since >= wait);
        let decided = Look {
            record: Some(&self.record),
            servers: &self.servers,
            continuous: self.continuous,
            seen: Some(Seen {
                mark: Some(object.as_str()),
                trusted: true,
            }),
            waited,
            claim: None,
        }
        .judge("shared", fresh);
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
            self.record.shown().clone_into(object);
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
        let mut object = "shared".to_owned();
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
            sides[turn].look(&mut object, now, 2 * PERIOD, &format!("f{index}"), cut_off);
            prop_assert!(!sides[1].goes_on, "the copy goes on at {now}");
        }
    }

    #[test]
    fn alone_behind_new_servers_work_goes_on_in_time(cut_offs in prop::collection::vec(any::<bool>(), 0..6)) {
        let mut object = "shared".to_owned();
        let mut moved = Side {
            record: original(), servers: servers(&["192.168.0.1:6443"]), continuous: false, since: None, goes_on: false,
            looked: 0,
        };
        let ends = cut_offs.into_iter().chain(std::iter::repeat_n(false, 10));
        for (now, cut_off) in (0..).step_by(5).zip(ends) {
            moved.look(&mut object, now, 20, &format!("f{now}"), cut_off);
        }
        prop_assert!(moved.goes_on);
        prop_assert_eq!(moved.record.servers, servers(&["192.168.0.1:6443"]));
    }
}
