use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use kube::client::Body;
use serde_json::Value;
use tokio::time::Instant;

use super::*;

/// A publisher whose API server takes so long for each event, or for ever; and the notes that it was shown.
fn slow(takes: Option<Duration>) -> (Events, Arc<Mutex<Vec<String>>>) {
    let notes: Arc<Mutex<Vec<String>>> = Arc::default();
    let shown = Arc::clone(&notes);
    let service = tower::service_fn(move |request: Request<Body>| {
        let shown = Arc::clone(&shown);
        async move {
            let event = request.into_body().collect_bytes().await.unwrap();
            let parsed: Value = serde_json::from_slice(&event).unwrap();
            shown.lock().unwrap().push(parsed["note"].as_str().unwrap().to_owned());
            match takes {
                Some(takes) => tokio::time::sleep(takes).await,
                None => pending().await,
            }
            let created = Response::builder().status(201).body(Body::from(event.to_vec()));
            Ok::<_, Infallible>(created.unwrap())
        }
    });
    (Events::new(Client::new(service, "default"), "test", None), notes)
}

async fn pass(events: &Events, note: &str) -> u8 {
    let telling = async {
        events
            .normal(&ObjectReference::default(), EventReason::Ready, note)
            .await;
        7
    };
    events.after(telling).await
}

#[tokio::test(start_paused = true)]
async fn a_pass_is_over_before_the_api_server_has_answered_to_its_events_or_ever_does() {
    let begun = Instant::now();
    let (events, notes) = slow(None);
    for note in ["one", "two"] {
        assert_eq!(pass(&events, note).await, 7);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(notes.lock().unwrap().is_empty(), "not before the pass is over");
    tokio::task::yield_now().await;
    assert_eq!(*notes.lock().unwrap(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn when_the_controller_ends_what_was_told_is_written_first() {
    let (events, notes) = slow(Some(Duration::from_secs(2)));
    pass(&events, "last").await;
    let begun = Instant::now();
    events.written().await;
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
    assert_eq!(*notes.lock().unwrap(), ["last"]);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_takes_no_events_does_not_keep_the_controller_from_ending() {
    let (events, _) = slow(None);
    pass(&events, "lost").await;
    let begun = Instant::now();
    events.written().await;
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn of_many_passes_a_few_write_at_a_time_in_order() {
    let (events, notes) = slow(Some(Duration::from_secs(1)));
    let told: Vec<String> = (0..6).map(|number| number.to_string()).collect();
    for note in &told {
        pass(&events, note).await;
    }
    for second in 0..3 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(*notes.lock().unwrap(), told[..(second + 1) * AT_A_TIME]);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_until_few_passes_are_under_way_but_not_for_long() {
    let (events, notes) = slow(Some(Duration::ZERO));
    let (end, _) = watch::channel(false);
    let rush = |number: usize| {
        let (events, mut ended) = (events.clone(), end.subscribe());
        let pass = async move { ended.wait_for(|ended| *ended).await.is_ok() };
        tokio::spawn(async move { (number, events.after(pass).await) })
    };
    let mut rushing: Vec<_> = (0..FEW).map(rush).collect();
    pass(&events, "few").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(*notes.lock().unwrap(), ["few"]);

    rushing.push(rush(FEW));
    tokio::task::yield_now().await;
    let many: Vec<String> = (0..5 * AT_A_TIME).map(|number| number.to_string()).collect();
    for note in &many {
        pass(&events, note).await;
    }
    tokio::time::sleep(LATEST.mul_f64(0.99)).await;
    assert_eq!(*notes.lock().unwrap(), ["few"]);
    tokio::time::sleep(LATEST.mul_f64(0.02)).await;
    assert_eq!(
        notes.lock().unwrap()[1..],
        many,
        "those that waited for others have waited too"
    );

    pass(&events, "after").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(notes.lock().unwrap().len(), 1 + many.len());
    rushing.pop().unwrap().abort();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(notes.lock().unwrap().last().unwrap(), "after");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_that_wait_are_written_together() {
    let (events, notes) = slow(Some(Duration::from_secs(2)));
    for number in 0..20 {
        pass(&events, &number.to_string()).await;
    }
    events.written().await;
    assert_eq!(notes.lock().unwrap().len(), 20);
    assert_eq!(events.under_way.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_hangs_is_given_up_and_a_flood_is_cut_off() {
    let (events, notes) = slow(None);
    for number in 0..MOST_WAITING + 100 {
        pass(&events, &number.to_string()).await;
    }
    assert_eq!(events.under_way.len(), MOST_WAITING);
    tokio::time::sleep(LONGEST / 2).await;
    assert_eq!(notes.lock().unwrap().len(), AT_A_TIME);
    tokio::time::sleep(LONGEST).await;
    assert_eq!(notes.lock().unwrap().len(), 2 * AT_A_TIME);
}

#[test]
fn what_made_an_object_ready_is_told_with_it() {
    let about = ObjectReference::default();
    let event = |reason, note: &str| (about.clone(), Announcement::normal(reason, note));
    let drift = (
        about.clone(),
        Announcement::warning(EventReason::DriftRepaired, "drift"),
    );
    let (applied, ready) = (
        event(EventReason::Applied, "Applied to AWS: role"),
        event(EventReason::Ready, "It may."),
    );
    let both = vec![applied.clone(), drift.clone(), ready.clone()];
    let told = in_one(both);
    assert_eq!(
        told,
        [drift.clone(), event(EventReason::Ready, "It may. Applied to AWS: role")]
    );
    for alone in [vec![applied], vec![ready, drift], Vec::new()] {
        assert_eq!(in_one(alone.clone()), alone);
    }
    let closed = vec![
        (about.clone(), Announcement::warning(EventReason::Applied, "Taken")),
        event(EventReason::Ready, "It may."),
    ];
    assert_eq!(in_one(closed.clone()), closed, "what was taken is a warning of its own");
}

#[test]
fn a_long_note_is_cut_between_characters() {
    let note = "ä".repeat(1000);
    assert_eq!(cut(&note).len(), 1024);
    assert_eq!(cut("short"), "short");
    assert_eq!(cut(&format!("x{note}")).len(), 1023);
}
