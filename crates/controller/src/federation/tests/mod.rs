//! Federations against S3, IAM, Kubernetes and API servers in memory: every wait, every refusal, keys, drift, tampering,
//! deletion, and what each costs.

mod above;
mod cluster_checks;
mod coexistence;
mod copies;
mod early_ends;
mod fake_aws;
mod fake_cluster;
mod keys;
mod lifecycle;
mod refusals;
mod upkeep;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::{
    outcome::{self, Circumstances, Outcome},
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::{
    conditions::{from_kubernetes, to_kubernetes},
    object::{Managed, StatusFields},
    report::{Cleanup, Report},
};
use jiff::{SignedDuration, Timestamp};
use kube::runtime::{
    reflector::{store, store::Writer},
    watcher::Event,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::{Value, json};

use self::{
    fake_aws::FakeAws,
    fake_cluster::{FakeCluster, key, server},
};
use super::{Federations, memory::FederationMemory};
use crate::{
    binding::Inventories,
    clock::Clock,
    events::Events,
    instances::Instances,
    leadership::{Leadership, NotLeader, OnlyReplica, Permit},
    memory::Propagation,
    metrics::Metrics,
    reconciler::{Driver, clean_up, in_time, reconcile},
    watch::Decoded,
};

const ISSUER: &str = "https://b.s3.eu-central-1.amazonaws.com";
const JWKS: &str = "openid/v1/jwks";
const DISCOVERY: &str = ".well-known/openid-configuration";
const OLD_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// A replica that never leads.
struct Follower;

impl Leadership for Follower {
    fn permit(&self) -> Result<Permit, NotLeader> {
        Err(NotLeader)
    }
}

/// One cluster, one account, and the controller between them.
struct Bench<L = OnlyReplica> {
    aws: FakeAws,
    cluster: FakeCluster,
    controller: Federations<FakeAws, FakeAws, FakeCluster, L>,
    federations: Writer<Decoded<OidcFederation>>,
    bindings: Writer<Decoded<IamRoleBinding>>,
    /// By how many seconds the controller's clock is ahead of the machine's.
    ahead: Arc<AtomicI64>,
}

impl Bench {
    /// An API server that signs as the issuer with one key.
    fn new() -> Self {
        let bench = Self::over(FakeAws::default(), FakeCluster::default(), OnlyReplica);
        bench.cluster.serve(vec![server(ISSUER, &[key("a")])]);
        bench
    }

    /// The same world after a restart of the controller.
    fn restarted(self) -> Self {
        Self::over(self.aws, self.cluster, OnlyReplica)
    }

    /// A world in which a federation is ready, with nothing yet counted or told.
    async fn ready() -> (Self, OidcFederation) {
        let bench = Self::new();
        let mut federation = federation();
        Box::pin(bench.succeed(&mut federation)).await;
        bench.forget_traces();
        (bench, federation)
    }
}

impl<L: Leadership> Bench<L> {
    fn over(aws: FakeAws, cluster: FakeCluster, leadership: L) -> Self {
        let client = cluster.client();
        let events = Events::new(client.clone(), "test", None);
        let ahead = Arc::new(AtomicI64::default());
        let shown = Arc::clone(&ahead);
        let clock = Clock::new(move || Timestamp::now() + SignedDuration::from_secs(shown.load(Ordering::Relaxed)));
        let driver = Driver::new(
            client,
            Arc::new(leadership),
            Metrics::default(),
            events,
            Timestamp::now(),
        )
        .with_clock(clock);
        let (federations_reader, federations) = store();
        let (bindings_reader, bindings) = store();
        let memory = FederationMemory::default();
        let controller = Federations {
            driver,
            connect: aws.clone(),
            public: aws.clone(),
            servers: cluster.clone(),
            cluster: "5b1c".to_owned(),
            namespace: "irsa".to_owned(),
            store: federations_reader,
            bindings: bindings_reader,
            inventories: Inventories::default(),
            propagation: Propagation::since_long(memory.records()),
            memory,
            instances: Instances::default(),
        };
        Self {
            aws,
            cluster,
            controller,
            federations,
            bindings,
            ahead,
        }
    }

    /// So many seconds later.
    fn later(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
    }

    fn forget_traces(&self) {
        self.aws.take_calls();
        self.cluster.take_writes();
        self.cluster.take_events();
    }

    /// One pass, concluded into the federation's status as the driver does.
    async fn report(&self, federation: &mut OidcFederation) -> Report<irsa_api::OidcFederationStatus> {
        let mut report = in_time(&self.controller, federation).await;
        let now = Timestamp::now();
        let conditions = concluded(federation, &report.outcome, now);
        report
            .status
            .conclude(to_kubernetes(&conditions), federation.generation(), None);
        federation.status = Some(report.status.clone());
        report
    }

    async fn pass(&self, federation: &mut OidcFederation) -> Outcome {
        self.report(federation).await.outcome
    }

    /// A pass that must succeed.
    async fn succeed(&self, federation: &mut OidcFederation) {
        let outcome = self.pass(federation).await;
        assert_eq!(outcome.reason, Reason::Succeeded, "{}", outcome.message);
    }

    /// A pass that must end for this reason, with this in its message.
    async fn end(&self, federation: &mut OidcFederation, reason: Reason, fragment: &str) -> Outcome {
        let outcome = self.pass(federation).await;
        assert_eq!(outcome.reason, reason, "{}", outcome.message);
        assert!(outcome.message.contains(fragment), "{}", outcome.message);
        outcome
    }

    async fn cleanup(&self, federation: &OidcFederation) -> Result<(), Outcome> {
        match clean_up(&self.controller, federation).await {
            Cleanup::Finished => Ok(()),
            Cleanup::Unfinished(report) => Err(report.outcome),
        }
    }

    /// Reasons of the events since the last time.
    fn told(&self) -> Vec<String> {
        self.cluster
            .take_events()
            .into_iter()
            .map(|(reason, _)| reason)
            .collect()
    }

    fn metrics(&self) -> String {
        let mut registry = Registry::default();
        self.controller.driver.metrics.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    fn published_kids(&self) -> Vec<String> {
        let jwks: Value = serde_json::from_slice(&self.aws.object(JWKS).unwrap().bytes).unwrap();
        let keys = jwks["keys"].as_array().unwrap();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    }
}

fn federation() -> OidcFederation {
    federation_with(|_| ())
}

fn federation_with(change: impl FnOnce(&mut Value)) -> OidcFederation {
    let mut federation = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation",
        "metadata": {"name": "default", "uid": "f", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "issuer": ISSUER,
            "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}},
            "tags": {"team": "platform"},
        },
    });
    change(&mut federation);
    serde_json::from_value(federation).unwrap()
}

/// The spec changes, and with it its generation.
fn edit(federation: &mut OidcFederation, change: impl FnOnce(&mut Value)) {
    let mut spec = serde_json::to_value(&federation.spec).unwrap();
    change(&mut spec);
    federation.spec = serde_json::from_value(spec).unwrap();
    federation.metadata.generation = federation.metadata.generation.map(|generation| generation + 1);
}

/// Puts it among those that the controller knows of.
fn know(writer: &mut Writer<Decoded<OidcFederation>>, federation: &OidcFederation) {
    writer.apply_watcher_event(&Event::Apply(Decoded::of(federation.clone())));
}

fn condition<'a>(federation: &'a OidcFederation, kind: &str) -> (&'a str, &'a str) {
    let conditions = federation.conditions();
    let found = conditions.iter().find(|condition| condition.type_ == kind).unwrap();
    (&found.status, &found.reason)
}

/// The conditions after this outcome, as the driver writes them.
fn concluded(federation: &OidcFederation, outcome: &Outcome, now: Timestamp) -> Vec<outcome::Condition> {
    outcome::conclude(
        outcome,
        &Circumstances {
            previous: &from_kubernetes(federation.conditions()),
            aspects: &ConditionType::FEDERATION_ASPECTS,
            generation: federation.generation(),
            last_good: now,
            interval: SignedDuration::from_mins(10),
            now,
        },
    )
}
