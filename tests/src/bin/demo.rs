//! The main job, live: from two resources to a pod identity that AWS accepts. Run it with `make demo`.

use std::{env, process::ExitCode, time::Duration};

use irsa_testkit::aws::Credentials;
use irsa_tests::tokens::Token;
use irsa_tests::world::{
    ACCOUNT, DATA_BUCKET, ISSUER, Operator, PodIdentity, Problem, World, objects::is_ready, pods::variable, repository,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// What `kubectl irsa doctor` ends with where something is wrong.
const CAUSE_FOUND: i32 = 3;
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("\ndemo: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Problem> {
    step("A real kube-apiserver and etcd, and an AWS double that really verifies tokens");
    let mut world = World::start().await?;
    say(&format!("The API server signs ServiceAccount tokens as {ISSUER}"));
    say("AWS trusts it not at all yet: there is an empty bucket, and no identity provider.");

    step("The operator, as its own ServiceAccount and under the IAM policy of docs/iam-policy.json");
    if env::var_os("IRSA_DEMO_WITHOUT_OPERATOR").is_none() {
        world.start_operator_as_shipped().await?;
    }

    step("kubectl apply -k config/samples");
    print(
        &world
            .cluster
            .apply_file(&repository().join("config/samples"), true)
            .await?,
    );
    watch(&world).await?;

    step("A plain pod of ServiceAccount app, as it comes back from admission");
    let identity = world.pod_identity("default", "app").await?;
    for (name, value) in identity.variables() {
        let in_the_pod = variable(&identity.pod, &name).filter(|shown| !shown.is_empty());
        say(&format!("{name}={}", in_the_pod.unwrap_or(&value)));
    }
    say(&format!(
        "and a token volume with audience {}, {} s",
        identity.audience, identity.expiration_seconds
    ));

    step("An unmodified boto3 with these variables and nothing else lists a bucket");
    accepted(&world, &identity)?;
    step("The same as AWS saw it: CloudTrail names the pod");
    say(&format!("The pod is named {}.", identity.name()));
    for call in world.calls_of_pods() {
        let caller = call.caller.map(|caller| format!(" as {caller}")).unwrap_or_default();
        say(&format!("{} at {}{caller}", call.operation, call.host));
    }

    step("The same claims, signed by somebody else");
    refused(&world, &identity.showing(&forged(&identity.token)?)?)?;

    step("kubectl irsa doctor: that pod, and one that sets a key of its own");
    let root = world.aws.account(ACCOUNT).root_credentials();
    let pod = identity.pod.pointer("/metadata/name").and_then(|name| name.as_str());
    examined(&world, &root, pod.ok_or("the pod has no name")?, 0).await?;
    let broken = broken_pod(&world).await?;
    examined(&world, &root, &broken, CAUSE_FOUND).await?;

    if env::var("KEEP").is_ok_and(|keep| keep == "1") {
        step("KEEP=1: everything goes on running until Ctrl-C");
        say(&format!("export KUBECONFIG={}", world.cluster.kubeconfig().display()));
        say(&format!(
            "export HTTPS_PROXY={} AWS_CA_BUNDLE={}",
            world.aws.proxy_url(),
            world.aws.ca_bundle().display()
        ));
        tokio::signal::ctrl_c().await?;
    }
    println!("\nDone: everything that was started is stopped.");
    Ok(())
}

/// Shows both objects whenever they look different, until both are ready.
async fn watch(world: &World) -> Result<(), Problem> {
    let deadline = Instant::now() + PATIENCE;
    let mut shown = String::new();
    loop {
        let federation = world.get("oidcfederation", "default", "default").await?;
        let binding = world.get("iamrolebinding", "default", "app").await?;
        let table = world.kubectl(&["get", "oidcfederation,iamrolebinding"]).await?;
        let without_age = table.lines().map(without_last_word).collect::<Vec<_>>().join("\n");
        if without_age != shown {
            print(&table);
            shown = without_age;
        }
        match (federation, binding) {
            (Some(federation), Some(binding)) if is_ready(&federation) && is_ready(&binding) => return Ok(()),
            _ if Instant::now() > deadline => {
                let log = world
                    .operator()
                    .map_or_else(|problem| problem.to_string(), Operator::log_tail);
                return Err(format!("not ready after {} s\n{log}", PATIENCE.as_secs()).into());
            }
            _ => sleep(Duration::from_millis(200)).await,
        }
    }
}

fn without_last_word(line: &str) -> &str {
    line.trim_end().rsplit_once(' ').map_or(line, |(rest, _)| rest)
}

fn accepted(world: &World, identity: &PodIdentity) -> Result<(), Problem> {
    let answer = world.boto3_lists(identity, DATA_BUCKET)?;
    let answer = answer.map_err(|error| format!("AWS refused the pod: {error}"))?;
    print(&format!("{answer:#}"));
    let session = format!("/{}", identity.name());
    if !answer
        .get("arn")
        .and_then(|arn| arn.as_str())
        .is_some_and(|arn| arn.ends_with(&session))
    {
        return Err(format!("the session is not named {}", identity.name()).into());
    }
    Ok(())
}

fn refused(world: &World, identity: &PodIdentity) -> Result<(), Problem> {
    match world.boto3_lists(identity, DATA_BUCKET)? {
        Ok(answer) => Err(format!("AWS accepted a forged token: {answer}").into()),
        Err(error) => {
            print(&error);
            Ok(())
        }
    }
}

/// The token with the signature of another key.
fn forged(token: &str) -> Result<String, Problem> {
    let key = irsa_testkit::controlplane::SigningKey::generate_rsa()?;
    Token::parse(token)?.signed_by(&key)
}

/// A pod whose container brings credentials of its own.
async fn broken_pod(world: &World) -> Result<String, Problem> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "app-with-a-key-"},
        "spec": {"serviceAccountName": "app", "containers": [{
            "name": "app", "image": "app", "env": [{"name": "AWS_ACCESS_KEY_ID", "value": "AKIAIOSFODNN7EXAMPLE"}],
        }]},
    });
    let reply = world
        .cluster
        .client()?
        .post("/api/v1/namespaces/default/pods", &pod)
        .await?;
    let name = reply.body.pointer("/metadata/name").and_then(|name| name.as_str());
    Ok(name.ok_or_else(|| reply.message())?.to_owned())
}

/// What the doctor says of a pod, which must end with this code.
async fn examined(world: &World, credentials: &Credentials, pod: &str, code: i32) -> Result<(), Problem> {
    let output = world.irsa(&["doctor", "pod", pod], Some(credentials)).await?;
    print(&output.out);
    if output.code == code {
        return Ok(());
    }
    Err(format!(
        "kubectl irsa doctor ended with {} and not with {code}: {}",
        output.code, output.err
    )
    .into())
}

fn step(title: &str) {
    println!("\n── {title}");
}

fn say(line: &str) {
    println!("   {line}");
}

fn print(text: &str) {
    for line in text.trim_end().lines() {
        println!("   │ {line}");
    }
}
