//! Kubernetes events. Callers publish on transitions only: an unchanged world says nothing.

use irsa_core::vocabulary::EventReason;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::warn;

/// Longest note that the API server takes, in bytes.
const MAX_NOTE: usize = 1024;

/// Publishes events. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

impl Events {
    /// A publisher that signs as `controller` from this pod.
    pub fn new(client: Client, controller: &str, instance: Option<String>) -> Self {
        let reporter = Reporter {
            controller: controller.to_owned(),
            instance,
        };
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Something went as it should.
    pub async fn normal(&self, about: &ObjectReference, reason: EventReason, note: &str) {
        self.publish(about, EventType::Normal, reason, note).await;
    }

    /// Something that a person should look at.
    pub async fn warning(&self, about: &ObjectReference, reason: EventReason, note: &str) {
        self.publish(about, EventType::Warning, reason, note).await;
    }

    /// An event that cannot be written is logged and otherwise ignored: it must never hide what it tells about.
    async fn publish(&self, about: &ObjectReference, type_: EventType, reason: EventReason, note: &str) {
        let event = Event {
            type_,
            reason: reason.as_str().to_owned(),
            note: Some(cut(note).to_owned()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, about).await {
            warn!(%error, reason = reason.as_str(), "could not publish an event");
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
