//! What a fleet costs the API server alone: the requests that make a binding, each with the content that the operator gives it,
//! from a client that does nothing else and waits for nobody. No operator can make a fleet sooner on this machine.

#![allow(
    clippy::indexing_slicing,
    reason = "answers of the API server: what one lacks is null"
)]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use irsa_testkit::controlplane::{ApiClient, SigningKey};
use irsa_tests::world::{OPERATOR_NAMESPACE, Problem, World};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::population::{DEADLINE, Population, binding, bindings_of, done};

/// As many as the operator looks at by default.
const AT_A_TIME: usize = 24;

/// One binding as the operator leaves it, with its ServiceAccount and the event that tells of it.
struct Made {
    binding: Value,
    account: Value,
    event: Value,
}

/// How long the requests for so many bindings take.
pub(crate) async fn measure(size: usize, interval: Duration) -> Result<Duration, Problem> {
    let made = made_by_the_operator(interval).await?;
    let world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(size);
    population.prepare(&world, interval, 0).await?;
    let (client, made) = (&world.cluster.client()?.keeping_connections(), &made);
    let begun = Instant::now();
    stream::iter(population.places())
        .map(|(namespace, name)| async move { made.again(client, &namespace, &name).await })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    Ok(begun.elapsed())
}

async fn made_by_the_operator(interval: Duration) -> Result<Made, Problem> {
    let mut world = World::start_signing_with(SigningKey::generate_rsa()?).await?;
    let population = Population::of(1);
    population.prepare(&world, interval, 0).await?;
    world.start_operator().await?;
    world.federation_ready("default").await?;
    population.create(&world).await?;
    population.until_ready(&world).await?;
    let (namespace, name) = population.places().next().ok_or("a population of one")?;
    let client = world.cluster.client()?;
    let events = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    let deadline = Instant::now() + DEADLINE;
    let event = loop {
        if Instant::now() > deadline {
            return Err("no event tells of a binding that was made".into());
        }
        let listed = client.get(&events).await?;
        if let Some(event) = listed.body.pointer("/items/0") {
            break event.clone();
        }
        sleep(Duration::from_millis(200)).await;
    };
    Ok(Made {
        binding: client.get(&format!("{}/{name}", bindings_of(&namespace))).await?.body,
        account: client.get(&account_path(&namespace, &name)).await?.body,
        event,
    })
}

fn account_path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
}

impl Made {
    /// All that is asked of the API server for another one.
    async fn again(&self, client: &ApiClient, namespace: &str, name: &str) -> Result<(), Problem> {
        let bindings = bindings_of(namespace);
        let of_binding = format!("{bindings}/{name}");
        let created = client.post(&bindings, &binding(name)).await?;
        done(&created)?;
        let uid = &created.body["metadata"]["uid"];

        let finalizers = json!({"metadata": {"finalizers": self.binding["metadata"]["finalizers"]}});
        done(
            &client
                .merge_patch(&format!("{of_binding}?fieldManager=a"), &finalizers)
                .await?,
        )?;

        let of_account = account_path(namespace, name);
        done(&client.get(&of_account).await?)?;
        let metadata = &self.account["metadata"];
        let applied = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {
            "name": name, "annotations": metadata["annotations"], "labels": metadata["labels"]}});
        done(&client.apply(&format!("{of_account}?fieldManager=b"), &applied).await?)?;

        // The proof: a token that must be refused, and those that are shown to STS.
        let token = |namespace: &str, name: &str| format!("{}/token", account_path(namespace, name));
        let wanted = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 600}});
        let own = token(namespace, name);
        let canary = token(OPERATOR_NAMESPACE, "irsa-anywhere-canary");
        for path in [format!("{own}?dryRun=All"), own, canary] {
            done(&client.post(&path, &wanted).await?)?;
        }

        let status = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "add", "path": "/status", "value": self.binding["status"]},
        ]);
        let path = format!("{of_binding}/status?fieldManager=c");
        done(&client.json_patch(&path, &status).await?)?;

        let mut event = self.event.clone();
        event["metadata"] = json!({"namespace": namespace, "name": format!("{name}.1")});
        event["regarding"]["namespace"] = json!(namespace);
        event["regarding"]["name"] = json!(name);
        event["regarding"]["uid"] = uid.clone();
        done(
            &client
                .post(&format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"), &event)
                .await?,
        )
    }
}
