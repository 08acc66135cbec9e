//! What the injection of a pod costs: by the webhook, asked as an API server asks it, and by the policy, within the API server.

use std::time::{Duration, Instant};

use futures::{StreamExt, future::try_join_all, stream};
use irsa_core::vocabulary::{EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL, POD_REGION, POD_SESSION_NAME};
use irsa_testkit::controlplane::{ApiClient, ControlPlane};
use irsa_tests::world::{OPERATOR_NAMESPACE, Problem, Webhook, repository};
use serde_json::{Value, json};

use crate::{
    process::{is_release, peak_megabytes, resident_megabytes},
    reviewer::Reviewer,
};

/// ServiceAccounts in the webhook's cache.
const ACCOUNTS: usize = 5_000;
/// Namespaces that they are in.
const NAMESPACES: usize = 50;
const CLIENTS: usize = 32;
const REVIEWS: usize = 20_000;
/// Bound ServiceAccounts of the namespace in which a pod is created.
const BOUND: [usize; 4] = [1, 10, 100, 1_000];
const PODS: usize = 100;

/// The AWS pod-identity webhook's, as measured on a machine of this kind: one client, 32 clients, memory.
const PEER: Figures = Figures {
    alone: Duration::from_micros(310),
    crowded: Duration::from_millis(20),
    per_second: 6_300.0,
    megabytes: 27.0,
};
/// The most that the webhook may take.
const MEGABYTES: f64 = 12.0;
/// Who ask about large pods and read no answer: as many as a replica takes.
const FLOOD: usize = 256;
/// The webhook hangs up on them sooner.
const UNREAD: Duration = Duration::from_secs(15);
/// The most that the webhook may have had then: three quarters of its limit in `config/webhook/deployment.yaml`.
const FLOODED: f64 = 192.0;

/// What was measured of a webhook.
struct Figures {
    /// Half of the reviews of one client were faster.
    alone: Duration,
    /// Of those of 32 clients all but one in a hundred.
    crowded: Duration,
    per_second: f64,
    megabytes: f64,
}

/// Measures both. What is over its target.
pub(crate) async fn run() -> Result<Vec<String>, Problem> {
    let cluster = ControlPlane::builder().audit(false).start().await?;
    cluster.create_namespace(OPERATOR_NAMESPACE).await?;
    cluster.apply_file(&repository().join("config/webhook"), true).await?;
    let before = bind_many(&cluster).await?;
    let directory = tempfile::tempdir()?;
    let webhook = Webhook::install(&cluster, directory.path()).await?;
    let figures = of_webhook(&cluster, &webhook, &before).await?;
    println!("| webhook | p50, 1 client | p99, {CLIENTS} clients | reviews per second | memory |");
    println!("|---|---|---|---|---|");
    row("AWS's", &PEER);
    row("ours", &figures);
    let mut missed = judge(&figures);
    missed.extend(flood(&cluster, &webhook, &before).await?);
    drop(webhook);

    println!(
        "\n| bound ServiceAccounts in the namespace | a pod's creation | with the webhook | with the policy | of the policy, per account |"
    );
    println!("|---|---|---|---|---|");
    of_carriers(&cluster, directory.path()).await?;
    Ok(missed)
}

fn row(who: &str, figures: &Figures) {
    println!(
        "| {who} | {:.2} ms | {:.1} ms | {:.0} | {:.1} MB |",
        milliseconds(figures.alone),
        milliseconds(figures.crowded),
        figures.per_second,
        figures.megabytes
    );
}

fn judge(figures: &Figures) -> Vec<String> {
    if !is_release() {
        println!("(a debug build: not judged)");
        return Vec::new();
    }
    let targets = [
        ("p50 with one client", figures.alone <= PEER.alone / 2),
        ("p99 with 32 clients", figures.crowded <= PEER.crowded / 2),
        ("reviews per second", figures.per_second >= PEER.per_second * 2.0),
        ("memory", figures.megabytes <= MEGABYTES),
    ];
    let missed = targets.into_iter().filter(|(_, met)| !met);
    missed.map(|(what, _)| format!("the webhook: {what}")).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Binds ServiceAccounts all over the cluster. The pod of one of them, as admission sees it before anything injects.
async fn bind_many(cluster: &ControlPlane) -> Result<Value, Problem> {
    for index in 0..NAMESPACES {
        cluster.create_namespace(&format!("team-{index}")).await?;
    }
    let binding = stream::iter(0..ACCOUNTS).map(|index| bind(cluster, index % NAMESPACES, index));
    let bound: Vec<Result<(), Problem>> = binding.buffer_unordered(16).collect().await;
    bound.into_iter().collect::<Result<(), _>>()?;
    create(cluster.client()?, "team-0", "app-0").await.map(|(pod, _)| pod)
}

async fn bind(cluster: &ControlPlane, namespace: usize, index: usize) -> Result<(), Problem> {
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": format!("app-{index}"), "labels": {INJECT_LABEL: INJECT_LABEL_MANUAL},
            "annotations": {
                EKS_ROLE_ARN: format!("arn:aws:iam::123456789012:role/irsa/0a1b2c3d/irsa-0a1b2c3d-team-{namespace}.app-{index}"),
                POD_REGION: "eu-central-1", POD_SESSION_NAME: "PodName",
            },
        },
    });
    let path = format!("/api/v1/namespaces/team-{namespace}/serviceaccounts");
    let reply = cluster.client()?.post(&path, &account).await?;
    if reply.is_success() {
        Ok(())
    } else {
        Err(reply.message().into())
    }
}

/// A pod of two containers as the API server leaves it, and how long that took; nothing is stored.
async fn create(client: &ApiClient, namespace: &str, account: &str) -> Result<(Value, Duration), Problem> {
    let container = |name: &str| {
        json!({
            "name": name, "image": "registry.example.com/app:v1",
            "env": [{"name": "LOG_LEVEL", "value": "info"}],
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        })
    };
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "app-", "labels": {"app.kubernetes.io/name": "app"}},
        "spec": {"serviceAccountName": account, "containers": [container("app"), container("proxy")]},
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All");
    let begun = Instant::now();
    let reply = client.post(&path, &pod).await?;
    let took = begun.elapsed();
    if reply.is_success() {
        Ok((reply.body, took))
    } else {
        Err(reply.message().into())
    }
}

/// Floods the webhook with large pods whose answers nobody reads, twice, and says what it keeps. What is over its target.
async fn flood(cluster: &ControlPlane, webhook: &Webhook, pod: &Value) -> Result<Option<String>, Problem> {
    let reviewer = reviewer(cluster, webhook, pod).await?;
    let pid = webhook.process().pid().ok_or("the webhook has no pid")?;
    for round in 1..=2 {
        let asking = (1..=FLOOD).map(|index| {
            // From few containers to as many as a pod may have, with parts in between.
            let container = pod.pointer("/spec/containers/0").cloned().unwrap_or_default();
            let containers = vec![container; index * 997 % 1_000 + 1];
            let mut large = pod.clone();
            if let Some(there) = large.pointer_mut("/spec/containers") {
                *there = containers.into();
            }
            let reviewer = reviewer.about(&large);
            async move { tokio::spawn(async move { reviewer?.ask_and_not_read(8, UNREAD).await }).await? }
        });
        try_join_all(asking).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        println!(
            "flood {round} of {FLOOD} clients that read nothing: {:.1} MB at the most, {:.1} MB afterwards",
            peak_megabytes(pid)?,
            resident_megabytes(pid)?
        );
    }
    // It goes on as before.
    reviewer.ask(1, 100).await?;
    let is_over = is_release() && peak_megabytes(pid)? > FLOODED;
    Ok(is_over.then(|| "the webhook: memory in a flood".to_owned()))
}

async fn reviewer(cluster: &ControlPlane, webhook: &Webhook, pod: &Value) -> Result<Reviewer, Problem> {
    let configuration = cluster.client()?.get(&webhook.configuration()).await?.body;
    let bundle = configuration
        .pointer("/webhooks/0/clientConfig/caBundle")
        .and_then(Value::as_str);
    Reviewer::new(webhook.address(), bundle.ok_or("nobody trusts the webhook")?, pod)
}

async fn of_webhook(cluster: &ControlPlane, webhook: &Webhook, pod: &Value) -> Result<Figures, Problem> {
    let reviewer = reviewer(cluster, webhook, pod).await?;
    reviewer.ask(1, REVIEWS / 10).await?;
    let mut alone = reviewer.ask(1, REVIEWS / 4).await?;
    let begun = Instant::now();
    let each = REVIEWS / CLIENTS * 4;
    let crowd = try_join_all((0..CLIENTS).map(|_| {
        let reviewer = reviewer.clone();
        async move { tokio::spawn(async move { reviewer.ask(1, each).await }).await? }
    }));
    let mut crowded: Vec<Duration> = crowd.await?.into_iter().flatten().collect();
    let took = begun.elapsed();
    Ok(Figures {
        alone: percentile(&mut alone, 50),
        #[allow(clippy::cast_precision_loss, reason = "some ten thousand")]
        per_second: crowded.len() as f64 / took.as_secs_f64(),
        crowded: percentile(&mut crowded, 99),
        megabytes: resident_megabytes(webhook.process().pid().ok_or("the webhook has no pid")?)?,
    })
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default()
}

/// A pod's creation in namespaces with so many bound ServiceAccounts: without a carrier, with the webhook, with the policy.
async fn of_carriers(cluster: &ControlPlane, directory: &std::path::Path) -> Result<(), Problem> {
    let remove = |kind: &str, name: &str| format!("/apis/admissionregistration.k8s.io/v1/{kind}/{name}");
    let client = cluster.client()?;
    for count in BOUND {
        // Beside the namespaces that there are.
        let namespace = NAMESPACES + count;
        cluster.create_namespace(&format!("team-{namespace}")).await?;
        let binding = stream::iter(0..count).map(|index| bind(cluster, namespace, index));
        let bound: Vec<Result<(), Problem>> = binding.buffer_unordered(16).collect().await;
        bound.into_iter().collect::<Result<(), _>>()?;
    }
    client
        .delete(&remove("mutatingwebhookconfigurations", "irsa-anywhere-webhook"))
        .await?;
    let mut rows: Vec<[Duration; 3]> = Vec::new();
    for count in BOUND {
        rows.push([median(cluster, count, None).await?, Duration::ZERO, Duration::ZERO]);
    }
    cluster.apply_file(&repository().join("config/webhook"), true).await?;
    let webhook = Webhook::install(cluster, directory).await?;
    for (count, row) in BOUND.into_iter().zip(&mut rows) {
        row[1] = median(cluster, count, Some(true)).await?;
    }
    client
        .delete(&remove("mutatingwebhookconfigurations", "irsa-anywhere-webhook"))
        .await?;
    webhook.stop().await;
    cluster.apply_file(&repository().join("config/inject"), true).await?;
    for (count, row) in BOUND.into_iter().zip(&mut rows) {
        row[2] = median(cluster, count, Some(true)).await?;
    }
    for (count, [plain, by_webhook, by_policy]) in BOUND.into_iter().zip(rows) {
        let more = by_policy.saturating_sub(plain);
        println!(
            "| {count} | {:.2} ms | {:.2} ms | {:.2} ms | {:.3} ms |",
            milliseconds(plain),
            milliseconds(by_webhook),
            milliseconds(by_policy),
            milliseconds(more) / f64::from(u32::try_from(count).unwrap_or(u32::MAX)),
        );
    }
    Ok(())
}

/// The median of a pod's creation, once it is injected, or whether it is or not.
async fn median(cluster: &ControlPlane, count: usize, injected: Option<bool>) -> Result<Duration, Problem> {
    let namespace = format!("team-{}", NAMESPACES + count);
    let client = cluster.client()?.keeping_connections();
    let is_injected = |pod: &Value| pod.to_string().contains("AWS_ROLE_ARN");
    let begun = Instant::now();
    while let (Some(injected), (pod, _)) = (injected, create(&client, &namespace, "app-0").await?) {
        if is_injected(&pod) == injected {
            break;
        }
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(format!("pods of {namespace} are not injected").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut times = Vec::with_capacity(PODS);
    for _ in 0..PODS {
        times.push(create(&client, &namespace, "app-0").await?.1);
    }
    Ok(percentile(&mut times, 50))
}
