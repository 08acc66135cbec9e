//! Bindings against IAM and Kubernetes in memory: every wait, every refusal, drift, deletion, and what each costs.

mod above;
mod accounts;
mod coexistence;
mod contest;
mod copies;
mod early_ends;
mod enforce;
mod escapes;
mod fake_aws;
mod fake_kubernetes;
mod forgetting;
mod inventory;
mod lifecycle;
mod refusals;
mod restored;
mod size;
mod template;
mod upkeep;
mod verify;

use std::sync::Arc;

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_core::{
    outcome::{self, Circumstances, Outcome},
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::{
    binding::validate::Limits,
    conditions::{from_kubernetes, to_kubernetes},
    object::{Managed, StatusFields},
    report::Cleanup,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    core::PartialObjectMeta,
    runtime::{
        reflector::{Store, store, store::Writer},
        watcher::Event,
    },
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::{Value, json};

use self::{
    fake_aws::{ACCOUNT, FakeAws},
    fake_kubernetes::FakeKubernetes,
};
use super::{Bindings, Inventories, federation_cache::FederationCache, memory::BindingMemory, prover::Prover};
use crate::{
    events::Events,
    instances::Instances,
    leadership::{Leadership, NotLeader, OnlyReplica, Permit},
    memory::Propagation,
    metrics::Metrics,
    reconciler::{Driver, Reconciler, clean_up, in_time, pass},
    watch::Decoded,
};

const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";
const ROLE: &str = "p-ns.app";

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
    kubernetes: FakeKubernetes,
    controller: Bindings<FakeAws, L>,
    bindings: Writer<Decoded<IamRoleBinding>>,
}

impl Bench {
    fn new() -> Self {
        Self::over(FakeAws::default(), FakeKubernetes::default(), OnlyReplica)
    }

    /// The same world after a restart of the controller.
    fn restarted(self) -> Self {
        Self::over(self.aws, self.kubernetes, OnlyReplica)
    }
}

impl<L: Leadership> Bench<L> {
    fn over(aws: FakeAws, kubernetes: FakeKubernetes, leadership: L) -> Self {
        let client = kubernetes.client();
        let events = Events::new(client.clone(), "test", None);
        let driver = Driver::new(
            client,
            Arc::new(leadership),
            Metrics::default(),
            events,
            Timestamp::now(),
        );
        let (reader, bindings) = store();
        let memory = BindingMemory::default();
        let controller = Bindings {
            prover: Prover::new(driver.client.clone(), "irsa-anywhere-system".to_owned()),
            driver,
            connect: aws.clone(),
            cluster: "5b1c".to_owned(),
            limits: Limits::default(),
            federations: FederationCache::default(),
            namespaces: namespaces(),
            store: reader,
            inventories: Inventories::default(),
            propagation: Propagation::since_long(memory.records()),
            memory,
            instances: Instances::default(),
        };
        controller.federations.observe(&federation());
        Self {
            aws,
            kubernetes,
            controller,
            bindings,
        }
    }

    /// One pass: its outcome, concluded into the binding's status as the driver does.
    async fn pass(&self, binding: &mut IamRoleBinding) -> Outcome {
        let report = in_time(&self.controller, binding).await;
        let mut status = report.status;
        let now = Timestamp::now();
        let conditions = concluded(binding, &report.outcome, now);
        status.conclude(to_kubernetes(&conditions), binding.generation(), None);
        binding.status = Some(status);
        report.outcome
    }

    /// A pass that must succeed.
    async fn succeed(&self, binding: &mut IamRoleBinding) {
        let outcome = self.pass(binding).await;
        assert_eq!(outcome.reason, Reason::Succeeded, "{}", outcome.message);
    }

    /// A pass that must end for this reason, with this in its message.
    async fn end(&self, binding: &mut IamRoleBinding, reason: Reason, fragment: &str) -> Outcome {
        let outcome = self.pass(binding).await;
        assert_eq!(outcome.reason, reason, "{}", outcome.message);
        assert!(outcome.message.contains(fragment), "{}", outcome.message);
        outcome
    }

    /// The federation changes.
    fn federate(&self, change: impl FnOnce(&mut Value)) {
        let mut federation = serde_json::to_value(federation()).unwrap();
        change(&mut federation);
        self.controller
            .federations
            .observe(&serde_json::from_value(federation).unwrap());
    }

    /// The registry's text.
    fn metrics(&self) -> String {
        let mut registry = Registry::default();
        self.controller.driver.metrics.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    /// So much time passes that IAM shows every change that was made so far.
    async fn shown(&self) {
        tokio::time::advance(std::time::Duration::from_secs(80)).await;
    }

    async fn cleanup(&self, binding: &IamRoleBinding) -> Result<(), Outcome> {
        match clean_up(&self.controller, binding).await {
            Cleanup::Finished => Ok(()),
            Cleanup::Unfinished(report) => Err(report.outcome),
        }
    }
}

fn namespaces() -> Store<PartialObjectMeta<Namespace>> {
    let (reader, mut writer) = store();
    let namespace = json!({"metadata": {"name": "ns", "labels": {"team": "a"}}});
    writer.apply_watcher_event(&Event::Apply(serde_json::from_value(namespace).unwrap()));
    reader
}

fn federation() -> OidcFederation {
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/b.s3.eu-central-1.amazonaws.com");
    serde_json::from_value(json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation",
        "metadata": {"name": "default", "uid": "f", "generation": 1},
        "spec": {
            "issuer": "https://b.s3.eu-central-1.amazonaws.com",
            "publish": {"s3": {"bucket": "b", "region": "eu-central-1"}},
            "bindings": {
                "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}},
                "roleNamePrefix": "p-",
                "permissionsBoundary": BOUNDARY,
                "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess", "ViewOnly*"],
                "inlinePolicies": "Allow",
            },
            "tags": {"team": "platform"},
        },
        "status": {"providerArn": arn, "conditions": [condition("Ready", "True")]},
    }))
    .unwrap()
}

fn condition(kind: &str, status: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn inline() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]})
}

fn binding() -> IamRoleBinding {
    binding_with(|_| ())
}

fn binding_with(change: impl FnOnce(&mut Value)) -> IamRoleBinding {
    let mut binding = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {
            "name": "app", "namespace": "ns", "uid": "b", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "serviceAccounts": [{"name": "app"}],
            "policies": {"managed": ["AmazonS3ReadOnlyAccess"], "inline": [{"name": "bucket", "document": inline()}]},
        },
    });
    change(&mut binding);
    serde_json::from_value(binding).unwrap()
}

/// The binding's spec changes, and with it its generation.
fn edit(binding: &mut IamRoleBinding, change: impl FnOnce(&mut Value)) {
    let mut spec = serde_json::to_value(&binding.spec).unwrap();
    change(&mut spec);
    binding.spec = serde_json::from_value(spec).unwrap();
    binding.metadata.generation = binding.metadata.generation.map(|generation| generation + 1);
}

fn decoded(binding: &IamRoleBinding) -> Decoded<IamRoleBinding> {
    Decoded::of(binding.clone())
}

/// The conditions after this outcome, as the driver writes them.
fn concluded(binding: &IamRoleBinding, outcome: &Outcome, now: Timestamp) -> Vec<outcome::Condition> {
    outcome::conclude(
        outcome,
        &Circumstances {
            previous: &from_kubernetes(binding.conditions()),
            aspects: &ConditionType::BINDING_ASPECTS,
            generation: binding.generation(),
            last_good: now,
            interval: SignedDuration::from_mins(10),
            now,
        },
    )
}
