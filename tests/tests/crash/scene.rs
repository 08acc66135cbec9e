//! One federation and one binding, among things that are somebody else's.

use std::time::Duration;

use irsa_testkit::controlplane::SigningKey;
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER, ISSUER_BUCKET, REGION, World, objects::is_ready},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::snapshot::{self, BINDING, FEDERATION};

/// An operator that was stopped after a deletion waits until it is sure that what it does not see is not there.
const DEADLINE: Duration = Duration::from_mins(3);

/// What somebody does to both objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// From nothing.
    Create,
    /// Everything that can change does.
    Update,
    /// Both go.
    Delete,
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) act: Act,
}

impl Scene {
    /// A world in which the operator runs and everything is ready for the act.
    pub(crate) async fn start(act: Act) -> Self {
        let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
            .await
            .unwrap();
        seed_foreign(&world).await;
        apply(&world, &[account()]).await;
        world.allow_tokens_for(&["old", "new"]).await.unwrap();
        world.proxy = Some(world.cluster.proxy(0).await.unwrap());
        world.start_operator().await.unwrap();
        let scene = Self { world, act };
        scene.prepare().await;
        scene
    }

    /// Makes what the act starts from.
    pub(crate) async fn prepare(&self) {
        match self.act {
            Act::Create => {
                self.delete().await;
                self.wait_until("everything is gone", gone).await;
            }
            Act::Update | Act::Delete => {
                apply(&self.world, &objects(false)).await;
                self.wait_until("everything is ready", ready).await;
            }
        }
    }

    pub(crate) async fn act(&self) {
        match self.act {
            Act::Create => apply(&self.world, &objects(false)).await,
            Act::Update => apply(&self.world, &objects(true)).await,
            Act::Delete => self.delete().await,
        }
    }

    async fn delete(&self) {
        for path in [BINDING, FEDERATION] {
            let reply = self.world.cluster.client().unwrap().delete(path).await.unwrap();
            assert!(reply.is_success() || reply.status == 404, "{}", reply.message());
        }
    }

    /// Whether the act is through.
    pub(crate) async fn is_done(&self) -> bool {
        let (federation, binding) = self.both().await;
        match self.act {
            Act::Create | Act::Update => ready(&federation, &binding),
            Act::Delete => gone(&federation, &binding),
        }
    }

    async fn both(&self) -> (Value, Value) {
        (
            snapshot::object(&self.world, FEDERATION).await,
            snapshot::object(&self.world, BINDING).await,
        )
    }

    async fn wait_until(&self, what: &str, so: impl Fn(&Value, &Value) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let (federation, binding) = self.both().await;
            if so(&federation, &binding) {
                return;
            }
            let log = || {
                self.world
                    .operator()
                    .map(irsa_tests::world::Operator::log_tail)
                    .unwrap_or_default()
            };
            assert!(
                Instant::now() < deadline,
                "{what}: {federation:#}\n{binding:#}\n{}",
                log()
            );
            sleep(Duration::from_millis(40)).await;
        }
    }

    /// Waits until the world is as expected; says what differs if it never is.
    pub(crate) async fn converges_to(&self, expected: &Value, context: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if self.is_done().await {
                let found = snapshot::take(&self.world).await;
                if found == *expected {
                    return;
                }
                assert!(Instant::now() < deadline, "{context}: {}", difference(expected, &found));
            }
            if Instant::now() > deadline {
                let log = self
                    .world
                    .operator()
                    .map(irsa_tests::world::Operator::log_tail)
                    .unwrap_or_default();
                let (federation, binding) = self.both().await;
                panic!(
                    "{context}: not done\n{}\n{}\n{log}",
                    federation["status"], binding["status"]
                );
            }
            sleep(Duration::from_millis(40)).await;
        }
    }
}

fn gone(federation: &Value, binding: &Value) -> bool {
    federation.is_null() && binding.is_null()
}

fn ready(federation: &Value, binding: &Value) -> bool {
    is_ready(federation) && is_ready(binding)
}

/// The first places where two worlds differ.
fn difference(expected: &Value, found: &Value) -> String {
    fn walk(path: &str, one: &Value, other: &Value, into: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(a), Value::Object(b)) => {
                for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                    walk(
                        &format!("{path}/{key}"),
                        a.get(key).unwrap_or(&Value::Null),
                        b.get(key).unwrap_or(&Value::Null),
                        into,
                    );
                }
            }
            _ if one != other => into.push(format!("{path}: expected {one}, found {other}")),
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk("", expected, found, &mut places);
    places.join("\n")
}

pub(crate) fn account() -> Value {
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": "default"}})
}

/// Both objects; with everything changed that can be.
pub(crate) fn objects(changed: bool) -> [Value; 2] {
    let boundary = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
    let pick = |before: Value, after: Value| if changed { after } else { before };
    let list = |action: &str| {
        json!([{"name": "list", "document": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": action, "Resource": "*"}]}}])
    };
    let federation = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": ISSUER,
            "publish": {"s3": {
                "bucket": ISSUER_BUCKET, "region": REGION,
                "cacheControl": pick(json!("public, max-age=300"), json!("public, max-age=60")),
            }},
            "audiences": pick(json!(["sts.amazonaws.com", "old"]), json!(["sts.amazonaws.com", "new"])),
            "tags": pick(json!({"team": "a", "old": "x"}), json!({"team": "b"})),
            "bindings": {
                "allowedNamespaces": {"from": "All"},
                "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess", "ReadOnlyAccess"],
                "inlinePolicies": "Allow",
                "permissionsBoundary": pick(json!(boundary("ReadOnlyAccess")), json!(boundary("PowerUserAccess"))),
            },
        },
    });
    let binding = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "serviceAccounts": [{"name": "app"}],
            "audiences": pick(json!(["sts.amazonaws.com"]), json!(["sts.amazonaws.com", "new"])),
            "role": {"description": pick(json!("before"), json!("after"))},
            "policies": {
                "managed": pick(json!(["AmazonS3ReadOnlyAccess"]), json!(["ReadOnlyAccess"])),
                "inline": pick(list("s3:ListBucket"), list("s3:GetObject")),
            },
        },
    });
    [federation, binding]
}

pub(crate) async fn apply(world: &World, objects: &[Value]) {
    for object in objects {
        let kind = object["kind"].as_str().unwrap();
        let path = match kind {
            "OidcFederation" => FEDERATION.to_owned(),
            "IamRoleBinding" => BINDING.to_owned(),
            _ => "/api/v1/namespaces/default/serviceaccounts/app".to_owned(),
        };
        apply_at(world, &path, object).await;
    }
}

/// Server-side apply of one object.
pub(crate) async fn apply_at(world: &World, path: &str, object: &Value) {
    let path = format!("{path}?fieldManager=test&force=true");
    let apply = Some("application/apply-patch+yaml");
    let client = world.cluster.client().unwrap();
    let reply = client
        .request("PATCH".parse().unwrap(), &path, Some(object), apply)
        .await
        .unwrap();
    assert!(reply.is_success(), "{}", reply.message());
}

/// A role beside ours, a provider, an object and a statement: none of them may ever change.
async fn seed_foreign(world: &World) {
    let config = admin::root(&world.aws, ACCOUNT, REGION).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let id = irsa_core::naming::federation_id(ISSUER);
    iam.create_role()
        .role_name(format!("irsa-{id}-default.app2"))
        .path(format!("/irsa/{id}/"))
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .unwrap();
    iam.create_open_id_connect_provider()
        .url("https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/demo2")
        .client_id_list("sts.amazonaws.com")
        .send()
        .await
        .unwrap();
    assert!(
        world
            .aws
            .put_object(ISSUER_BUCKET, "clusters/demo2/openid/v1/jwks", "{}")
    );
    let theirs = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
        "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{ISSUER_BUCKET}/theirs")}]});
    let put = aws_sdk_s3::Client::new(&config)
        .put_bucket_policy()
        .bucket(ISSUER_BUCKET);
    put.policy(theirs.to_string()).send().await.unwrap();
}
