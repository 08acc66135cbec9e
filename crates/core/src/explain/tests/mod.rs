//! Every way in which a check can fail: one thing of a sound scene is broken, and the check that is about it is the first that fails.

mod of_pod;
mod published;
mod role;
mod scene;
mod token;

use std::collections::BTreeSet;

use scene::Scene;

use super::{Check, CheckResult, Evidence, SYMPTOMS, Unseen, explain, page};

/// What is broken, by which the check is to fail, and words of its sentence.
type Case = (fn(&mut Scene), Check, &'static str);

/// Breaks each in turn.
fn try_each(cases: &[Case]) {
    for (number, (break_it, check, words)) in cases.iter().enumerate() {
        let mut scene = Scene::sound();
        break_it(&mut scene);
        let explanation = explain(&scene.evidence());
        let first = if check.stops() {
            explanation.cause()
        } else {
            explanation.failures().next()
        };
        let first = first.unwrap_or_else(|| panic!("case {number}: nothing fails, expected {check} with {words:?}"));
        assert_eq!(first.check, *check, "case {number} ({words}): {:?}", first.result);
        let CheckResult::Fail { problem, fix } = &first.result else {
            panic!("{first:?}")
        };
        assert!(problem.contains(words), "case {number}: {problem:?} lacks {words:?}");
        for sentence in [problem, fix] {
            assert!(
                sentence.ends_with('.') && sentence.len() > 20,
                "case {number}: {sentence:?}"
            );
            assert!(!sentence.contains("  "), "case {number}: {sentence:?}");
        }
    }
}

#[test]
fn a_sound_scene_passes_every_check() {
    let explanation = explain(&Scene::sound().evidence());
    let wrong: Vec<_> = explanation
        .findings()
        .iter()
        .filter(|finding| !finding.result.is_pass())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(explanation.findings().len(), Check::ALL.len());
    assert!(explanation.is_proven());
    assert_eq!(explanation.cause(), None);
}

#[test]
fn without_a_pod_nothing_is_said_of_pods() {
    let mut scene = Scene::sound();
    scene.evidence.pod = None;
    let explanation = explain(&scene.evidence());
    assert!(explanation.is_proven());
    assert_eq!(explanation.findings().len(), Check::ALL.len() - 6);
    assert_eq!(explanation.result(Check::PodInjected), None);
}

#[test]
fn what_nobody_could_see_is_unknown_and_names_no_cause() {
    let mut scene = Scene::sound();
    let why = || Unseen::because("nobody may read it");
    scene.evidence = Evidence {
        api_servers: Err(why()),
        discovery: Err(why()),
        jwks: Err(why()),
        provider: Err(why()),
        role: Err(why()),
        token: Err(why()),
        pod: None,
        ..scene.evidence
    };
    scene.evidence.clocks.aws = Err(why());
    let explanation = explain(&scene.evidence());
    assert_eq!(explanation.cause(), None);
    assert!(!explanation.is_proven());
    let unknown = explanation
        .findings()
        .iter()
        .filter(|finding| matches!(&finding.result, CheckResult::Unknown(why) if why.contains("nobody may read it")))
        .count();
    assert!(unknown > 25, "{explanation:#?}");
}

#[test]
fn the_token_is_in_no_finding() {
    let scene = Scene::sound();
    let mut evidence = scene.evidence();
    // Readable and not sound: many checks speak of it.
    evidence.expected.subject = crate::trust::Subject::new("other", "app").unwrap();
    let token = evidence.token.clone().unwrap().expose().to_owned();
    let said = format!("{evidence:?} {:?}", explain(&evidence));
    for part in token.split('.') {
        assert!(!said.contains(part));
    }
}

#[test]
fn checks_have_names_of_their_own() {
    let ids: BTreeSet<&str> = Check::ALL.iter().map(|check| check.id()).collect();
    let titles: BTreeSet<&str> = Check::ALL.iter().map(|check| check.title()).collect();
    assert_eq!((ids.len(), titles.len()), (Check::ALL.len(), Check::ALL.len()));
    assert!(Check::ALL.is_sorted());
}

/// Each check has a case above; the tables together are what the page of symptoms promises.
#[test]
fn every_check_can_fail() {
    let tried: BTreeSet<Check> = [of_pod::CASES, token::CASES, published::CASES, role::CASES]
        .into_iter()
        .flatten()
        .map(|(_, check, _)| *check)
        .collect();
    let untried: Vec<Check> = Check::ALL.into_iter().filter(|check| !tried.contains(check)).collect();
    assert!(untried.is_empty(), "{untried:?}");
}

#[test]
fn every_check_that_stops_a_pod_has_a_symptom_or_is_one_that_nobody_sees_alone() {
    // What STS says of these is what it says of another check.
    let unseen = [
        Check::PodRole,
        Check::TokenFile,
        Check::ApiServerIssuer,
        Check::TokenSubject,
        Check::ProviderIssuer,
        Check::KeysInTime,
        Check::Algorithm,
        Check::Signature,
    ];
    let seen: BTreeSet<Check> = SYMPTOMS.iter().flat_map(|symptom| symptom.checks).copied().collect();
    let missing: Vec<Check> = Check::ALL
        .into_iter()
        .filter(|check| check.stops() && !seen.contains(check) && !unseen.contains(check))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_page_has_a_place_for_every_check_that_it_leads_to() {
    let page = page();
    for check in Check::ALL {
        assert!(page.contains(&format!("\n### {check}\n")), "{check}");
        assert!(check.origin().ends_with('.'), "{check}");
    }
}
