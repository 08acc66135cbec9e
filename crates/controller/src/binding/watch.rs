//! What wakes a binding: itself, what it uses of its federation, its namespace's labels, its ServiceAccounts, and the
//! going of an older binding that had what it wants.

mod places;
mod waker;
mod went;

use std::{collections::HashSet, pin::pin, sync::Arc};

use futures::{
    FutureExt, Stream, StreamExt, TryStreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
};
use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_aws::Connect;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Controller, Predicate, PredicateConfig, WatchStreamExt, predicates,
        reflector::{self, Store},
        watcher::{self, Event, watcher},
    },
};
use tokio::sync::{Notify, Semaphore};
use tracing::{debug, trace, warn};

pub(super) use self::waker::Waker;
use self::{waker::Reference, went::Went};
use super::{
    Bindings, Inventories, Limits, accounts::account_of, federation::Federations, inventory::keep, memory::Memory,
};
use crate::{
    births::Births,
    instances::Instances,
    leadership::Leadership,
    log::chain,
    object::{ObjectKey, slim},
    shell::{Guarded, Shell, error_policy, reconcile},
};

/// Cleanups of bindings that went without being let go.
const CLEANUPS_AT_A_TIME: usize = 2;

/// What the controller of bindings is made of.
pub struct Parts<C, L> {
    /// What both controllers share.
    pub shell: Shell<L>,
    /// Makes connections to AWS.
    pub connect: C,
    /// UID of the namespace kube-system, which identifies the cluster in tags.
    pub cluster: String,
    /// AWS quotas.
    pub limits: Limits,
    /// Where inventories of roles are kept.
    pub inventories: Inventories,
    /// What is known of other instances of the cluster; shared with the controller of federations.
    pub instances: Instances,
    /// Bindings looked at at a time, at least 1.
    pub concurrency: u16,
}

/// Runs the controller until `stop`; passes that have begun are finished.
///
/// # Guarantees
/// No binding is looked at before all federations, namespaces and bindings of the cluster are known, so that nothing is
/// taken for missing that merely has not been listed yet.
pub async fn run<C: Connect, L: Leadership>(
    parts: Parts<C, L>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let client = parts.shell.client.clone();
    let (bindings, bindings_writer) = reflector::store();
    let (namespaces, namespaces_writer) = reflector::store();
    let (wake, woken) = unbounded();
    let (gone, went) = unbounded();
    let waker = Waker {
        bindings: bindings.clone(),
        wake,
    };
    let federations_known = Notify::new();
    let context = Arc::new(Bindings {
        shell: parts.shell,
        connect: parts.connect,
        cluster: parts.cluster,
        limits: parts.limits,
        federations: Federations::default(),
        namespaces: namespaces.clone(),
        siblings: bindings.clone(),
        memory: Memory::default(),
        inventories: parts.inventories,
        births: Births::from_now_on(),
        instances: parts.instances,
    });

    let everything_known = async {
        let ((), known) = futures::join!(federations_known.notified(), namespaces.wait_until_ready());
        if let Err(error) = known {
            warn!(%error, "the watch of namespaces has ended");
        }
    };
    let mut counted = context.shell.metrics.objects.follow();
    let remembers = Arc::clone(&context);
    let follow = move |event: &Event<Guarded<IamRoleBinding>>| {
        counted(event);
        if let Event::Delete(binding) = event {
            remembers.shell.forget::<IamRoleBinding>(&ObjectKey::of(binding));
        }
    };
    let main = binding_stream(client.clone(), waker.clone(), follow, gone, bindings_writer);
    let controller =
        everything_known.then(|()| control(main, bindings, woken, Arc::clone(&context), parts.concurrency, stop));
    tokio::select! {
        () = controller => {}
        () = watch_federations(client.clone(), &context.federations, &waker, &federations_known) => {}
        () = watch_namespaces(client.clone(), namespaces_writer, &waker) => {}
        () = watch_accounts(client, &context.memory, &waker) => {}
        () = keep(&context, &waker) => {}
        () = look_after_gone(went, &context, &waker) => {}
    }
}

async fn control<C: Connect, L: Leadership>(
    main: impl Stream<Item = Result<Guarded<IamRoleBinding>, watcher::Error>> + Send + 'static,
    bindings: Store<Guarded<IamRoleBinding>>,
    woken: UnboundedReceiver<Reference>,
    context: Arc<Bindings<C, L>>,
    concurrency: u16,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    Controller::for_stream(main, bindings)
        // 0 would mean without limit.
        .with_config(kube::runtime::Config::default().concurrency(concurrency.max(1)))
        .reconcile_on(woken)
        .graceful_shutdown_on(stop)
        .run(reconcile::<Bindings<C, L>>, error_policy, context)
        // Each pass has told of itself.
        .for_each(|result| async move {
            if let Err(error) = result {
                trace!(%error, "the controller goes on");
            }
        })
        .await;
}

/// The bindings themselves. Their status and our finalizer change by our own hand and wake nobody; a deletion is a new
/// generation.
fn binding_stream(
    client: Client,
    waker: Waker,
    mut follow: impl FnMut(&Event<Guarded<IamRoleBinding>>) + Send + 'static,
    gone: UnboundedSender<IamRoleBinding>,
    writer: reflector::store::Writer<Guarded<IamRoleBinding>>,
) -> impl Stream<Item = Result<Guarded<IamRoleBinding>, watcher::Error>> + Send + 'static {
    let mut went = Went::default();
    watcher(Api::<Guarded<IamRoleBinding>>::all(client), watcher::Config::default())
        .default_backoff()
        .modify(|binding| slim(binding.meta_mut()))
        // Before the store is updated, so that it still has what the binding was.
        .inspect_ok(move |event| {
            follow(event);
            match event {
                Event::Apply(binding) => {
                    waker.wake_contenders_of_earlier(binding);
                    waker.wake_overtaken(binding);
                }
                Event::Delete(binding) => {
                    waker.wake_contenders(binding);
                    waker.wake_first_in_line(binding);
                }
                Event::Init | Event::InitApply(_) | Event::InitDone => {}
            }
            for binding in went.by(event, &waker.bindings) {
                // Nobody listens any more only when the controller has stopped.
                let _ = gone.unbounded_send(binding);
            }
        })
        .reflect(writer)
        .applied_objects()
        .predicate_filter(
            predicates::generation.combine(predicates::annotations),
            PredicateConfig::default(),
        )
}

/// Removes what bindings made that went without being let go.
async fn look_after_gone<C: Connect, L: Leadership>(
    went: UnboundedReceiver<IamRoleBinding>,
    context: &Bindings<C, L>,
    waker: &Waker,
) {
    // Whoever makes and deletes objects by the hundred must not put his reads before everybody's.
    let at_a_time = Semaphore::new(CLEANUPS_AT_A_TIME);
    went.for_each_concurrent(None, async |binding| {
        context.look_after_gone(&binding, &at_a_time).await;
        // One that was made anew meanwhile may have lost what it had just taken up.
        waker.wake_where(|other| other.namespace() == binding.namespace() && other.name_any() == binding.name_any());
    })
    .await;
}

async fn watch_federations(client: Client, federations: &Federations, waker: &Waker, known: &Notify) {
    let api: Api<Guarded<OidcFederation>> = Api::all(client);
    let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
    let mut listed = HashSet::new();
    let note = |federation: &Guarded<OidcFederation>| match &federation.0 {
        Ok(federation) => {
            let (concerns, name) = (federations.observe(federation), federation.name_any());
            waker.wake_where(|binding| binding.spec.federation_ref.name == name && concerns.include(binding));
        }
        Err(invalid) => warn!(
            error = invalid.error,
            name = invalid.metadata.name,
            "a federation cannot be read"
        ),
    };
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(federation)) => {
                listed.insert(federation.name_any());
                note(&federation);
            }
            Ok(Event::InitDone) => {
                federations
                    .keep_only(&listed)
                    .iter()
                    .for_each(|gone| waker.wake_users(gone));
                known.notify_one();
            }
            Ok(Event::Apply(federation)) => note(&federation),
            Ok(Event::Delete(federation)) => {
                if federations.forget(&federation.name_any()) {
                    waker.wake_users(&federation.name_any());
                }
            }
            Err(error) => debug!(error = chain(&error), "the watch of federations was interrupted"),
        }
    }
}

async fn watch_namespaces(
    client: Client,
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    waker: &Waker,
) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let relabelled = watcher(api, watcher::Config::default())
        .default_backoff()
        .modify(|namespace| {
            namespace.metadata.managed_fields = None;
            namespace.metadata.annotations = None;
        })
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::labels, PredicateConfig::default());
    let mut relabelled = pin!(relabelled);
    while let Some(namespace) = relabelled.next().await {
        match namespace {
            Ok(namespace) => waker.wake_namespace(&namespace.name_any()),
            Err(error) => debug!(error = chain(&error), "the watch of namespaces was interrupted"),
        }
    }
}

/// Not kept in memory: a cluster has many, and only what differs from what a binding wants of one matters.
async fn watch_accounts(client: Client, memory: &Memory, waker: &Waker) {
    let api: Api<PartialObjectMeta<ServiceAccount>> = Api::all(client);
    let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        let (account, exists) = match event {
            Ok(Event::Apply(account) | Event::InitApply(account)) => (account, true),
            Ok(Event::Delete(account)) => (account, false),
            Ok(Event::Init | Event::InitDone) => continue,
            Err(error) => {
                debug!(error = chain(&error), "the watch of ServiceAccounts was interrupted");
                continue;
            }
        };
        let (namespace, name) = (account.namespace().unwrap_or_default(), account.name_any());
        let observed = exists.then(|| account_of(&account));
        if memory.account_needs_look(&namespace, &name, observed.as_ref()) {
            waker.wake_bound(&namespace, &name);
        }
    }
}
