//! Each right of `config/rbac` is used, and none that is used is missing: a rule that vanished, and one that nothing needs, is
//! seen here.

use irsa_testkit::controlplane::{AuditEntry, SigningKey};
use irsa_tests::world::{OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World};
use serde_json::{Value, json};

/// Operators of tests are told the API servers' addresses, and these API servers keep no EndpointSlice.
const ONLY_WITHOUT_A_FLAG: &str = "endpointslices";

const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");

/// A right as RBAC grants it: where (empty: everywhere), and one rule.
struct Right {
    namespace: String,
    verb: String,
    group: String,
    /// With its subresource behind a slash; a path for what is no resource.
    resource: String,
    names: Vec<String>,
}

impl Right {
    fn is_used_by(&self, call: &AuditEntry) -> bool {
        if self.resource.starts_with('/') {
            return call.uri == self.resource && call.verb == self.verb;
        }
        let slash = if call.subresource.is_empty() { "" } else { "/" };
        let resource = format!("{}{slash}{}", call.resource, call.subresource);
        // An apply of what is not there creates it, and is asked for that right, too.
        let verb = if call.verb == "patch" && call.code == 201 {
            "create"
        } else {
            call.verb.as_str()
        };
        verb == self.verb
            && call.group == self.group
            && resource == self.resource
            && (self.namespace.is_empty() || self.namespace == call.namespace)
            && (self.names.is_empty() || self.names.contains(&call.name))
    }

    fn in_words(&self) -> String {
        format!("{} {}/{} in {:?}", self.verb, self.group, self.resource, self.namespace)
    }
}

fn texts(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn rights_of(role: &Value) -> Vec<Right> {
    let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        let paths = texts(&rule["nonResourceURLs"]);
        let groups = if paths.is_empty() {
            texts(&rule["apiGroups"])
        } else {
            vec![String::new()]
        };
        let resources = if paths.is_empty() {
            texts(&rule["resources"])
        } else {
            paths
        };
        for verb in texts(&rule["verbs"]) {
            for group in &groups {
                rights.extend(resources.iter().map(|resource| Right {
                    namespace: namespace.to_owned(),
                    verb: verb.clone(),
                    group: group.clone(),
                    resource: resource.clone(),
                    names: texts(&rule["resourceNames"]),
                }));
            }
        }
    }
    rights
}

/// The rights of every role that is bound to the operator.
async fn granted(world: &World) -> Vec<Right> {
    let mut rights = Vec::new();
    for bindings in ["clusterrolebindings", "rolebindings"] {
        let listed = world.kubectl(&["get", bindings, "-A", "-o", "json"]).await.unwrap();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        for binding in listed["items"].as_array().unwrap() {
            let subject = json!({"kind": "ServiceAccount", "name": OPERATOR_ACCOUNT, "namespace": OPERATOR_NAMESPACE});
            if binding["subjects"]
                .as_array()
                .is_some_and(|subjects| subjects.contains(&subject))
            {
                let namespace = binding["metadata"]["namespace"].as_str().unwrap_or("default");
                let role = &binding["roleRef"];
                let (kind, name) = (role["kind"].as_str().unwrap(), role["name"].as_str().unwrap());
                let role = world.get(kind, namespace, name).await.unwrap().unwrap();
                rights.extend(rights_of(&role));
            }
        }
    }
    rights
}

#[tokio::test]
async fn every_right_of_the_operator_is_used_and_no_call_of_it_is_forbidden() {
    let mut world = World::as_shipped(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let made = json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "made", "namespace": "default"},
        "spec": {"serviceAccounts": [{"name": "made"}], "serviceAccountMode": "Create"},
    });
    world.cluster.apply_yaml(&made.to_string()).await.unwrap();
    world.binding_ready("default", "made").await.unwrap();
    // A key that is announced goes into the record.
    let next = SigningKey::generate_ec_p256().unwrap();
    let announced = json!({"name": "next", "publicKeyPem": next.public().pem()});
    let change = json!({"spec": {"signingKeys": {"additional": [announced]}}}).to_string();
    let patch = ["patch", "oidcfederation", "default", "--type", "merge", "-p", &change];
    world.kubectl(&patch).await.unwrap();
    let published = |federation: &Value| federation["status"]["publishedKeys"] == 2;
    world
        .wait_for("the announced key", FEDERATION, published)
        .await
        .unwrap();
    // Where no policy injects, webhooks are looked for.
    let policies = ["delete", "mutatingadmissionpolicybindings", "--all"];
    world.kubectl(&policies).await.unwrap();
    world.end_operator().await.unwrap();
    world.start_operator_as_shipped().await.unwrap();
    world.request_pass(&[FEDERATION], "not injected").await.unwrap();
    for (kind, name) in [
        ("iamrolebinding", "made"),
        ("iamrolebinding", "app"),
        ("oidcfederation", "default"),
    ] {
        world.kubectl(&["delete", kind, name, "--timeout=60s"]).await.unwrap();
    }
    // The lease is given free.
    world.end_operator().await.unwrap();
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    let calls = world.cluster.audit().await.unwrap().by_user(&user);
    // The API servers of these tests keep no EndpointSlice, so that one of another name is looked for, if that is permitted.
    for call in calls
        .entries()
        .iter()
        .filter(|call| call.resource != ONLY_WITHOUT_A_FLAG)
    {
        assert_ne!(call.code, 403, "forbidden: {call:?}");
    }
    let unused: Vec<String> = granted(&world)
        .await
        .iter()
        .filter(|right| right.resource != ONLY_WITHOUT_A_FLAG)
        .filter(|right| !calls.entries().iter().any(|call| right.is_used_by(call)))
        .map(Right::in_words)
        .collect();
    assert!(unused.is_empty(), "never used: {unused:#?}\n{:#?}", calls.summary());
}

#[tokio::test]
async fn the_keys_may_be_read_where_the_clusters_default_was_taken_away() {
    let world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let client = world.cluster.client().unwrap();
    // Without its groups, by which every ServiceAccount may read them by default.
    let user = format!("system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}");
    for (path, allowed) in [
        ("/openid/v1/jwks", true),
        ("/.well-known/openid-configuration", true),
        ("/metrics", false),
    ] {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "nonResourceAttributes": {"verb": "get", "path": path}},
        });
        let reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
        let reply = client.post(reviews, &review).await.unwrap();
        assert_eq!(reply.body["status"]["allowed"], allowed, "{path}: {}", reply.message());
    }
}

/// RBAC gives it the right as a whole; `config/rbac/token-policy.yaml` takes away what is not used of it.
#[tokio::test]
async fn of_tokens_the_operator_gets_dry_runs_of_its_own_for_ten_minutes_and_no_more() {
    let world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
        .await
        .unwrap();
    let token = world
        .cluster
        .api_token(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT)
        .await
        .unwrap();
    let operator = world.cluster.client().unwrap().with_token(Some(&token));
    let path = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/serviceaccounts/{OPERATOR_ACCOUNT}/token");
    let ask = async |query: &str, spec: Value| {
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        operator.post(&format!("{path}{query}"), &request).await.unwrap()
    };
    // A new policy takes a moment to be seen.
    for _ in 0..100 {
        if ask("", json!({"expirationSeconds": 600})).await.status == 422 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for (query, spec, word) in [
        ("", json!({"expirationSeconds": 600}), "dry run"),
        ("?dryRun=All", json!({"expirationSeconds": 3600}), "ten minutes"),
        ("?dryRun=All", json!({}), "ten minutes"),
    ] {
        let refused = ask(query, spec.clone()).await;
        assert_eq!(refused.status, 422, "{query} {spec}");
        assert!(refused.message().contains(word), "{}", refused.message());
    }
    let shown = ask("?dryRun=All", json!({"expirationSeconds": 600})).await;
    assert!(shown.is_success(), "{}", shown.message());
    // The kubelet's own requests for the operator's pod are no concern of it.
    let mounted = world
        .cluster
        .token(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT, "sts.amazonaws.com", 86400)
        .await;
    assert!(mounted.is_ok());
}
