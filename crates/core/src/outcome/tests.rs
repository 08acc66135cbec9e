use super::*;

const ASPECTS: &[ConditionType] = &[ConditionType::IssuerMatched, ConditionType::Published];
const INTERVAL: SignedDuration = SignedDuration::from_mins(10);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

struct Story {
    conditions: Vec<Condition>,
    generation: i64,
    last_good: Timestamp,
    now: Timestamp,
}

impl Story {
    fn new() -> Self {
        Self {
            conditions: Vec::new(),
            generation: 1,
            last_good: at(0),
            now: at(0),
        }
    }

    fn pass(&mut self, reason: Reason) -> &mut Self {
        self.pass_with(&Outcome::new(reason, format!("because {reason}")))
    }

    fn pass_with(&mut self, outcome: &Outcome) -> &mut Self {
        self.conditions = conclude(
            outcome,
            &Circumstances {
                previous: &self.conditions,
                aspects: ASPECTS,
                generation: self.generation,
                last_good: self.last_good,
                interval: INTERVAL,
                now: self.now,
            },
        );
        if outcome.reason == Reason::Succeeded {
            self.last_good = self.now;
        }
        self.check_rules();
        self
    }

    fn get(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind.as_str())
    }

    fn ready(&self) -> (Status, &str) {
        let ready = self.get(ConditionType::Ready).unwrap();
        (ready.status, ready.reason.as_str())
    }

    fn flag(&self) -> Option<&str> {
        self.conditions
            .iter()
            .map(|condition| condition.kind.as_str())
            .find(|kind| ["Reconciling", "Stalled"].contains(kind))
    }

    /// The rules that hold for every status ever written.
    fn check_rules(&self) {
        let count = |kind: &str| {
            self.conditions
                .iter()
                .filter(|condition| condition.kind == kind)
                .count()
        };
        assert_eq!(count("Ready"), 1);
        assert!(count("Reconciling") + count("Stalled") <= 1, "{:?}", self.conditions);
        for flag in ["Reconciling", "Stalled"] {
            let condition = self.conditions.iter().find(|condition| condition.kind == flag);
            assert!(condition.is_none_or(|condition| condition.status == Status::True));
        }
        if self.ready().0 == Status::False {
            assert!(
                self.flag().is_some(),
                "Ready=False without Reconciling or Stalled: {:?}",
                self.conditions
            );
        }
        for aspect in ASPECTS {
            assert_eq!(count(aspect.as_str()), 1);
        }
    }
}

#[test]
fn the_first_touch_is_unknown_and_reconciling_with_every_aspect_present() {
    let mut story = Story::new();
    story.pass(Reason::Progressing);
    assert_eq!(story.ready(), (Status::Unknown, "Progressing"));
    assert_eq!(story.flag(), Some("Reconciling"));
    assert_eq!(story.get(ConditionType::Published).unwrap().status, Status::Unknown);
}

#[test]
fn an_aspect_that_nobody_has_looked_at_says_whether_somebody_will() {
    let mut begun = Story::new();
    begun.pass(Reason::Progressing);
    let mut ended = Story::new();
    ended.pass(Reason::InvalidSpec);
    let reason = |story: &Story| story.get(ConditionType::Published).unwrap().reason.clone();
    assert_eq!(
        (reason(&begun).as_str(), reason(&ended).as_str()),
        ("Progressing", "NotChecked")
    );
}

#[test]
fn every_reason_obeys_the_rules_from_every_earlier_status() {
    for first in Reason::ALL {
        for second in Reason::ALL {
            for third in Reason::ALL {
                Story::new().pass(*first).pass(*second).pass(*third);
            }
        }
    }
}

#[test]
fn the_class_decides_about_a_fresh_object() {
    for reason in Reason::ALL {
        let mut story = Story::new();
        story.pass(*reason);
        let expected = match reason.class() {
            Class::Stalled => (Status::False, Some("Stalled")),
            Class::Wait | Class::Retry => (Status::False, Some("Reconciling")),
            Class::Settling => (Status::Unknown, Some("Reconciling")),
            Class::Done if *reason == Reason::Suspended => (Status::Unknown, None),
            Class::Done => (Status::True, None),
        };
        assert_eq!((story.ready().0, story.flag()), expected, "{reason}");
    }
}

#[test]
fn settling_keeps_ready_after_the_first_success() {
    let mut story = Story::new();
    story.pass(Reason::Succeeded).pass(Reason::Propagating);
    assert_eq!(story.ready(), (Status::True, "Succeeded"));
    assert_eq!(story.flag(), Some("Reconciling"));
}

#[test]
fn our_own_trouble_leaves_a_healthy_object_ready_until_the_last_good_check_is_too_old() {
    let mut story = Story::new();
    story.pass(Reason::Succeeded);
    let ready = story.get(ConditionType::Ready).cloned();
    story.now = at(30 * 60);
    story.pass(Reason::Throttled);
    assert_eq!(story.get(ConditionType::Ready).cloned(), ready);
    assert_eq!(story.flag(), None);

    story.now = at(30 * 60 + 1);
    story.pass(Reason::Throttled);
    assert_eq!(story.ready(), (Status::Unknown, "Unconfirmed"));
    assert_eq!(story.flag(), Some("Reconciling"));

    story.pass(Reason::AwsUnavailable);
    assert_eq!(story.ready(), (Status::Unknown, "Unconfirmed"));
    story.pass(Reason::Succeeded);
    assert_eq!(story.ready(), (Status::True, "Succeeded"));
    assert_eq!(story.flag(), None);
}

#[test]
fn a_new_generation_that_cannot_be_applied_shows_as_reconciling() {
    let mut story = Story::new();
    story.pass(Reason::Succeeded);
    story.generation = 2;
    story.pass(Reason::Throttled);
    assert_eq!(story.ready(), (Status::True, "Succeeded"));
    assert_eq!(story.flag(), Some("Reconciling"));
    assert_eq!(story.get(ConditionType::Ready).unwrap().observed_generation, 2);
}

#[test]
fn a_repeated_pass_over_an_unchanged_world_concludes_to_equal_conditions() {
    for reason in Reason::ALL {
        let mut story = Story::new();
        story.pass(*reason).pass(*reason);
        let settled = story.conditions.clone();
        story.now = at(5);
        story.pass(*reason);
        assert_eq!(story.conditions, settled, "{reason}");
    }
}

#[test]
fn the_transition_time_moves_on_a_flip_only() {
    let mut story = Story::new();
    story.pass(Reason::AccessDenied);
    story.now = at(60);
    story.pass(Reason::QuotaExceeded);
    assert_eq!(story.get(ConditionType::Ready).unwrap().last_transition, at(0));
    story.now = at(120);
    story.pass(Reason::Succeeded);
    assert_eq!(story.get(ConditionType::Ready).unwrap().last_transition, at(120));
}

#[test]
fn suspending_keeps_ready_and_an_edit_while_suspended_makes_it_unknown() {
    let mut story = Story::new();
    story.pass(Reason::Succeeded);
    story.generation = 2;
    story.pass(Reason::Suspended);
    assert_eq!(story.ready(), (Status::True, "Suspended"));
    assert_eq!(story.flag(), None);
    story.generation = 3;
    story.pass(Reason::Suspended);
    assert_eq!(story.ready(), (Status::Unknown, "Suspended"));
    story.pass(Reason::Suspended);
    assert_eq!(story.ready(), (Status::Unknown, "Suspended"));
}

#[test]
fn suspending_a_stalled_object_keeps_it_stalled() {
    let mut story = Story::new();
    story.pass(Reason::ForeignRole);
    story.generation = 2;
    story.pass(Reason::Suspended);
    assert_eq!(story.ready(), (Status::False, "Suspended"));
    assert_eq!(story.flag(), Some("Stalled"));
}

/// A pass that found both aspects good.
fn good() -> Outcome {
    let outcome = Outcome::new(Reason::Succeeded, "ok");
    ASPECTS
        .iter()
        .fold(outcome, |outcome, kind| outcome.with(Aspect::holds(*kind, "good")))
}

#[test]
fn an_aspect_that_an_early_end_left_out_is_unknown_whatever_was_said_of_it_before() {
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::Succeeded) {
        for before in [Aspect::holds(ConditionType::Published, "there"), {
            Aspect::fails(ConditionType::Published, Reason::BucketShared, "theirs")
        }] {
            let mut story = Story::new();
            story.pass_with(&Outcome::new(Reason::Succeeded, "ok").with(before.clone()));
            story.pass(*reason);
            let published = story.get(ConditionType::Published).unwrap();
            assert_eq!(published.status, Status::Unknown, "{reason}");
            assert_ne!(published.message, before.message, "{reason}");
        }
    }
}

#[test]
fn what_an_earlier_pass_confirmed_stands_where_nothing_has_changed() {
    let mut story = Story::new();
    story.pass_with(&good());
    let before = story.get(ConditionType::Published).cloned();
    let waits = Outcome {
        others: Others::Stand,
        ..Outcome::new(Reason::IssuerMismatch, "flags")
    };
    story.pass_with(&waits);
    assert_eq!(story.get(ConditionType::Published).cloned(), before);
    story.pass(Reason::Succeeded);
    assert_eq!(story.get(ConditionType::Published).cloned(), before);
}

#[test]
fn one_stretch_of_our_own_trouble_takes_each_aspect_back_once_wherever_each_try_fails() {
    let trouble = |kind, message: &str| {
        Outcome::new(Reason::Throttled, message).with(Aspect::unknown(kind, Reason::Throttled, message))
    };
    let [first, second] = [ConditionType::IssuerMatched, ConditionType::Published];
    let mut story = Story::new();
    story.pass_with(&good());
    story.pass_with(&trouble(second, "at the second").with(Aspect::holds(first, "good")));
    assert_eq!(story.get(first).unwrap().status, Status::True);
    assert_eq!(story.get(second).unwrap().status, Status::Unknown);
    story.pass_with(&trouble(first, "at the first"));
    let taken_back = story.conditions.clone();
    assert_eq!(story.ready(), (Status::True, "Succeeded"));
    for outcome in [
        trouble(second, "at the second, otherwise").with(Aspect::holds(first, "good")),
        trouble(first, "at the first, otherwise"),
    ] {
        story.now = at(60);
        story.pass_with(&outcome);
        assert_eq!(story.conditions, taken_back, "written again");
    }
    let gone = Aspect::fails(second, Reason::PublicAccessBlocked, "gone");
    story.pass_with(&trouble(first, "at the first").with(gone));
    assert_eq!(
        story.get(second).unwrap().status,
        Status::False,
        "what is seen is said at once"
    );
    story.pass_with(&good());
    assert_eq!(story.get(second).unwrap().status, Status::True);
}

#[test]
fn a_long_message_is_cut_on_a_character_boundary() {
    let mut story = Story::new();
    story.pass_with(&Outcome::new(Reason::AccessDenied, "ä".repeat(3000)));
    let message = &story.get(ConditionType::Ready).unwrap().message;
    assert_eq!(message.chars().count(), MAX_MESSAGE);
    assert!(message.ends_with('…'));
}

#[test]
fn a_condition_is_found_by_its_type_and_true_only_where_it_says_so() {
    let mut story = Story::new();
    assert_eq!(find(&story.conditions, ConditionType::Ready), None);
    assert!(!is_true(&story.conditions, ConditionType::Ready));
    story.pass(Reason::AwsUnavailable);
    let ready = find(&story.conditions, ConditionType::Ready).unwrap();
    assert_eq!((ready.kind.as_str(), ready.status), ("Ready", Status::False));
    assert!(!is_true(&story.conditions, ConditionType::Ready));
    story.pass(Reason::Succeeded);
    assert!(is_true(&story.conditions, ConditionType::Ready));
}
