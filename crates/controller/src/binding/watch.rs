//! What wakes a binding: itself, what it uses of its federation, its namespace's labels, its ServiceAccounts, and the
//! going of an older binding that had what it wants.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{
    Stream, StreamExt, TryStreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
};
use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_aws::Connect;
use irsa_pipeline::{
    binding::{observe::service_accounts::account_of, validate::Limits},
    object::ObjectKey,
    stage::chain,
};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        Predicate, WatchStreamExt, predicates,
        reflector::{self},
        watcher::{self, Event, watcher},
    },
};
use tokio::sync::{Notify, Semaphore};
use tracing::{debug, warn};

use super::{
    Inventories,
    bindings::Bindings,
    deletions::Deletions,
    federation_cache::FederationCache,
    inventory::keep,
    memory::BindingMemory,
    prover::Prover,
    relabelled::Relabelled,
    triggers::{
        wake_bound, wake_contenders, wake_contenders_of_earlier, wake_first_in_line, wake_namespace, wake_overtaken,
        wake_users,
    },
};
use crate::{
    instances::Instances,
    leadership::Leadership,
    memory::Propagation,
    reconciler::Driver,
    watch::{
        Decoded, Heard, Losses, RunEnded, Trigger, WatchOfBindings, changed, paged, run as run_controller, slim,
        wake_shown,
    },
};

/// Cleanups of bindings that went without being let go.
const CLEANUPS_AT_A_TIME: usize = 2;

/// What the controller of bindings is made of.
pub struct BindingParts<C, L> {
    /// What both controllers share.
    pub driver: Driver<L>,
    /// Makes connections to AWS.
    pub connect: C,
    /// UID of the namespace kube-system, which identifies the cluster in tags.
    pub cluster: String,
    /// The operator's own namespace, where the ServiceAccount is that every role must keep out.
    pub namespace: String,
    /// AWS quotas.
    pub limits: Limits,
    /// Where inventories of roles are kept.
    pub inventories: Inventories,
    /// What is known of other instances of the cluster; shared with the controller of federations.
    pub instances: Instances,
    /// Bindings looked at at a time, at least 1.
    pub concurrency: u16,
    /// What both controllers watch.
    pub watch: WatchOfBindings,
    /// Stops the other controller if it has nothing under way, and says whether that is so: both begin again then.
    pub stop_others: Box<dyn Fn() -> bool + Send + Sync>,
}

/// Runs the controller until `stop`, or until [all of many bindings are gone](RunEnded::AllGone) and nothing is under way; passes that
/// have begun are finished.
///
/// # Guarantees
/// No binding is looked at before all federations, namespaces and bindings of the cluster are known, so that nothing is
/// taken for missing that merely has not been listed yet.
pub async fn run<C: Connect, L: Leadership>(
    parts: BindingParts<C, L>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) -> RunEnded {
    let client = parts.driver.client.clone();
    let WatchOfBindings {
        store: bindings,
        writer,
        lost,
        federations: mut shown_federations,
    } = parts.watch;
    let (namespaces, namespaces_writer) = reflector::store();
    let (gone, went) = unbounded();
    let cleanups = Arc::new(AtomicUsize::new(0));
    let begun = Arc::clone(&cleanups);
    let gone = move |binding| {
        begun.fetch_add(1, Ordering::Relaxed);
        // Nobody listens any more only when the controller has stopped.
        let _ = gone.unbounded_send(binding);
    };
    let (trigger, asked) = Trigger::over(bindings.clone());
    let federations_known = Notify::new();
    let memory = BindingMemory::default();
    let context = Arc::new(Bindings {
        prover: Prover::new(client.clone(), parts.namespace),
        driver: parts.driver,
        connect: parts.connect,
        cluster: parts.cluster,
        limits: parts.limits,
        federations: FederationCache::default(),
        namespaces: namespaces.clone(),
        store: bindings.clone(),
        inventories: parts.inventories,
        propagation: Propagation::from_now_on(memory.records()),
        memory,
        instances: parts.instances,
    });

    let everything_known = async {
        let ((), namespaces, bindings) = futures::join!(
            federations_known.notified(),
            namespaces.wait_until_ready(),
            bindings.wait_until_ready()
        );
        if let Err(error) = namespaces.and(bindings) {
            warn!(%error, "a watch has ended");
        }
    };
    let mut counted = context.driver.metrics.objects.follow();
    let remembers = Arc::clone(&context);
    let follow = move |event: &Event<Decoded<IamRoleBinding>>| {
        counted(event);
        if let Event::Delete(binding) = event {
            remembers.driver.forget::<IamRoleBinding>(&ObjectKey::of(binding));
        }
    };
    let knows = Arc::clone(&context);
    let most_roles = move |federation: &str| {
        let view = knows.federations.get(federation)?;
        Some(view.usage.guardrails.max_roles_per_namespace)
    };
    let quiet = {
        let (cleanups, context, stop_others) = (Arc::clone(&cleanups), Arc::clone(&context), parts.stop_others);
        move || can_begin_again(&cleanups, &context.inventories) && stop_others()
    };
    let events = watcher(Api::<Decoded<IamRoleBinding>>::all(client.clone()), paged()).default_backoff();
    let shown = binding_stream(events, trigger.clone(), follow, most_roles, gone, writer, lost);
    let controller = async {
        everything_known.await;
        tokio::select! {
            ended = run_controller(&trigger, asked, Arc::clone(&context), parts.concurrency, stop, quiet) => ended,
            () = keep(&context, &trigger) => RunEnded::Stopped,
        }
    };
    tokio::select! {
        ended = controller => ended,
        () = wake_shown(shown, &trigger) => RunEnded::Stopped,
        () = follow_federations(&mut shown_federations, &context.federations, &trigger, &federations_known) => RunEnded::Stopped,
        () = watch_namespaces(client.clone(), namespaces_writer, &trigger) => RunEnded::Stopped,
        () = watch_accounts(client, &context.memory, &trigger) => RunEnded::Stopped,
        () = clean_up_after(went, &cleanups, &context, &trigger) => RunEnded::Stopped,
    }
}

/// The bindings themselves. Their status and our finalizer change by our own hand and wake nobody; a deletion is a new
/// generation.
fn binding_stream(
    events: impl Stream<Item = watcher::Result<Event<Decoded<IamRoleBinding>>>> + Send + 'static,
    trigger: Trigger<IamRoleBinding>,
    mut follow: impl FnMut(&Event<Decoded<IamRoleBinding>>) + Send + 'static,
    most_roles: impl Fn(&str) -> Option<u32> + Send + 'static,
    gone: impl Fn(IamRoleBinding) + Send + 'static,
    writer: reflector::store::Writer<Decoded<IamRoleBinding>>,
    mut lost: Losses,
) -> impl Stream<Item = Result<Decoded<IamRoleBinding>, watcher::Error>> + Send + 'static {
    let mut went = Deletions::default();
    let listing = trigger.clone();
    let slim = events.modify(|binding| slim(binding.meta_mut()));
    // Before the store is updated, so that it still has what the binding was.
    let before = slim.inspect_ok(move |event| {
        follow(event);
        match event {
            Event::Apply(binding) => {
                wake_contenders_of_earlier(&trigger, binding);
                wake_overtaken(&trigger, binding, &most_roles);
            }
            Event::Delete(binding) => {
                wake_contenders(&trigger, binding);
                wake_first_in_line(&trigger, binding);
            }
            Event::Init | Event::InitApply(_) | Event::InitDone => {}
        }
        went.by(event, trigger.store()).into_iter().for_each(&gone);
    });
    // After it, so that whoever waits for the last one no longer finds it there.
    let events = before.reflect(writer).inspect_ok(move |event| {
        lost.tell(event);
        listing.follow(event);
    });
    changed(events, predicates::generation.combine(predicates::annotations))
}

/// Whether nothing is known that whoever begins again would have to find out: what still has to be removed, and the roles that have
/// no binding any more, which take their places from the first moment on.
pub(super) fn can_begin_again(cleanups: &AtomicUsize, inventories: &Inventories) -> bool {
    cleanups.load(Ordering::Relaxed) == 0 && inventories.orphan_count() == 0
}

/// Removes what bindings made that went without being let go.
pub(super) async fn clean_up_after<C: Connect, L: Leadership>(
    went: UnboundedReceiver<IamRoleBinding>,
    under_way: &AtomicUsize,
    context: &Bindings<C, L>,
    trigger: &Trigger<IamRoleBinding>,
) {
    // Whoever makes and deletes objects by the hundred must not put his reads before everybody's.
    let at_a_time = Semaphore::new(CLEANUPS_AT_A_TIME);
    went.for_each_concurrent(None, async |binding| {
        context.clean_up_after(&binding, &at_a_time).await;
        // One that was made anew meanwhile may have lost what it had just taken up.
        trigger.wake_where(|other| other.namespace() == binding.namespace() && other.name_any() == binding.name_any());
        under_way.fetch_sub(1, Ordering::Relaxed);
    })
    .await;
}

async fn follow_federations(
    events: &mut Heard<Event<Decoded<OidcFederation>>>,
    federations: &FederationCache,
    trigger: &Trigger<IamRoleBinding>,
    known: &Notify,
) {
    let mut listed = HashSet::new();
    let note = |federation: &Decoded<OidcFederation>| {
        let name = federation.name_any();
        let Some(federation) = federation.outline() else {
            warn!(error = federation.error(), name, "a federation cannot be read");
            return;
        };
        let concerns = federations.observe(federation);
        trigger.wake_where(|binding| binding.spec.federation_ref.name == name && concerns.include(binding));
    };
    loop {
        match events.next().await {
            Event::Init => listed.clear(),
            Event::InitApply(federation) => {
                listed.insert(federation.name_any());
                note(&federation);
            }
            Event::InitDone => {
                federations
                    .keep_only(&listed)
                    .iter()
                    .for_each(|gone| wake_users(trigger, gone));
                known.notify_one();
            }
            Event::Apply(federation) => note(&federation),
            Event::Delete(federation) => {
                if federations.forget(&federation.name_any()) {
                    wake_users(trigger, &federation.name_any());
                }
            }
        }
    }
}

async fn watch_namespaces(
    client: Client,
    writer: reflector::store::Writer<PartialObjectMeta<Namespace>>,
    trigger: &Trigger<IamRoleBinding>,
) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let namespaces = watcher(api, paged())
        .default_backoff()
        .modify(|namespace| {
            namespace.metadata.managed_fields = None;
            namespace.metadata.annotations = None;
        })
        .reflect(writer);
    let (mut namespaces, mut relabelled) = (pin!(namespaces), Relabelled::default());
    while let Some(event) = namespaces.next().await {
        match event {
            Ok(event) => {
                for namespace in relabelled.by(event) {
                    wake_namespace(trigger, &namespace);
                }
            }
            Err(error) => debug!(error = chain(&error), "the watch of namespaces was interrupted"),
        }
    }
}

/// Not kept in memory: a cluster has many, and only what differs from what a binding wants of one matters.
async fn watch_accounts(client: Client, memory: &BindingMemory, trigger: &Trigger<IamRoleBinding>) {
    let api: Api<PartialObjectMeta<ServiceAccount>> = Api::all(client);
    let mut events = pin!(watcher(api, paged()).default_backoff());
    let mut listed = HashSet::new();
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                debug!(error = chain(&error), "the watch of ServiceAccounts was interrupted");
                continue;
            }
        };
        let Some((account, exists)) = account_in(event, memory, &mut listed) else {
            continue;
        };
        let (namespace, name) = (account.namespace().unwrap_or_default(), account.name_any());
        let observed = exists.then(|| account_of(&account));
        if memory.account_changed(&namespace, &name, observed.as_ref()) {
            wake_bound(trigger, &namespace, &name);
        }
    }
}

/// The ServiceAccount that an event tells of, and whether it is there. What is remembered of those that are not is
/// forgotten, also of those that nothing tells of but that a new list (`listed`) lacks them.
fn account_in(
    event: Event<PartialObjectMeta<ServiceAccount>>,
    memory: &BindingMemory,
    listed: &mut HashSet<String>,
) -> Option<(PartialObjectMeta<ServiceAccount>, bool)> {
    match event {
        Event::Init => {
            listed.clear();
            None
        }
        Event::InitApply(account) => {
            listed.extend(account.uid().filter(|uid| memory.knows_account(uid)));
            Some((account, true))
        }
        Event::InitDone => {
            memory.keep_accounts(&std::mem::take(listed));
            None
        }
        Event::Apply(account) => Some((account, true)),
        Event::Delete(account) => {
            memory.account_gone(&account.uid().unwrap_or_default());
            Some((account, false))
        }
    }
}

#[cfg(test)]
mod tests;
