//! What `irsa_core::explain` says of a token, against an STS that really verifies: where all is proven, it accepts; where it refuses, a
//! cause is named. Over every fault alone, with keys of every kind, and over every two faults together.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod faults;
mod scene;

use faults::FAULTS;
use irsa_core::explain::{Check, Explanation, explain};
use scene::{Answer, Scene, keys};

/// Both halves of the promise, for one scene.
async fn judged(scene: Scene, what: &str) -> (Explanation, Answer) {
    let world = scene.build().await;
    let answer = world.shown_to_sts().await;
    let explanation = explain(&world.evidence().await);
    let failing: Vec<_> = explanation.failures().collect();
    if explanation.is_proven() {
        assert_eq!(answer, Answer::Accepted, "{what}: everything passes");
    }
    if let Answer::Refused(error) = &answer {
        assert!(
            explanation.cause().is_some(),
            "{what}: STS says {error}, and no cause is named"
        );
    }
    // STS takes another ServiceAccount's token and one for another audience where the trust policy does; the binding does not.
    let of_the_binding = [Check::TokenSubject, Check::TokenAudience];
    let blamed = failing
        .iter()
        .any(|finding| finding.check.stops() && !of_the_binding.contains(&finding.check));
    if answer == Answer::Accepted {
        assert!(!blamed, "{what}: STS accepts, and this is blamed: {failing:?}");
    }
    (explanation, answer)
}

#[tokio::test(start_paused = true)]
async fn a_sound_scene_is_proven_and_accepted_with_keys_of_every_kind() {
    for key in keys() {
        let (explanation, answer) = judged(Scene::sound(key), key.algorithm()).await;
        assert_eq!(answer, Answer::Accepted);
        let wrong: Vec<_> = explanation
            .findings()
            .iter()
            .filter(|finding| !finding.result.is_pass())
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", key.algorithm());
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_named_and_refused_or_neither() {
    for key in keys() {
        for fault in FAULTS {
            let what = format!("{} with {}", fault.name, key.algorithm());
            let mut scene = Scene::sound(key);
            (fault.break_it)(&mut scene);
            let (explanation, answer) = judged(scene, &what).await;
            let cause = explanation.cause().map(|finding| finding.check);
            assert_eq!(cause, fault.cause, "{what}: STS answers {answer:?}");
        }
    }
}

/// One pair in five, or every one with `EVERY_PAIR=1`, which takes more than a minute.
#[tokio::test(start_paused = true)]
async fn of_two_faults_one_is_named() {
    let keys = keys();
    let share = if std::env::var_os("EVERY_PAIR").is_some() { 1 } else { 5 };
    for (number, first) in FAULTS.iter().enumerate() {
        for second in FAULTS.iter().skip(number + 1).step_by(share) {
            let what = format!("{}, and {}", first.name, second.name);
            let mut scene = Scene::sound(keys.last().unwrap());
            (first.break_it)(&mut scene);
            (second.break_it)(&mut scene);
            judged(scene, &what).await;
        }
    }
}

/// A check that no fault here makes fail is one that this test says nothing of.
#[test]
fn the_faults_are_of_every_check_that_sts_makes() {
    // The pod, its clock and its API server are not STS's to see; a slow issuer needs a socket.
    let elsewhere = [
        Check::PodInjected,
        Check::OwnCredentials,
        Check::PodRole,
        Check::TokenFile,
        Check::ClockAhead,
        Check::ApiServerIssuer,
        Check::DiscoveryInTime,
        Check::KeysInTime,
        // The provider is asked for by its URL.
        Check::ProviderIssuer,
        // STS takes a subject that is not the binding's, if the trust policy does.
        Check::TokenSubject,
    ];
    let untried: Vec<Check> = Check::ALL
        .into_iter()
        .filter(|check| check.stops() && !elsewhere.contains(check))
        .filter(|check| !FAULTS.iter().any(|fault| fault.cause == Some(*check)))
        .collect();
    assert!(untried.is_empty(), "{untried:?}");
}
