//! One federation, many bindings with much to do, and two operators.

use std::time::Duration;

use irsa_testkit::{aws::Service, controlplane::SigningKey};
use irsa_tests::world::{ISSUER, ISSUER_BUCKET, REGION, Replica, Skew, World, http_get, objects::is_ready};
use serde_json::{Value, json};

/// Expires soon, and still lives through a busy machine.
pub(crate) const SHORT: [&str; 3] = [
    "--lease-duration=12s",
    "--lease-renew-deadline=8s",
    "--lease-retry-period=1s",
];
/// Does not expire in a test: who takes over was given the lease.
pub(crate) const LONG: [&str; 3] = [
    "--lease-duration=10m",
    "--lease-renew-deadline=8m",
    "--lease-retry-period=1s",
];

/// Of each kind, so many are looked at at a time.
const CONCURRENCY: &str = "--concurrency=8";
/// More than that: who is asked to end while it is at work leaves some to the other.
const BINDINGS: usize = 12;
const POLICIES: usize = 10;
const LEASE: (&str, &str, &str) = ("lease", "irsa-anywhere-system", "irsa-anywhere");

pub(crate) struct Scene {
    pub(crate) world: World,
    /// The one that leads.
    pub(crate) leader: Replica,
    /// The one that stands by.
    pub(crate) other: Replica,
}

impl Scene {
    /// The federation is ready, by the leader's hand, and the other stands by.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_skewed(arguments, [None, None]).await
    }

    /// The same with clocks that are wrong.
    pub(crate) async fn start_skewed(arguments: &[&str], [one, two]: [Option<&Skew>; 2]) -> Self {
        let world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
            .await
            .unwrap();
        let arguments = [&[CONCURRENCY], arguments].concat();
        let leader = world.start_replica("replica-a", &arguments, one).await.unwrap();
        is_up(&world, &leader).await;
        let other = world.start_replica("replica-b", &arguments, two).await.unwrap();
        is_up(&world, &other).await;
        let scene = Self { world, leader, other };
        assert!(scene.holder().await.starts_with("replica-a_"));
        scene.apply(&[federation()]).await;
        scene.world.federation_ready("default").await.unwrap();
        scene
    }

    /// Makes all the bindings and returns when the leader is in the middle of them, as every call to IAM takes so long.
    pub(crate) async fn begin_work(&self, latency: Duration) {
        self.world.aws.set_latency(Service::Iam, latency);
        let bindings: Vec<Value> = (0..BINDINGS).map(binding).collect();
        self.apply(&bindings).await;
        let begun = |world: &World| {
            let writes = world.aws_writes_of("replica-a", None);
            writes
                .iter()
                .filter(|entry| entry.operation == "iam:CreateRole")
                .count()
                >= BINDINGS / 2
        };
        self.world.wait_until("work has begun", begun).await.unwrap();
    }

    pub(crate) async fn apply(&self, objects: &[Value]) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.world.cluster.apply_yaml(&list.to_string()).await.unwrap();
    }

    /// Waits until the other holds the lease.
    pub(crate) async fn other_leads(&self) {
        let taken = |lease: &Value| {
            let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
            holder.starts_with("replica-b_")
        };
        self.world.wait_for("taken over", LEASE, taken).await.unwrap();
        self.world.aws.set_latency(Service::Iam, Duration::ZERO);
    }

    /// Everything is made, once, and by whoever led: first one, then the other.
    pub(crate) async fn all_is_done(&self, writers: &[&str]) {
        for index in 0..BINDINGS {
            let name = format!("app-{index}");
            self.world
                .wait_for("ready", ("iamrolebinding", "default", &name), is_ready)
                .await
                .unwrap_or_else(|problem| panic!("{problem}\n{}", self.other.operator().log_tail()));
        }
        assert_eq!(self.world.aws_writers(), writers);
        let requests = self.world.aws.requests();
        let made = requests
            .iter()
            .filter(|entry| entry.operation == "iam:CreateRole" && entry.is_effective_write());
        assert_eq!(made.count(), BINDINGS, "each role once");
        let made = requests
            .iter()
            .filter(|entry| entry.operation == "iam:CreateOpenIDConnectProvider" && entry.is_effective_write());
        assert_eq!(made.count(), 1);
    }

    pub(crate) async fn lease(&self) -> Value {
        self.world.get(LEASE.0, LEASE.1, LEASE.2).await.unwrap().unwrap()["spec"].clone()
    }

    pub(crate) async fn holder(&self) -> String {
        self.lease().await["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

/// Waits until a replica is ready, be it at work or standing by.
pub(crate) async fn is_up(world: &World, replica: &Replica) {
    let probes = replica.operator().probes();
    world
        .wait_until("to be ready", |_| {
            http_get(probes, "/readyz").is_some_and(|(code, _)| code == 200)
        })
        .await
        .unwrap_or_else(|problem| panic!("{problem}\n{}", replica.operator().log_tail()));
}

/// The value of a metric without labels.
pub(crate) fn metric(replica: &Replica, name: &str) -> Option<String> {
    let (_, text) = http_get(replica.operator().probes(), "/metrics")?;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")))?;
    Some(line.to_owned())
}

pub(crate) fn federation() -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": ISSUER,
            "publish": {"s3": {"bucket": ISSUER_BUCKET, "region": REGION}},
            "bindings": {
                "allowedNamespaces": {"from": "All"},
                "inlinePolicies": "Allow",
                "permissionsBoundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            },
        },
    })
}

/// A binding that takes a dozen calls to make.
fn binding(index: usize) -> Value {
    let policies: Vec<Value> = (0..POLICIES)
        .map(|policy| {
            json!({"name": format!("policy-{policy}"), "document": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}})
        })
        .collect();
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": format!("app-{index}"), "namespace": "default"},
        "spec": {
            "serviceAccounts": [{"name": format!("app-{index}")}],
            "serviceAccountMode": "Create",
            "policies": {"inline": policies},
        },
    })
}
