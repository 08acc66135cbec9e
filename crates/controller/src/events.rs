//! Kubernetes events. Callers publish on transitions only: an unchanged world says nothing.
//!
//! Each is an object of its own. The recorder of kube-runtime makes a series of all that have one reason and shows the note
//! of the first: of two keys that are revoked a minute apart nobody would read the name of the second.

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
use tracing::warn;

/// Longest note that the API server takes, in bytes.
const MAX_NOTE: usize = 1024;

const REQUEST: ApiRequest<'static> = ApiRequest {
    action: "create",
    object: "an Event",
    role: CLUSTER_ROLE,
    remedy: Some("that rule must let it"),
};

/// Publishes events. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    client: Client,
    controller: String,
    instance: String,
}

impl Events {
    /// A publisher that signs as `controller` from this pod.
    pub fn new(client: Client, controller: &str, instance: Option<String>) -> Self {
        Self {
            client,
            controller: controller.to_owned(),
            instance: instance.unwrap_or_else(|| controller.to_owned()),
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

    /// An event that cannot be written is logged and otherwise ignored: it must never hide what it tells about.
    pub async fn publish(&self, about: &ObjectReference, announcement: &Announcement) {
        let Announcement { reason, warning, note } = announcement;
        let type_ = if *warning { "Warning" } else { "Normal" };
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
            event_time: Some(MicroTime(now)),
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
                message,
                error,
                "an event is lost"
            );
        }
    }
}

fn cut(note: &str) -> &str {
    let end = (0..=note.len().min(MAX_NOTE))
        .rev()
        .find(|end| note.is_char_boundary(*end))
        .unwrap_or(0);
    note.get(..end).unwrap_or(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_is_cut_between_characters() {
        let note = "ä".repeat(1000);
        assert_eq!(cut(&note).len(), 1024);
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&format!("x{note}")).len(), 1023);
    }
}
