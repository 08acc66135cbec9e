//! Secrets go in at every door, and nothing that comes out has one of them in any form: not the log at its most talkative,
//! not events, conditions or other status, not the record of keys, not metrics.

mod search;

use irsa_testkit::{
    aws::{AwsError, Credentials, Fault, FaultRule},
    controlplane::SigningKey,
};
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER_BUCKET, OPERATOR_NAMESPACE, REGION, World, http_get, objects::says},
};
use serde_json::{Value, json};

use self::search::{Secret, find};

/// In a URL it is percent-encoded, in the header to the proxy it is Base64 of user and password.
const PROXY_USER: &str = "proxy-user";
const PROXY_PASSWORD: &str = "pr0xy/pass:Word+4711";
const EXTERNAL_ID: &str = "external-ID/4711+marked=secret";
/// Of a JWK that somebody put into the bucket.
const PRIVATE_MEMBER: &str = "cHJpdmF0ZS1leHBvbmVudC1vZi1hLWtleS10aGF0LW5vYm9keS1tYXktc2Vl4711";

/// Temporary credentials of a role with all rights, and a role that only they may assume, with the external id.
async fn sessions(world: &World) -> (Credentials, String) {
    let iam = aws_sdk_iam::Client::new(&admin::root(&world.aws, ACCOUNT, REGION).await.unwrap());
    let trust = |principal: &str, condition: Value| {
        let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"});
        if !condition.is_null() {
            statement["Condition"] = condition;
        }
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let everything = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    .to_string();
    let make = async |name: &str, trust: String| {
        let made = iam.create_role().role_name(name).assume_role_policy_document(trust);
        let arn = made.send().await.unwrap().role.unwrap().arn;
        let rights = iam.put_role_policy().role_name(name).policy_name("all");
        rights.policy_document(&everything).send().await.unwrap();
        arn
    };
    let user = format!("arn:aws:iam::{ACCOUNT}:user/irsa-anywhere");
    let home = make("operator-home", trust(&user, Value::Null)).await;
    let condition = json!({"StringEquals": {"sts:ExternalId": EXTERNAL_ID}});
    let chained = make("operator-away", trust(&home, condition)).await;
    let session = admin::assume(&world.aws, &world.credentials, &home).await.unwrap();
    (session, chained)
}

fn federation(name: &str) -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": name},
        "spec": {
            "issuer": format!("https://{ISSUER_BUCKET}.s3.{REGION}.amazonaws.com/clusters/{name}"),
            "publish": {"s3": {"bucket": ISSUER_BUCKET, "region": REGION}},
            "interval": "10s",
        },
    })
}

/// What AWS might echo in a refusal, as some of its messages do. Short enough for a condition each.
fn indiscreet(session: &Credentials) -> [String; 4] {
    let token = session.session_token.as_deref().unwrap();
    let encoded = percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC);
    let secret = &session.secret_access_key;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/x");
    [
        format!("Your key is {secret}; the canonical string should have been 'x-amz-security-token:{token}'"),
        format!(r#"{{"arn":"{arn}","key":"{secret}","token":"{token}"}}"#),
        format!("{arn}?SecretKey={secret}&SecurityToken={token}"),
        format!("POST SecurityToken={encoded}&Secret={secret}"),
    ]
}

/// Everything that the operator lets out, each with where it was found.
async fn output(world: &World) -> Vec<(&'static str, String)> {
    let operator = world.operator().unwrap();
    let mut all = vec![
        ("the log", operator.log()),
        ("/metrics", http_get(operator.probes(), "/metrics").unwrap().1),
        ("/readyz", http_get(operator.probes(), "/readyz").unwrap().1),
        (
            "the record of keys",
            world
                .kubectl(&["get", "configmaps", "-n", OPERATOR_NAMESPACE, "-o", "json"])
                .await
                .unwrap(),
        ),
        (
            "events",
            world
                .kubectl(&["get", "events.events.k8s.io", "-A", "-o", "json"])
                .await
                .unwrap(),
        ),
    ];
    for kind in ["oidcfederations", "iamrolebindings"] {
        let objects = world.kubectl(&["get", kind, "-A", "-o", "json"]).await.unwrap();
        let objects: Value = serde_json::from_str(&objects).unwrap();
        // The spec is the user's: what he wrote there is there.
        let statuses: Vec<&Value> = objects["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["status"])
            .collect();
        all.push(("a status", json!(statuses).to_string()));
    }
    all
}

async fn leaks_of(world: &World, secrets: &[Secret]) -> Vec<String> {
    let all = output(world).await;
    all.iter()
        .flat_map(|(place, text)| find(secrets, place, text))
        .collect()
}

#[tokio::test]
async fn no_secret_comes_out_whatever_goes_in_and_however_much_is_logged() {
    let mut world = World::start().await.unwrap();
    let (session, chained) = sessions(&world).await;
    let encoded = percent_encoding::utf8_percent_encode(PROXY_PASSWORD, percent_encoding::NON_ALPHANUMERIC);
    let proxy = world.aws.proxy_url();
    let proxy = proxy.replacen("://", &format!("://{PROXY_USER}:{encoded}@"), 1);
    let variables = [
        ("AWS_ACCESS_KEY_ID", session.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &session.secret_access_key),
        ("AWS_SESSION_TOKEN", session.session_token.as_deref().unwrap()),
        ("HTTPS_PROXY", &proxy),
        ("https_proxy", &proxy),
    ];
    world
        .start_operator_in(&["--log-format=json", "--log-filter=trace"], &variables)
        .await
        .unwrap();
    world.apply_samples().await.unwrap();

    // A private key where a public one belongs, under a label that the API server lets through.
    let key = SigningKey::generate_ec_p256().unwrap();
    let private: String = key.pem().lines().filter(|line| !line.starts_with("-----")).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{private}\n-----END PUBLIC KEY-----\n");
    let mut mistaken = federation("mistaken");
    mistaken["spec"]["signingKeys"] = json!({"additional": [{"name": "next", "publicKeyPem": pem}]});
    // Another account's role, with an external id.
    let mut away = federation("away");
    away["spec"]["aws"] = json!({"assumeRole": {"arn": chained, "externalId": EXTERNAL_ID}});
    // AWS tells too much.
    let mut things = vec![mistaken, away];
    for (at, message) in indiscreet(&session).iter().enumerate() {
        let name = format!("indiscreet-{at}");
        for (operation, resource) in [
            ("iam:CreateRole", name.as_str()),
            ("s3:PutObject", &format!("clusters/{name}/")),
        ] {
            let error = AwsError::new(400, "InvalidInput", message);
            let mut rule = FaultRule::new(operation, usize::MAX, Fault::ErrorBefore(error));
            rule.resource = Some(resource.to_owned());
            world.aws.add_fault(rule);
        }
        things.push(federation(&name));
        things.push(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"serviceAccounts": [{"name": name}], "serviceAccountMode": "Create"},
        }));
    }
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": things});
    world.cluster.apply_yaml(&objects.to_string()).await.unwrap();
    // Everything in AWS is done with the assumed role; this cluster signs as somebody else.
    for (name, reason) in [("mistaken", "InvalidSpec"), ("away", "IssuerMismatch")] {
        let federation = ("oidcfederation", "default", name);
        world
            .wait_for(reason, federation, |object| says(object, "Ready", reason))
            .await
            .unwrap();
    }
    for at in 0..4 {
        for kind in ["oidcfederation", "iamrolebinding"] {
            let told = |object: &Value| object["status"]["conditions"].to_string().contains("<redacted>");
            let object = (kind, "default", &*format!("indiscreet-{at}"));
            world.wait_for("AWS's message", object, told).await.unwrap();
        }
    }
    // Somebody publishes a private key.
    let forged = json!({"keys": [{"kty": "RSA", "kid": "theirs", "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB",
                                  "d": PRIVATE_MEMBER}]});
    let path = "clusters/demo/openid/v1/jwks";
    assert!(world.aws.put_object(ISSUER_BUCKET, path, forged.to_string()));
    world
        .request_pass(&[("oidcfederation", "default", "default")], "after the forgery")
        .await
        .unwrap();

    let operator = world.operator().unwrap();
    let mut secrets = vec![
        Secret::new("the secret access key", &session.secret_access_key),
        Secret::new("the session token", session.session_token.as_deref().unwrap()),
        Secret::new("the operator's token", operator.token()),
        Secret::new("the proxy's password", PROXY_PASSWORD),
        Secret::new("the external id", EXTERNAL_ID),
        Secret::new("the private key", &private),
        Secret::new("the private member", PRIVATE_MEMBER),
    ];
    let all = output(&world).await;
    let text = |place: &str| {
        all.iter()
            .find(|(name, _)| *name == place)
            .map(|(_, text)| text.as_str())
            .unwrap()
    };
    assert!(
        text("the log").contains("\"TRACE\""),
        "the log is as talkative as it can be"
    );
    assert!(!text("the log").contains("panicked"), "{}", text("the log"));
    assert!(text("events").contains("DocumentsTampered"), "the forgery was noticed");
    let leaks = leaks_of(&world, &secrets).await;
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));

    // The way out is closed: errors of connections are told by libraries, not by us.
    world.stop_operator().await.unwrap();
    let nowhere = format!("http://{PROXY_USER}:{encoded}@127.0.0.1:9");
    let mut variables = variables;
    for (name, value) in &mut variables {
        if name.eq_ignore_ascii_case("HTTPS_PROXY") {
            *value = &nowhere;
        }
    }
    world
        .start_operator_in(&["--log-format=json", "--log-filter=trace"], &variables)
        .await
        .unwrap();
    world
        .cluster
        .apply_yaml(&federation("unreachable").to_string())
        .await
        .unwrap();
    let unreachable = ("oidcfederation", "default", "unreachable");
    world
        .wait_for("AwsUnavailable", unreachable, |object| {
            says(object, "Ready", "AwsUnavailable")
        })
        .await
        .unwrap();
    secrets.push(Secret::new(
        "the operator's other token",
        world.operator().unwrap().token(),
    ));
    let leaks = leaks_of(&world, &secrets).await;
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));

    // The search finds what is there: a secret that somebody tells the API server of on purpose.
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "planted", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Plant", "reason": "Planted", "type": "Normal",
        "reportingController": "test", "reportingInstance": "test", "note": format!("Basic {PROXY_PASSWORD}"),
        "regarding": {"kind": "Namespace", "name": "default", "apiVersion": "v1", "namespace": "default"},
    });
    world.cluster.apply_yaml(&event.to_string()).await.unwrap();
    let leaks = leaks_of(&world, &secrets).await;
    assert!(leaks.len() == 1 && leaks[0].contains("events"), "{leaks:?}");
}
