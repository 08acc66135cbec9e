//! What wakes a federation: itself, the going of its last bindings, and the going of an older one with its issuer.

use std::{collections::HashSet, future::pending, sync::Arc};

use futures::{FutureExt, Stream, TryStreamExt};
use irsa_api::OidcFederation;
use irsa_aws::{Connect, PublicReader};
use irsa_pipeline::{
    federation::observe::api_servers::ApiServers,
    object::{Managed, ObjectKey},
};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        Predicate, WatchStreamExt, predicates,
        reflector::{self},
        watcher::{self, Event, watcher},
    },
};
use tracing::warn;

use super::{federations::Federations, memory::FederationMemory};
use crate::{
    binding::Inventories,
    instances::Instances,
    leadership::Leadership,
    memory::Propagation,
    reconciler::Driver,
    watch::{Decoded, Heard, Trigger, WatchOfFederations, changed, paged, run as run_controller, slim, wake_shown},
};

/// What the controller of federations is made of.
pub struct FederationParts<C, P, A, L> {
    /// What both controllers share.
    pub driver: Driver<L>,
    /// Makes connections to AWS.
    pub connect: C,
    /// Reads the documents as anybody.
    pub public: P,
    /// Reads the API servers.
    pub servers: A,
    /// UID of the namespace kube-system, which identifies the cluster in tags and records.
    pub cluster: String,
    /// The operator's own namespace, where the records of keys are.
    pub namespace: String,
    /// Federations looked at at a time, at least 1.
    pub concurrency: u16,
    /// What the controller of bindings has found of their roles.
    pub inventories: Inventories,
    /// What is known of other instances of the cluster; shared with the controller of bindings.
    pub instances: Instances,
    /// What both controllers watch.
    pub watch: WatchOfFederations,
}

/// Runs the controller until `stop`; passes that have begun are finished.
///
/// # Guarantees
/// No federation is looked at before all federations and bindings of the cluster are known, so that none is deleted
/// under a binding that merely has not been listed yet.
pub async fn run<C: Connect, P: PublicReader, A: ApiServers, L: Leadership>(
    parts: FederationParts<C, P, A, L>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let client = parts.driver.client.clone();
    let (federations, federations_writer) = reflector::store();
    let WatchOfFederations {
        bindings,
        listed: bindings_listed,
        mut departed,
        told,
    } = parts.watch;
    let (trigger, asked) = Trigger::over(federations.clone());
    let memory = FederationMemory::default();
    let context = Arc::new(Federations {
        driver: parts.driver,
        connect: parts.connect,
        public: parts.public,
        servers: parts.servers,
        cluster: parts.cluster,
        namespace: parts.namespace,
        store: federations.clone(),
        bindings: bindings.clone(),
        inventories: parts.inventories,
        propagation: Propagation::from_now_on(memory.records()),
        memory,
        instances: parts.instances,
    });
    let bindings_known = async {
        if bindings_listed.await.is_err() {
            warn!("the watch of bindings has ended");
            // Without it every federation would look like one that nobody uses.
            pending::<()>().await;
        }
    };
    let mut counted = context.driver.metrics.objects.follow();
    let remembers = Arc::clone(&context);
    let mut listed = HashSet::new();
    let follow = move |event: &Event<Decoded<OidcFederation>>| {
        counted(event);
        // Nobody listens any more only when that controller has stopped.
        let _ = told.unbounded_send(event.clone());
        match event {
            Event::Apply(_) => {}
            Event::Delete(federation) => {
                let key = ObjectKey::of(federation);
                remembers.driver.forget::<OidcFederation>(&key);
                remembers.memory.forget(&key);
            }
            Event::Init => listed.clear(),
            Event::InitApply(federation) => {
                listed.insert(ObjectKey::of(federation));
            }
            // What went while the watch was interrupted is told of by nothing but that a new list lacks it.
            Event::InitDone => remembers.memory.keep_only(&std::mem::take(&mut listed)),
        }
    };
    let events = watcher(Api::<Decoded<OidcFederation>>::all(client), paged()).default_backoff();
    let shown = federation_stream(events, trigger.clone(), follow, federations_writer);
    let controller = bindings_known
        .then(|()| run_controller(&trigger, asked, Arc::clone(&context), parts.concurrency, stop, || false));
    tokio::select! {
        _ = controller => {}
        () = wake_shown(shown, &trigger) => {}
        () = wake_emptied(&mut departed, &trigger) => {}
    }
}

/// The federations themselves. Their status and our finalizer change by our own hand and wake nobody; a deletion is a
/// new generation.
fn federation_stream(
    events: impl Stream<Item = watcher::Result<Event<Decoded<OidcFederation>>>> + Send + 'static,
    trigger: Trigger<OidcFederation>,
    mut follow: impl FnMut(&Event<Decoded<OidcFederation>>) + Send + 'static,
    writer: reflector::store::Writer<Decoded<OidcFederation>>,
) -> impl Stream<Item = Result<Decoded<OidcFederation>, watcher::Error>> + Send + 'static {
    let events = events
        .modify(|federation| slim(federation.meta_mut()))
        .reflect(writer)
        // After the store was updated, so that the younger ones no longer find it there.
        .inspect_ok(move |event| {
            follow(event);
            trigger.follow(event);
            match event {
                Event::Delete(federation) => wake_duplicates(&trigger, federation),
                Event::Apply(federation) if is_deleted(federation) => wake_duplicates(&trigger, federation),
                _ => {}
            }
        });
    changed(events, predicates::generation.combine(predicates::annotations))
}

fn is_deleted(federation: &Decoded<OidcFederation>) -> bool {
    federation.outline().is_some_and(Managed::is_deleted)
}

async fn wake_emptied(departed: &mut Heard<String>, trigger: &Trigger<OidcFederation>) {
    loop {
        wake_deleted(trigger, &departed.next().await);
    }
}

/// Wakes the federation that waits for its bindings to go.
fn wake_deleted(trigger: &Trigger<OidcFederation>, name: &str) {
    trigger.wake_where(|federation| federation.name_any() == name && federation.is_deleted());
}

fn wake_duplicates(trigger: &Trigger<OidcFederation>, gone: &Decoded<OidcFederation>) {
    let Some(gone) = gone.outline() else { return };
    trigger.wake_where(|other| other.uid() != gone.uid() && other.spec.issuer == gone.spec.issuer);
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::{channel::mpsc::unbounded, poll};
    use serde_json::json;

    use super::*;

    fn federation(name: &str, issuer: &str, deleted: bool) -> Decoded<OidcFederation> {
        let deleted = deleted.then_some("2026-01-01T00:00:00Z");
        let federation = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation",
            "metadata": {"name": name, "uid": name, "deletionTimestamp": deleted},
            "spec": {"issuer": issuer, "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}}},
        });
        Decoded::of(serde_json::from_value(federation).unwrap())
    }

    fn woken(federations: &[Decoded<OidcFederation>], act: impl FnOnce(&Trigger<OidcFederation>)) -> Vec<String> {
        let (reader, mut writer) = reflector::store();
        for federation in federations {
            writer.apply_watcher_event(&Event::Apply(federation.clone()));
        }
        let (trigger, mut woken) = Trigger::over(reader);
        act(&trigger);
        let mut names: Vec<String> = std::iter::from_fn(|| woken.try_recv().ok())
            .map(|one| one.name)
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_binding_that_goes_wakes_its_federation_only_when_that_waits_for_it() {
        let all = [federation("a", "x", true), federation("b", "y", false)];
        assert_eq!(woken(&all, |trigger| wake_deleted(trigger, "a")), ["a"]);
        assert_eq!(woken(&all, |trigger| wake_deleted(trigger, "b")), Vec::<String>::new());
    }

    #[test]
    fn a_federation_that_goes_wakes_those_with_its_issuer() {
        let all = [
            federation("a", "x", true),
            federation("b", "x", false),
            federation("c", "y", false),
        ];
        assert_eq!(woken(&all, |trigger| wake_duplicates(trigger, &all[0])), ["b"]);
    }

    #[tokio::test]
    async fn a_federation_that_a_list_shows_is_asked_for_when_the_store_has_the_list() {
        let (told, events) = unbounded();
        let (reader, writer) = reflector::store();
        let (trigger, mut asked) = Trigger::over(reader);
        let shown = federation_stream(events, trigger.clone(), |_| {}, writer);
        let mut waking = pin!(wake_shown(shown, &trigger));
        let mut after = async |event| {
            told.unbounded_send(Ok(event)).unwrap();
            assert!(poll!(waking.as_mut()).is_pending());
            let asked = std::iter::from_fn(|| asked.try_recv().ok());
            asked.map(|reference| reference.name).collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        for name in ["old", "new"] {
            assert_eq!(after(Event::Init).await, none);
            assert_eq!(after(Event::InitApply(federation(name, "x", false))).await, none);
            assert_eq!(after(Event::InitDone).await, [name]);
        }
    }
}
