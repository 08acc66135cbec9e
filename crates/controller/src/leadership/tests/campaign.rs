//! The loop against an API server in memory, in virtual time. Terms: 30 s, 20 s, 4 s.

use http::Method;
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{Instant, advance, sleep},
};

use super::{
    NAME,
    fake_api::{FakeApi, Mode},
    seconds, terms,
};
use crate::leadership::{Claim, Elector, Leadership, Lost};

fn elector(api: &FakeApi, identity: &str) -> Elector {
    Elector::new(api.client(), "ns", NAME, identity.to_owned(), terms())
}

/// A replica that leads, and its loop.
async fn leader(api: &FakeApi) -> (Claim, JoinHandle<Lost>) {
    let mut elector = elector(api, "me");
    elector.lead(|| ()).await;
    let claim = elector.claim();
    (claim, tokio::spawn(async move { elector.hold().await }))
}

/// A candidate that waits; done when it leads.
fn candidate(api: &FakeApi) -> (Claim, JoinHandle<Instant>) {
    let mut elector = elector(api, "other");
    let claim = elector.claim();
    let leads = tokio::spawn(async move {
        elector.lead(|| ()).await;
        Instant::now()
    });
    (claim, leads)
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_at_once_and_renews_with_one_request_per_period() {
    let (api, start) = (FakeApi::default(), Instant::now());
    let (claim, hold) = leader(&api).await;
    assert_eq!(start.elapsed(), seconds(0));
    assert_eq!(api.take_requests(), [Method::GET, Method::POST]);
    sleep(seconds(4) * 10 + seconds(1)).await;
    assert_eq!(api.take_requests(), [Method::PUT; 10]);
    let left = claim.until().unwrap() - Instant::now();
    assert_eq!(left, seconds(19), "from the renewal that was sent a second ago");
    assert!(!hold.is_finished());
    let spec = api.lease().unwrap().spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(0));
    assert!(spec.renew_time > spec.acquire_time);
}

#[tokio::test(start_paused = true)]
async fn a_second_stands_by_and_takes_over_a_dead_leaders_lease_when_it_expires() {
    let api = FakeApi::default();
    let (dead, hold) = leader(&api).await;
    let mut elector = elector(&api, "other");
    let (seen, standing_by) = tokio::sync::oneshot::channel();
    let claim = elector.claim();
    let leads = tokio::spawn(async move { elector.lead(|| seen.send(()).unwrap()).await });
    standing_by.await.unwrap();
    sleep(seconds(300)).await;
    assert!(!leads.is_finished() && claim.permit().is_err());
    let renewed = dead.until().unwrap() - seconds(20);
    hold.abort();
    leads.await.unwrap();
    assert!(claim.permit().is_ok());
    let took = renewed.elapsed();
    assert!(took >= seconds(30) && took <= seconds(38), "{took:?}");
    assert_eq!(api.lease().unwrap().spec.unwrap().lease_transitions, Some(1));
}

#[tokio::test(start_paused = true)]
async fn of_those_that_start_together_one_leads() {
    let api = FakeApi::default();
    let mut claims = Vec::new();
    for identity in ["one", "two", "three"] {
        let mut elector = elector(&api, identity);
        claims.push(elector.claim());
        tokio::spawn(async move {
            elector.lead(|| ()).await;
            elector.hold().await
        });
    }
    for _ in 0..100 {
        sleep(seconds(1)).await;
        assert_eq!(claims.iter().filter(|claim| claim.permit().is_ok()).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_less_than_the_deadline_costs_nothing() {
    for mode in [Mode::Hangs, Mode::Fails, Mode::LosesAnswers] {
        let api = FakeApi::default();
        let (claim, hold) = leader(&api).await;
        api.set(mode);
        sleep(seconds(14)).await;
        assert!(claim.permit().is_ok(), "{mode:?}");
        api.set(Mode::Up);
        sleep(seconds(60)).await;
        assert!(claim.permit().is_ok() && !hold.is_finished(), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_an_answer_takes_is_not_part_of_the_claim() {
    let api = FakeApi::default();
    api.set(Mode::Slow);
    let (claim, _) = candidate(&api);
    let start = Instant::now();
    // Three seconds for the look, and three for the claim.
    sleep(seconds(7)).await;
    assert_eq!(claim.until(), Some(start + seconds(3 + 20)));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_stays_away_ends_the_claim_before_anybody_else_can_have_it() {
    for mode in [Mode::Hangs, Mode::Fails, Mode::LosesAnswers] {
        let api = FakeApi::default();
        let (claim, hold) = leader(&api).await;
        let until = claim.until().unwrap();
        api.set(mode);
        assert_eq!(hold.await.unwrap(), Lost::Expired(seconds(20)), "{mode:?}");
        assert_eq!(Instant::now(), until, "{mode:?}");
        assert!(claim.permit().is_err(), "{mode:?}");
        api.set(Mode::Up);
        sleep(seconds(100)).await;
        assert!(claim.permit().is_err(), "it comes back: {mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_for_too_long_sends_nothing_when_it_goes_on() {
    let api = FakeApi::default();
    let (claim, hold) = leader(&api).await;
    sleep(seconds(1)).await;
    api.take_requests();
    // All at once, as after SIGCONT.
    advance(seconds(60)).await;
    assert!(claim.permit().is_err());
    assert_eq!(hold.await.unwrap(), Lost::Expired(seconds(20)));
    assert_eq!(api.take_requests(), [Method::GET; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_or_blanked_by_hand_is_noticed_at_the_next_renewal() {
    for holder in [json!("somebody"), json!(null)] {
        let api = FakeApi::default();
        let (claim, hold) = leader(&api).await;
        let start = Instant::now();
        api.edit(|lease| lease["spec"]["holderIdentity"] = holder);
        assert_eq!(hold.await.unwrap(), Lost::Taken);
        assert_eq!(start.elapsed(), seconds(4));
        assert!(claim.permit().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_touched_or_deleted_by_hand_stays_its_holders() {
    let api = FakeApi::default();
    let (claim, hold) = leader(&api).await;
    let (_, other) = candidate(&api);
    sleep(seconds(1)).await;
    api.edit(|lease| lease["metadata"]["labels"] = json!({"a": "b"}));
    sleep(seconds(10)).await;
    api.delete();
    sleep(seconds(100)).await;
    assert!(claim.permit().is_ok() && !hold.is_finished() && !other.is_finished());
    assert_eq!(api.holder().as_deref(), Some("me"));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_free_is_taken_in_moments() {
    let api = FakeApi::default();
    let mut me = elector(&api, "me");
    me.lead(|| ()).await;
    let (claim, other) = candidate(&api);
    sleep(seconds(9)).await;
    assert!(claim.permit().is_err());
    let start = Instant::now();
    me.release().await;
    assert!(me.claim().permit().is_err());
    assert_eq!(api.holder(), None);
    let took = other.await.unwrap() - start;
    assert!(took <= seconds(8), "two looks: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn giving_the_lease_free_ends_though_the_api_server_does_not_answer_and_never_takes_anothers() {
    let api = FakeApi::default();
    let mut me = elector(&api, "me");
    me.lead(|| ()).await;
    api.set(Mode::Hangs);
    me.release().await;
    assert!(me.claim().permit().is_err());
    api.set(Mode::Up);

    let api = FakeApi::default();
    let mut me = elector(&api, "me");
    me.lead(|| ()).await;
    api.edit(|lease| lease["spec"]["holderIdentity"] = json!("somebody"));
    me.release().await;
    assert_eq!(api.holder().as_deref(), Some("somebody"));
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_made_good_at_the_next_look() {
    let api = FakeApi::default();
    api.set(Mode::LosesAnswers);
    let (claim, leads) = candidate(&api);
    sleep(seconds(3)).await;
    api.set(Mode::Up);
    leads.await.unwrap();
    assert!(claim.permit().is_ok());
    assert_eq!(api.lease().unwrap().spec.unwrap().lease_transitions, Some(0));
}
