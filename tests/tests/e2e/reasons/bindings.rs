//! Bindings that cannot be made, each for a reason of its own and in a namespace of its own.

use std::time::Duration;

use irsa_core::{naming::default_role_name_prefix, vocabulary::Reason};
use irsa_testkit::aws::Service;
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER, REGION, objects::condition},
};
use serde_json::{Value, json};

use super::{Bench, always, case};

/// A namespace that the federation serves, with a ServiceAccount `app`.
fn namespace(name: &str) -> [Value; 2] {
    [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"irsa": "yes"}}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": name}}),
    ]
}

fn binding(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"serviceAccounts": [{"name": "app"}]},
    })
}

/// A binding with one field of its spec set.
fn with(namespace: &str, name: &str, field: &str, value: Value) -> Value {
    let mut binding = binding(namespace, name);
    binding["spec"][field] = value;
    binding
}

const NAMESPACES: [&str; 18] = [
    "borrowed",
    "astray",
    "early",
    "lonely",
    "annotated",
    "rivals",
    "names",
    "foreign",
    "long",
    "policy",
    "inline",
    "full",
    "denied",
    "throttled",
    "settling",
    "kept",
    "asleep",
    "malformed",
];

pub(super) async fn provoke(bench: &mut Bench) {
    let prefix = default_role_name_prefix(ISSUER);
    let mut things: Vec<Value> = NAMESPACES.into_iter().flat_map(namespace).collect();
    things.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "closed"}}));
    things.push(json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "app", "namespace": "annotated",
                     "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/by-hand"}},
    }));
    bench.apply_all(things).await;
    let config = admin::root(&bench.world.aws, ACCOUNT, REGION).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&config);
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    iam.create_role()
        .role_name(format!("{prefix}foreign.app"))
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .unwrap();
    let aws = &bench.world.aws;
    aws.add_fault(always("iam:AttachRolePolicy", "settling", 404, "NoSuchEntity"));

    let many: Vec<Value> = (0..16)
        .map(|i| json!({"name": format!("{}-{i}", "a".repeat(200))}))
        .collect();
    let policies = |managed: &str| json!({"managed": [managed]});
    let inline = json!({"inline": [{"name": "list", "document": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}}]});
    let mut older = vec![
        with("astray", "app", "federationRef", json!({"name": "nowhere"})),
        with("early", "app", "federationRef", json!({"name": "mismatch"})),
        binding("closed", "app"),
        with("lonely", "app", "serviceAccounts", json!([{"name": "nobody"}])),
        binding("annotated", "app"),
        binding("rivals", "first"),
        with("names", "first", "role", json!({"name": format!("{prefix}names.same")})),
        binding("foreign", "app"),
        with("long", "app", "serviceAccounts", json!(many)),
        with("policy", "app", "policies", policies("AdministratorAccess")),
        with("inline", "app", "policies", inline),
        binding("denied", "denied"),
        with("settling", "app", "policies", policies("AmazonS3ReadOnlyAccess")),
        binding("kept", "app"),
        with(
            "borrowed",
            "app",
            "existingRole",
            json!({"arn": format!("arn:aws:iam::{ACCOUNT}:role/{prefix}foreign.app")}),
        ),
    ];
    older.extend(["a", "b"].map(|name| with("full", name, "serviceAccountMode", json!("None"))));
    // An IAM that is slow at first, so that what is being done is said before it is done.
    aws.set_latency(Service::Iam, Duration::from_secs(2));
    bench.apply_all(older).await;
    let being_made = |object: &Value| {
        condition(object, "Ready").is_some_and(|ready| ready["reason"] == Reason::Progressing.as_str())
    };
    bench.recorder.wait_for("kept", "app", being_made).await;
    bench.world.aws.set_latency(Service::Iam, Duration::ZERO);
    // The older of two is the one that was created in an earlier second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut same = with(
        "names",
        "second",
        "role",
        json!({"name": format!("{prefix}names.SAME")}),
    );
    same["spec"]["serviceAccountMode"] = "None".into();
    bench
        .apply_all(vec![
            binding("rivals", "second"),
            same,
            with("full", "c", "serviceAccountMode", json!("None")),
        ])
        .await;

    bench
        .see(&[
            case(
                "borrowed",
                "app",
                Reason::RoleMismatch,
                &["does not let system:serviceaccount:borrowed:app in", "not written here"],
            ),
            case("astray", "app", Reason::FederationNotFound, &["nowhere", "create it"]),
            case(
                "early",
                "app",
                Reason::FederationNotReady,
                &["mismatch", "conditions say why"],
            ),
            case(
                "closed",
                "app",
                Reason::NamespaceNotAllowed,
                &["closed", "allowedNamespaces"],
            ),
            case(
                "lonely",
                "app",
                Reason::ServiceAccountNotFound,
                &["nobody", "serviceAccountMode: Create"],
            ),
            case(
                "annotated",
                "app",
                Reason::AnnotationConflict,
                &["eks.amazonaws.com/role-arn", "not overwritten"],
            ),
            case(
                "rivals",
                "second",
                Reason::ServiceAccountTaken,
                &["IamRoleBinding first", "one role"],
            ),
            case(
                "names",
                "second",
                Reason::RoleNameTaken,
                &["names/first", "ignores case"],
            ),
            case("foreign", "app", Reason::ForeignRole, &["foreign.app"]),
            case("long", "app", Reason::TrustPolicyTooLarge, &["2048"]),
            case(
                "policy",
                "app",
                Reason::PolicyNotAllowed,
                &["AdministratorAccess", "allowedManagedPolicies"],
            ),
            case("inline", "app", Reason::InlineNotAllowed, &["spec.policies.inline"]),
            case("full", "c", Reason::QuotaExceeded, &["2 roles", "maxRolesPerNamespace"]),
            case("denied", "denied", Reason::AccessDenied, &["iam:", "Deny"]),
            case("settling", "app", Reason::Propagating, &["everywhere yet"]),
            case("kept", "app", Reason::Succeeded, &[]),
        ])
        .await;

    role_in_use(bench, &iam, &format!("{prefix}kept.app")).await;
    suspended(bench).await;
    malformed(bench).await;
    throttled(bench).await;
}

/// Somebody put the role into an instance profile: it cannot go before that does.
async fn role_in_use(bench: &mut Bench, iam: &aws_sdk_iam::Client, role: &str) {
    iam.create_instance_profile()
        .instance_profile_name("theirs")
        .send()
        .await
        .unwrap();
    iam.add_role_to_instance_profile()
        .instance_profile_name("theirs")
        .role_name(role)
        .send()
        .await
        .unwrap();
    let kubectl = ["delete", "iamrolebinding", "app", "-n", "kept", "--wait=false"];
    bench.world.kubectl(&kubectl).await.unwrap();
    bench
        .see(&[case("kept", "app", Reason::RoleInUse, &["instance profile"])])
        .await;
}

async fn suspended(bench: &mut Bench) {
    bench.apply(&binding("asleep", "app")).await;
    bench.see(&[case("asleep", "app", Reason::Succeeded, &[])]).await;
    bench.apply(&with("asleep", "app", "suspend", json!(true))).await;
    bench.see(&[case("asleep", "app", Reason::Suspended, &[])]).await;
}

/// Inline policies must be allowed, and bounded, before one of them can be wrong.
async fn malformed(bench: &mut Bench) {
    let account = bench.world.aws.account(ACCOUNT);
    let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let boundary = account.put_managed_policy("boundary", all).unwrap();
    let patch = json!({"spec": {"bindings": {"inlinePolicies": "Allow", "permissionsBoundary": boundary}}}).to_string();
    let kubectl = ["patch", "oidcfederation", "default", "--type=merge", "-p", &patch];
    bench.world.kubectl(&kubectl).await.unwrap();
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps", "Action": "s3:*", "Resource": "*"}]});
    let inline = json!({"inline": [{"name": "wrong", "document": document}]});
    bench.apply(&with("malformed", "app", "policies", inline)).await;
    let parts: &[&str] = &["spec.policies.inline[0].document", "Effect"];
    bench
        .see(&[case("malformed", "app", Reason::MalformedPolicy, parts)])
        .await;
    // What was refused for the guard-rail alone is made now, with the boundary.
    bench.see(&[case("inline", "app", Reason::Succeeded, &[])]).await;
}

/// Last, because it slows every call down.
async fn throttled(bench: &mut Bench) {
    let aws = &bench.world.aws;
    aws.add_fault(always("iam:CreateRole", "throttled", 400, "Throttling"));
    bench.apply(&binding("throttled", "app")).await;
    let parts: &[&str] = &["iam:CreateRole", "Throttling"];
    bench.see(&[case("throttled", "app", Reason::Throttled, parts)]).await;
}
