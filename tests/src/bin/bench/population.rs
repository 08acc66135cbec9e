//! So many bindings, each with one managed and one inline policy and a ServiceAccount of its own.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use irsa_testkit::controlplane::ApiReply;
use irsa_tests::{
    admin,
    world::{
        ACCOUNT, ISSUER, ISSUER_BUCKET, Problem, REGION, World, http_get,
        objects::{is_ready, says},
    },
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const BINDINGS: &str = "/apis/irsa-anywhere.dev/v1alpha1/iamrolebindings";
/// Bindings of one namespace.
const PER_NAMESPACE: usize = 100;
const AT_A_TIME: usize = 16;
/// How often it is looked whether something is done: short beside what is measured, and no load.
const LOOK: Duration = Duration::from_millis(50);
/// Longest for anything; a binding takes four calls and six writes.
pub(crate) const DEADLINE: Duration = Duration::from_mins(20);

pub(crate) struct Population {
    size: usize,
}

impl Population {
    pub(crate) const fn of(size: usize) -> Self {
        Self { size }
    }

    /// Their namespaces and names.
    pub(crate) fn places(&self) -> impl Iterator<Item = (String, String)> {
        (0..self.size).map(|number| (format!("team-{}", number / PER_NAMESPACE), format!("app-{number}")))
    }

    /// Everything that the bindings need; and roles of somebody else's.
    pub(crate) async fn prepare(&self, world: &World, interval: Duration, others: usize) -> Result<(), Problem> {
        let mut objects = vec![(
            "/apis/irsa-anywhere.dev/v1alpha1/oidcfederations".to_owned(),
            federation(interval),
        )];
        for namespace in 0..self.size.div_ceil(PER_NAMESPACE) {
            let metadata = json!({"name": format!("team-{namespace}")});
            objects.push((
                "/api/v1/namespaces".to_owned(),
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}),
            ));
        }
        post(world, objects).await?;
        let accounts = self.places().map(|(namespace, name)| {
            (
                format!("/api/v1/namespaces/{namespace}/serviceaccounts"),
                json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}),
            )
        });
        post(world, accounts.collect()).await?;
        // Of the accounts that have raised their quota; the default is 1,000 roles [QUOTA-2026].
        world.aws.account(ACCOUNT).set_quotas(|quotas| quotas.roles = 10_000);
        let iam = aws_sdk_iam::Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await?);
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
        for number in 0..others {
            let role = iam.create_role().role_name(format!("theirs-{number}"));
            role.assume_role_policy_document(trust.to_string()).send().await?;
        }
        Ok(())
    }

    /// From now on each is checked so often: after the first inventory, which is told of once, so that what comes is a steady state.
    pub(crate) async fn check_each(&self, world: &World, interval: Duration) -> Result<(), Problem> {
        let federation = ("oidcfederation", "default", "default");
        world
            .wait_for("the inventory", federation, |it| says(it, "RolesInventoried", "True"))
            .await?;
        let interval = format!("{}s", interval.as_secs());
        self.patch_federation(world, &json!({"spec": {"interval": interval}}))
            .await?;
        world.federation_ready("default").await?;
        Ok(())
    }

    /// Edits the federation that all of them use.
    pub(crate) async fn patch_federation(&self, world: &World, patch: &Value) -> Result<(), Problem> {
        let path = "/apis/irsa-anywhere.dev/v1alpha1/oidcfederations/default";
        done(&world.cluster.client()?.merge_patch(path, patch).await?)
    }

    pub(crate) async fn create(&self, world: &World) -> Result<(), Problem> {
        let bindings = self
            .places()
            .map(|(namespace, name)| (bindings_of(&namespace), binding(&name)));
        post(world, bindings.collect()).await
    }

    /// Waits until all are Ready. To list them all is much work for an API server that has its hands full, and would be measured
    /// too: so not before the operator has counted as many passes that ended well.
    pub(crate) async fn until_ready(&self, world: &World) -> Result<(), Problem> {
        self.until_looked_at(world).await?;
        let client = world.cluster.client()?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let listed = client.get(BINDINGS).await?;
            let items = listed
                .body
                .get("items")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let ready = items.iter().filter(|binding| is_ready(binding)).count();
            if ready == self.size {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("only {ready} of {} bindings are ready", self.size).into());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Deletes the bindings, and waits until they are gone.
    pub(crate) async fn delete(&self, world: &World) -> Result<(), Problem> {
        let client = world.cluster.client()?;
        for namespace in 0..self.size.div_ceil(PER_NAMESPACE) {
            let path = bindings_of(&format!("team-{namespace}"));
            done(&client.delete(&path).await?)?;
        }
        let deadline = Instant::now() + DEADLINE;
        loop {
            let listed = client.get(&format!("{BINDINGS}?limit=1")).await?;
            done(&listed)?;
            let left = listed.body.get("items").and_then(Value::as_array).map_or(0, Vec::len);
            if left == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("not all of {} bindings are gone", self.size).into());
            }
            sleep(LOOK).await;
        }
    }

    /// Waits until an operator that had nothing to look at before has looked at every binding.
    pub(crate) async fn until_looked_at(&self, world: &World) -> Result<(), Problem> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let passes = passes(world)?;
            if passes >= self.size {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("only {passes} of {} bindings were looked at", self.size).into());
            }
            sleep(LOOK).await;
        }
    }
}

/// Passes over bindings that ended well, as the operator counts them.
pub(crate) fn passes(world: &World) -> Result<usize, Problem> {
    let Some((200, metrics)) = http_get(world.operator()?.probes(), "/metrics") else {
        return Ok(0);
    };
    let name = r#"irsa_anywhere_reconciles_total{kind="binding",result="done"} "#;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.map(str::parse).transpose()?.unwrap_or_default())
}

/// What the API server did, or why not.
pub(crate) fn done(reply: &ApiReply) -> Result<(), Problem> {
    if reply.is_success() {
        Ok(())
    } else {
        Err(reply.message().into())
    }
}

async fn post(world: &World, objects: Vec<(String, Value)>) -> Result<(), Problem> {
    // A handshake for each would be measured as the operator's time.
    let client = &world.cluster.client()?.keeping_connections();
    stream::iter(objects)
        .map(|(path, object)| async move {
            let reply = client.post(&path, &object).await?;
            done(&reply)
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
}

fn federation(interval: Duration) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": ISSUER,
            "publish": {"s3": {"bucket": ISSUER_BUCKET, "region": REGION}},
            "interval": format!("{}s", interval.as_secs()),
            "bindings": {
                "allowedNamespaces": {"from": "All"},
                "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess"],
                "inlinePolicies": "Allow",
                "permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess",
                "maxRolesPerNamespace": PER_NAMESPACE,
            },
        },
    })
}

/// The path of a namespace's bindings.
pub(crate) fn bindings_of(namespace: &str) -> String {
    format!("/apis/irsa-anywhere.dev/v1alpha1/namespaces/{namespace}/iamrolebindings")
}

/// One of them.
pub(crate) fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding", "metadata": {"name": name},
        "spec": {
            "serviceAccounts": [{"name": name}],
            "policies": {
                "managed": ["AmazonS3ReadOnlyAccess"],
                "inline": [{"name": "list", "document": {"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::acme-data"}]}}],
            },
        },
    })
}
