//! Every call about a binding and about a federation fails in every way, many objects at a time: one fault each, so that
//! each must get over its own and none waits for another's.

use std::{collections::BTreeMap, time::Duration};

use irsa_testkit::{
    aws::{
        AwsError, Entry, Fault, FaultRule,
        s3::{BucketOptions, PublicAccessBlock},
    },
    controlplane::SigningKey,
};
use irsa_tests::world::{ACCOUNT, ISSUER_BUCKET, REGION, World, objects::says};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{scene, snapshot};

/// More than the SDK tries by itself, so that the operator itself must try again.
const STUBBORN: usize = 5;
/// So long without any object that ends. How long all of them take depends on the pace: what is throttled slows down the calls
/// of the others, too, and one call a second is the least.
const STANDSTILL: Duration = Duration::from_mins(3);

/// What happens to a call, and how often in a row.
fn faults() -> Vec<(&'static str, Fault, usize)> {
    let error = |status, code: &str| AwsError::new(status, code, "provoked by a test");
    vec![
        ("throttled", Fault::ErrorBefore(error(400, "Throttling")), STUBBORN),
        ("failing", Fault::ErrorBefore(error(500, "ServiceFailure")), STUBBORN),
        (
            "failing after the effect",
            Fault::ErrorAfter(error(500, "ServiceFailure")),
            STUBBORN,
        ),
        ("refused", Fault::ErrorBefore(error(403, "AccessDenied")), 2),
        ("slow", Fault::Delay(Duration::from_secs(8)), 2),
        ("hanging", Fault::Hang, 1),
        ("hanging after the effect", Fault::HangAfter, 1),
        ("cut after the effect", Fault::CutAfter, STUBBORN),
    ]
}

/// An object that gets one fault of one call.
#[derive(Debug)]
struct Case {
    /// Name of the object, and part of every resource of its own.
    name: String,
    what: String,
    rule: FaultRule,
}

/// One case for each call that a pilot object made and each fault. Of a call that is made several times each is one.
fn cases(calls: &[Entry], prefix: &str, marker: impl Fn(&str) -> String) -> Vec<Case> {
    let mut seen = BTreeMap::<&str, usize>::new();
    let mut cases = Vec::new();
    for call in calls {
        let count = seen.entry(&call.operation).or_default();
        for (what, fault, times) in faults() {
            let name = format!("{prefix}{:03}", cases.len());
            let rule = FaultRule::new(&call.operation, times, fault)
                .on(&marker(&name))
                .after(*count);
            cases.push(Case {
                what: format!("{} #{count} {what}", call.operation),
                rule,
                name,
            });
        }
        *count += 1;
    }
    cases
}

/// The operator's calls whose resource has this in it.
fn calls_about(world: &World, from: irsa_testkit::aws::Mark, marker: &str) -> Vec<Entry> {
    let mut calls = world.aws.since(from);
    calls.retain(|call| call.resource.contains(marker) && (call.caller.is_some() || call.anonymous));
    calls
}

/// A world in which the operator may do everything, with one federation that is ready.
async fn start() -> World {
    let mut world = World::start_signing_with(SigningKey::generate_rsa().unwrap())
        .await
        .unwrap();
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    world.aws.account(ACCOUNT).create_user("irsa-anywhere", all).unwrap();
    // AWS raises it so far on request, and there is a federation for each case.
    world.aws.account(ACCOUNT).set_quotas(|quotas| quotas.providers = 700);
    // Many at a time, so that what hangs holds nobody up, and as fast as AWS lets it.
    world
        .start_operator_with(&["--concurrency=100", "--aws-calls-per-second=200"])
        .await
        .unwrap();
    let [mut federation, _] = scene::objects(false);
    federation["spec"]["bindings"]["maxRolesPerNamespace"] = json!(1000);
    scene::apply(&world, &[federation, scene::account()]).await;
    world.federation_ready("default").await.unwrap();
    world
}

/// Waits until all of these objects are so; where no more become so, says which are not.
async fn wait_for_all(world: &World, path: impl Fn(&str) -> String, cases: &[Case], so: impl Fn(&Value) -> bool) {
    let mut progress = Instant::now();
    let mut left: Vec<&Case> = cases.iter().collect();
    loop {
        let mut waiting = Vec::new();
        for case in &left {
            if !so(&snapshot::object(world, &path(&case.name)).await) {
                waiting.push(*case);
            }
        }
        if waiting.len() < left.len() {
            progress = Instant::now();
        }
        left = waiting;
        if left.is_empty() {
            return;
        }
        if progress.elapsed() > STANDSTILL {
            let first = snapshot::object(world, &path(&left[0].name)).await;
            let what: Vec<&String> = left.iter().map(|case| &case.what).collect();
            panic!("never ended: {what:#?}\n{:#}", first["status"]["conditions"]);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn delete(world: &World, path: &str) {
    let reply = world.cluster.client().unwrap().delete(path).await.unwrap();
    assert!(reply.is_success(), "{}", reply.message());
}

/// Every fault was met, or the case shows nothing.
fn assert_spent(world: &World, cases: &[Case]) {
    let left = world.aws.faults_unmet();
    assert!(
        left * 5 <= cases.len(),
        "{left} of {} faults were never met",
        cases.len()
    );
}

fn binding_path(name: &str) -> String {
    format!("/apis/irsa-anywhere.dev/v1alpha1/namespaces/default/iamrolebindings/{name}")
}

fn binding(name: &str, changed: bool) -> Value {
    let [_, mut binding] = scene::objects(changed);
    binding["metadata"]["name"] = name.into();
    // The names of many objects are part of no ServiceAccount.
    binding["spec"]["serviceAccountMode"] = "None".into();
    binding["spec"]["audiences"] = json!(["sts.amazonaws.com"]);
    binding["spec"]["role"]["maxSessionDuration"] = json!(if changed { "2h" } else { "1h" });
    binding
}

/// The role of a binding, without what its name makes different.
fn role(world: &Value, name: &str) -> String {
    let roles = world["roles"].as_object().unwrap();
    let (_, role) = roles
        .iter()
        .find(|(role, _)| role.ends_with(&format!(".{name}")))
        .unwrap();
    role.to_string().replace(name, "NAME")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_gets_over_every_fault_of_every_call() {
    let world = start().await;
    let ready = |binding: &Value| irsa_tests::world::objects::is_ready(binding);
    let gone = Value::is_null;
    let marker = |name: &str| format!("default.{name}");
    let pilot = marker("pilot");
    let mut pilots = Vec::new();
    for act in ["create", "update", "delete"] {
        let mark = world.aws.mark();
        match act {
            "delete" => delete(&world, &binding_path("pilot")).await,
            act => scene::apply_at(&world, &binding_path("pilot"), &binding("pilot", act == "update")).await,
        }
        let one = [Case {
            name: "pilot".to_owned(),
            what: act.to_owned(),
            rule: FaultRule::new("none", 0, Fault::Hang),
        }];
        if act == "delete" {
            wait_for_all(&world, binding_path, &one, gone).await;
        } else {
            wait_for_all(&world, binding_path, &one, ready).await;
        }
        pilots.push(calls_about(&world, mark, &pilot));
    }

    let creating = cases(&pilots[0], "make", marker);
    let updating = cases(&pilots[1], "edit", marker);
    let deleting = cases(&pilots[2], "drop", marker);
    println!(
        "bindings: {} + {} + {} cases",
        creating.len(),
        updating.len(),
        deleting.len()
    );
    assert!(creating.len() >= 4 * 8 && updating.len() >= 8 * 8 && deleting.len() >= 6 * 8);

    for case in &creating {
        world.aws.add_fault(case.rule.clone());
    }
    for case in creating.iter().chain(&updating).chain(&deleting) {
        scene::apply_at(&world, &binding_path(&case.name), &binding(&case.name, false)).await;
    }
    for cases in [&creating, &updating, &deleting] {
        wait_for_all(&world, binding_path, cases, ready).await;
    }
    assert_spent(&world, &creating);
    world.aws.clear_faults();
    let made = snapshot::take(&world).await;
    let plain = role(&made, &deleting[0].name);
    for case in creating.iter().chain(&updating) {
        assert_eq!(role(&made, &case.name), plain, "{}", case.what);
    }

    for case in &updating {
        world.aws.add_fault(case.rule.clone());
        scene::apply_at(&world, &binding_path(&case.name), &binding(&case.name, true)).await;
    }
    wait_for_all(&world, binding_path, &updating, ready).await;
    assert_spent(&world, &updating);
    world.aws.clear_faults();
    scene::apply_at(&world, &binding_path("make000"), &binding("make000", true)).await;
    wait_for_all(&world, binding_path, &creating[..1], ready).await;
    let changed = snapshot::take(&world).await;
    for case in &updating {
        assert_eq!(role(&changed, &case.name), role(&changed, "make000"), "{}", case.what);
    }

    for case in &deleting {
        world.aws.add_fault(case.rule.clone());
        delete(&world, &binding_path(&case.name)).await;
    }
    wait_for_all(&world, binding_path, &deleting, gone).await;
    assert_spent(&world, &deleting);
    let left = snapshot::take(&world).await;
    let roles = left["roles"].as_object().unwrap().len();
    assert_eq!(roles, creating.len() + updating.len(), "no orphans");
}

fn federation_path(name: &str) -> String {
    format!("/apis/irsa-anywhere.dev/v1alpha1/oidcfederations/{name}")
}

/// A federation with a bucket of its own.
fn federation(name: &str) -> Value {
    let [mut federation, _] = scene::objects(false);
    let bucket = format!("{ISSUER_BUCKET}-{name}");
    federation["metadata"]["name"] = name.into();
    federation["spec"]["issuer"] = format!("https://{bucket}.s3.{REGION}.amazonaws.com/it").into();
    federation["spec"]["publish"]["s3"]["bucket"] = bucket.into();
    federation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federation_gets_over_every_fault_of_every_call() {
    let world = start().await;
    // The cluster signs as another issuer: everything is made but `Ready`.
    let made = |federation: &Value| {
        let aspects = ["Published", "PubliclyReadable", "ProviderRegistered"];
        says(federation, "Ready", "IssuerMismatch") && aspects.iter().all(|aspect| says(federation, aspect, "True"))
    };
    let marker = |name: &str| format!("{ISSUER_BUCKET}-{name}");
    let make_bucket = |name: &str| {
        let open = BucketOptions::in_region(REGION).with_public_access_block(Some(PublicAccessBlock::ACLS_ONLY));
        world.aws.account(ACCOUNT).create_bucket(&marker(name), open);
    };
    let pilot = [Case {
        name: "pilot".to_owned(),
        what: "pilot".to_owned(),
        rule: FaultRule::new("none", 0, Fault::Hang),
    }];
    make_bucket("pilot");
    let mark = world.aws.mark();
    scene::apply_at(&world, &federation_path("pilot"), &federation("pilot")).await;
    wait_for_all(&world, federation_path, &pilot, made).await;
    let creation = calls_about(&world, mark, &marker("pilot"));
    let mark = world.aws.mark();
    delete(&world, &federation_path("pilot")).await;
    wait_for_all(&world, federation_path, &pilot, Value::is_null).await;
    let deletion = calls_about(&world, mark, &marker("pilot"));

    let creating = cases(&creation, "make", marker);
    let deleting = cases(&deletion, "drop", marker);
    println!("federations: {} + {} cases", creating.len(), deleting.len());
    assert!(creating.len() >= 9 * 8 && deleting.len() >= 6 * 8);
    for case in &creating {
        make_bucket(&case.name);
        world.aws.add_fault(case.rule.clone());
        scene::apply_at(&world, &federation_path(&case.name), &federation(&case.name)).await;
    }
    wait_for_all(&world, federation_path, &creating, made).await;
    assert_spent(&world, &creating);
    world.aws.clear_faults();
    for case in &creating {
        delete(&world, &federation_path(&case.name)).await;
    }
    wait_for_all(&world, federation_path, &creating, Value::is_null).await;
    for case in &deleting {
        make_bucket(&case.name);
        scene::apply_at(&world, &federation_path(&case.name), &federation(&case.name)).await;
    }
    wait_for_all(&world, federation_path, &deleting, made).await;

    for case in &deleting {
        world.aws.add_fault(case.rule.clone());
        delete(&world, &federation_path(&case.name)).await;
    }
    wait_for_all(&world, federation_path, &deleting, Value::is_null).await;
    assert_spent(&world, &deleting);
    let providers = world.aws.account(ACCOUNT).provider_arns().len();
    assert_eq!(providers, 1, "no orphans");
    for case in &deleting {
        let empty = world.aws.s3(|s3| {
            let bucket = s3.bucket(&marker(&case.name)).unwrap();
            bucket.objects.is_empty() && bucket.policy.is_none()
        });
        assert!(empty, "{}", case.what);
    }
}
