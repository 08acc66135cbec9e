//! Kubernetes events. Callers publish on transitions only: an unchanged world says nothing.
//!
//! Each is an object of its own. The recorder of kube-runtime makes a series of all that have one reason and shows the note
//! of the first: of two keys that are revoked a minute apart nobody would read the name of the second.
//!
//! What a pass tells is written when it is over, by a task of its own: no object waits for another one's events. And it waits a while for
//! other passes to be over, whatever those wait for.

use std::{cell::RefCell, mem, sync::Arc, time::Duration};

use irsa_core::{
    refusal::ApiRequest,
    vocabulary::{EVENTS_FIELD_MANAGER, EventReason},
};
use irsa_pipeline::{
    kube_errors::{CLUSTER_ROLE, refusal},
    report::Announcement,
    stage::chain,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Longest note that the API server takes, in bytes.
const MAX_NOTE: usize = 1024;

const REQUEST: ApiRequest<'static> = ApiRequest {
    action: "create",
    object: "an Event",
    role: CLUSTER_ROLE,
    remedy: Some("that rule must let it"),
};

/// Passes of one controller whose events are written at a time. An API server that is busy has passes to serve first, each of
/// which makes something true, and each event under way has a connection of its own.
const AT_A_TIME: usize = 2;

/// With no more passes of one controller under way than this, its events are written. An API server that is asked for much has
/// little to spare, and an event makes nothing true: while 200 bindings are made it is a seventh of the requests.
const FEW: usize = 4;

/// Longest that events wait for that. Who looks for them looks for them now.
const LATEST: Duration = Duration::from_secs(10);

/// So many more when the controller stops: no pass is held up any more, and what is not written soon is lost.
const MORE_AT_THE_END: usize = 30;

/// Passes of one controller of which events may be left to write. What is told beyond that is lost, and the log says so: a
/// process must not grow because an API server takes no events.
const MOST_WAITING: usize = 5_000;

/// Longest that one event may take: one that hangs must not hold up the others for long.
const LONGEST: Duration = Duration::from_secs(10);

/// Longest that events are waited for when the controller stops.
const PATIENCE: Duration = Duration::from_secs(5);

tokio::task_local! {
    /// What the pass around has told so far.
    static OF_THIS_PASS: RefCell<Vec<(ObjectReference, Announcement)>>;
}

/// Publishes events. Clones are one publisher.
#[derive(Clone)]
pub struct Events {
    client: Client,
    controller: String,
    instance: String,
    under_way: TaskTracker,
    turns: Arc<Semaphore>,
    /// How many run now.
    passes: Arc<watch::Sender<usize>>,
}

/// One pass more, for as long as it lives.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn counted(passes: &'a watch::Sender<usize>) -> Self {
        passes.send_modify(|passes| *passes = passes.saturating_add(1));
        Self(passes)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|passes| *passes = passes.saturating_sub(1));
    }
}

impl Events {
    /// A publisher that signs as `controller` from this pod.
    pub fn new(client: Client, controller: &str, instance: Option<String>) -> Self {
        Self {
            client,
            controller: controller.to_owned(),
            instance: instance.unwrap_or_else(|| controller.to_owned()),
            under_way: TaskTracker::new(),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            passes: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Something went as it should.
    pub async fn normal(&self, about: &ObjectReference, reason: EventReason, note: &str) {
        self.publish(about, &Announcement::normal(reason, note)).await;
    }

    /// Something that a person should look at.
    pub async fn warning(&self, about: &ObjectReference, reason: EventReason, note: &str) {
        self.publish(about, &Announcement::warning(reason, note)).await;
    }

    /// Tells something: at once, or when the pass around it is over.
    pub async fn publish(&self, about: &ObjectReference, announcement: &Announcement) {
        let noted = OF_THIS_PASS.try_with(|told| told.borrow_mut().push((about.clone(), announcement.clone())));
        if noted.is_err() {
            self.write(about, announcement, Timestamp::now()).await;
        }
    }

    /// Runs a pass. What it tells is written once it is over, however it ended, and nobody waits for that.
    pub(crate) async fn after<F: Future>(&self, pass: F) -> F::Output {
        let noted = async {
            let ended = pass.await;
            (ended, OF_THIS_PASS.with(RefCell::take))
        };
        let under_way = UnderWay::counted(&self.passes);
        let (ended, told) = OF_THIS_PASS.scope(RefCell::default(), noted).await;
        drop(under_way);
        if !told.is_empty() {
            self.write_in_turn(in_one(told));
        }
        ended
    }

    /// Writes what a pass that has just ended told, when it is its turn, as of now.
    fn write_in_turn(&self, told: Vec<(ObjectReference, Announcement)>) {
        if self.under_way.len() >= MOST_WAITING {
            let lost: Vec<_> = told
                .iter()
                .map(|(_, announcement)| announcement.reason.as_str())
                .collect();
            warn!(events = ?lost, "events are lost: {MOST_WAITING} wait for the API server to take them");
            return;
        }
        let (this, now) = (self.clone(), Timestamp::now());
        let latest = Instant::now() + LATEST;
        self.under_way.spawn(async move {
            // Nobody closes it.
            let _turn = this.turns.acquire().await;
            // On the heap, so that those that wait are small.
            Box::pin(this.write_all(&told, now, latest)).await;
        });
    }

    /// Writes what a pass told once few are under way, and then at the latest.
    async fn write_all(&self, told: &[(ObjectReference, Announcement)], at: Timestamp, latest: Instant) {
        let mut passes = self.passes.subscribe();
        let few = passes.wait_for(|passes| *passes <= FEW);
        if tokio::time::timeout_at(latest, few).await.is_err() {
            debug!("events are written although many passes are under way: they have waited for {LATEST:?}");
        }
        for (about, announcement) in told {
            let writing = self.write(about, announcement, at);
            if tokio::time::timeout(LONGEST, writing).await.is_err() {
                let event = announcement.reason.as_str();
                warn!(
                    event,
                    "an event is lost: the API server did not take it within {LONGEST:?}"
                );
            }
        }
    }

    /// Waits until what was told is written, but not for ever.
    pub(crate) async fn written(&self) {
        self.under_way.close();
        self.turns.add_permits(MORE_AT_THE_END);
        if tokio::time::timeout(PATIENCE, self.under_way.wait()).await.is_err() {
            let passes = self.under_way.len();
            warn!(passes, "events are lost: the API server does not take them in time");
        }
        self.under_way.reopen();
    }

    /// An event that cannot be written is logged and otherwise ignored: it must never hide what it tells about.
    async fn write(&self, about: &ObjectReference, announcement: &Announcement, at: Timestamp) {
        let Announcement { reason, warning, note } = announcement;
        let type_ = if *warning { "Warning" } else { "Normal" };
        // Of two that were told at once each has a name of its own.
        let now = Timestamp::now();
        // Where events about objects without a namespace go.
        let namespace = about.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let name = about.name.as_deref().unwrap_or_default();
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            event_time: Some(MicroTime(at)),
            note: Some(cut(note).to_owned()),
            reason: Some(reason.as_str().to_owned()),
            regarding: Some(about.clone()),
            reporting_controller: Some(self.controller.clone()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(type_.to_owned()),
            ..Event::default()
        };
        let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let parameters = PostParams {
            field_manager: Some(EVENTS_FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        if let Err(error) = events.create(&parameters, &event).await {
            let refusal = refusal(&error);
            let message = refusal.in_words(&REQUEST);
            let error = chain(&error);
            warn!(
                event = reason.as_str(),
                reason = refusal.reason().as_str(),
                refusal = message,
                error,
                "an event is lost"
            );
        }
    }
}

/// An object that becomes ready by what a pass applied tells both at once.
fn in_one(mut told: Vec<(ObjectReference, Announcement)>) -> Vec<(ObjectReference, Announcement)> {
    let is = |reason, one: &(ObjectReference, Announcement)| one.1.reason == reason && !one.1.warning;
    let ready = told.iter().position(|one| is(EventReason::Ready, one));
    let applied = told.iter().position(|one| is(EventReason::Applied, one));
    let (Some(ready), Some(applied)) = (ready, applied) else {
        return told;
    };
    let what = told.get_mut(applied).map(|(_, applied)| mem::take(&mut applied.note));
    if let (Some((_, ready)), Some(what)) = (told.get_mut(ready), what) {
        ready.note = format!("{} {what}", ready.note);
    }
    told.remove(applied);
    told
}

fn cut(note: &str) -> &str {
    let end = (0..=note.len().min(MAX_NOTE))
        .rev()
        .find(|end| note.is_char_boundary(*end))
        .unwrap_or(0);
    note.get(..end).unwrap_or(note)
}

#[cfg(test)]
mod tests;
