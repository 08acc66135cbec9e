//! Somebody who changes back, again and again, what we put right.

use std::time::Duration;

use irsa_aws::Kind;

use super::{fake_aws::Stored, *};

const INTERVAL: Duration = Duration::from_mins(10);

fn tag(stored: &mut Stored) {
    stored.role.tags.insert("theirs".to_owned(), "x".to_owned());
}

fn describe(stored: &mut Stored) {
    stored.role.description = "theirs".to_owned();
}

fn described(bench: &Bench) -> bool {
    bench.aws.get(ROLE).unwrap().role.description == "theirs"
}

async fn ready() -> (Bench, IamRoleBinding) {
    let bench = Bench::new();
    bench.kubernetes.put_account("app");
    let mut binding = binding();
    bench.succeed(&mut binding).await;
    bench.kubernetes.take_events();
    (bench, binding)
}

/// Somebody changes the role, and an interval later there is a pass that looks at the role itself.
async fn round(bench: &Bench, binding: &mut IamRoleBinding, change: impl FnOnce(&mut Stored)) -> Outcome {
    bench.aws.tamper(ROLE, change);
    tokio::time::advance(INTERVAL).await;
    bench.pass(binding).await
}

fn events(bench: &Bench, reason: &str) -> usize {
    let events = bench.kubernetes.take_events();
    events.iter().filter(|event| event.0 == reason).count()
}

#[tokio::test(start_paused = true)]
async fn after_three_rounds_it_is_said_once_and_done_less_and_less_often() {
    let (bench, mut binding) = ready().await;
    for _ in 0..2 {
        assert_eq!(round(&bench, &mut binding, describe).await.reason, Reason::Succeeded);
        assert!(!described(&bench));
    }
    assert_eq!(events(&bench, "DriftContested"), 0);
    assert_eq!(round(&bench, &mut binding, describe).await.reason, Reason::Succeeded);
    assert_eq!(events(&bench, "DriftContested"), 1);
    let said = binding
        .conditions()
        .iter()
        .find(|one| one.type_ == "RoleSynced")
        .unwrap();
    assert!(
        said.message.contains("keeps changing") && said.message.contains("description"),
        "{}",
        said.message
    );

    let outcome = round(&bench, &mut binding, describe).await;
    assert_eq!(outcome.reason, Reason::DriftContested, "{}", outcome.message);
    for part in ["description", "ignoredTagKeys"] {
        assert!(outcome.message.contains(part), "{}", outcome.message);
    }
    assert!(described(&bench), "put off");
    let before = binding.status.clone();
    tokio::time::advance(INTERVAL / 2).await;
    bench.end(&mut binding, Reason::DriftContested, "description").await;
    assert_eq!(binding.status, before);
    tokio::time::advance(INTERVAL / 2).await;
    bench.succeed(&mut binding).await;
    assert!(!described(&bench), "two intervals after the third time");
    assert_eq!(events(&bench, "DriftContested"), 0, "said once");

    // The next wait is twice as long; another spec begins anew.
    for _ in 0..3 {
        assert_eq!(
            round(&bench, &mut binding, describe).await.reason,
            Reason::DriftContested
        );
    }
    edit(&mut binding, |spec| spec["role"] = json!({"description": "other"}));
    bench.succeed(&mut binding).await;
    assert!(!described(&bench));
    assert_eq!(round(&bench, &mut binding, describe).await.reason, Reason::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_should_have_is_taken_back_at_once_however_often() {
    let (bench, mut binding) = ready().await;
    let admin = |stored: &mut Stored| {
        stored
            .attached
            .insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
        stored.role.permissions_boundary = None;
    };
    for round_number in 0..8 {
        let outcome = round(&bench, &mut binding, admin).await;
        assert_eq!(outcome.reason, Reason::Succeeded, "{round_number}: {}", outcome.message);
        let stored = bench.aws.get(ROLE).unwrap();
        assert_eq!(stored.attached.len(), 1, "{round_number}");
        assert_eq!(
            stored.role.permissions_boundary.as_deref(),
            Some(BOUNDARY),
            "{round_number}"
        );
    }
    assert_eq!(events(&bench, "DriftContested"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_somebody_keeps_detaching_is_told_by_the_condition_of_policies() {
    let (bench, mut binding) = ready().await;
    for _ in 0..3 {
        round(&bench, &mut binding, |stored| stored.attached.clear()).await;
    }
    let outcome = round(&bench, &mut binding, |stored| stored.attached.clear()).await;
    assert_eq!(outcome.reason, Reason::DriftContested, "{}", outcome.message);
    let status = |kind: &str| {
        let found = binding.conditions().iter().find(|one| one.type_ == kind);
        found.unwrap().status.clone()
    };
    assert_eq!(
        (status("RoleSynced").as_str(), status("PoliciesSynced").as_str()),
        ("True", "False")
    );
    assert_eq!(status("ServiceAccountsSynced"), "True", "who is let in stays annotated");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_insists_on_puts_off_nothing_else() {
    let (bench, mut binding) = ready().await;
    for _ in 0..3 {
        round(&bench, &mut binding, describe).await;
    }
    let several = |stored: &mut Stored| {
        describe(stored);
        tag(stored);
        stored.attached.clear();
    };
    let outcome = round(&bench, &mut binding, several).await;
    assert_eq!(outcome.reason, Reason::DriftContested, "{}", outcome.message);
    assert!(!outcome.message.contains("AmazonS3"), "{}", outcome.message);
    let stored = bench.aws.get(ROLE).unwrap();
    assert!(described(&bench), "put off");
    assert_eq!(stored.attached.len(), 1, "seen for the first time");
    assert!(!stored.role.tags.contains_key("theirs"));
    round(&bench, &mut binding, |_| ()).await;
    assert!(!described(&bench), "two intervals after the third time");
}

#[tokio::test(start_paused = true)]
async fn a_tag_and_a_longer_session_are_taken_back_at_once_however_often() {
    let (bench, mut binding) = ready().await;
    let change = |stored: &mut Stored| {
        tag(stored);
        stored.role.max_session_seconds = 43_200;
    };
    for round_number in 0..8 {
        let outcome = round(&bench, &mut binding, change).await;
        assert_eq!(outcome.reason, Reason::Succeeded, "{round_number}: {}", outcome.message);
        let role = bench.aws.get(ROLE).unwrap().role;
        assert_eq!(role.max_session_seconds, 3600, "{round_number}");
        assert!(!role.tags.contains_key("theirs"), "{round_number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_whose_removal_is_put_off_keeps_its_mark() {
    let (bench, mut binding) = ready().await;
    let marked = bench.aws.get(ROLE).unwrap().role.tags;
    bench.federate(|federation| {
        let rules = federation["spec"]["bindings"].as_object_mut().unwrap();
        rules.remove("permissionsBoundary");
        rules.remove("inlinePolicies");
    });
    edit(&mut binding, |spec| spec["policies"]["inline"] = json!([]));
    bench.succeed(&mut binding).await;
    let put_back = |stored: &mut Stored| {
        stored.role.permissions_boundary = Some(BOUNDARY.to_owned());
        stored.role.tags.clone_from(&marked);
    };
    for _ in 0..3 {
        round(&bench, &mut binding, put_back).await;
    }
    let outcome = round(&bench, &mut binding, put_back).await;
    assert_eq!(outcome.reason, Reason::DriftContested, "{}", outcome.message);
    let role = bench.aws.get(ROLE).unwrap().role;
    assert_eq!(role.permissions_boundary.as_deref(), Some(BOUNDARY));
    assert!(role.tags.contains_key("irsa-anywhere.dev/boundary"));
}

#[tokio::test(start_paused = true)]
async fn what_is_put_off_or_was_not_tried_is_not_said_to_be_done() {
    let (bench, mut binding) = ready().await;
    for _ in 0..3 {
        round(&bench, &mut binding, describe).await;
    }
    bench.aws.fail("UntagRole", Kind::AccessDenied);
    let both = |stored: &mut Stored| {
        describe(stored);
        tag(stored);
    };
    let outcome = round(&bench, &mut binding, both).await;
    assert!(
        outcome.message.contains(
            "Unfinished: tags theirs (refused); description or session duration (put off). Everything else is done."
        ),
        "{}",
        outcome.message
    );

    let (bench, mut binding) = ready().await;
    bench.aws.fail("UntagRole", Kind::AccessDenied);
    bench.aws.fail("UpdateRole", Kind::Throttled);
    let outcome = round(&bench, &mut binding, both).await;
    assert_eq!(outcome.reason, Reason::AccessDenied);
    assert!(
        outcome.message.contains("what would follow was not tried:") && outcome.message.contains("UpdateRole"),
        "{}",
        outcome.message
    );
}
