//! `bootstrap`: an issuer that AWS knows before there is a cluster, and its hand-over without a gap.

use std::io::Write as _;

use irsa_testkit::{
    aws::{Access, AwsError, Credentials, Fault, FaultRule},
    controlplane::SigningKey,
};
use irsa_tests::{
    admin,
    world::{ACCOUNT, ISSUER, ISSUER_BUCKET, REGION, World, objects::is_ready},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

const HOST: &str = "acme-irsa.s3.eu-central-1.amazonaws.com/clusters/demo";
const KEYS: &str = "clusters/demo/openid/v1/jwks";
/// There is no cluster yet.
const NO_CLUSTER: [(&str, &str); 1] = [("KUBECONFIG", "/nonexistent")];

/// Before there is a cluster, as far as AWS knows.
pub(crate) struct Early {
    pub(crate) world: World,
    pub(crate) root: Credentials,
    manifest: NamedTempFile,
    key: NamedTempFile,
}

fn written(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn federation(adopt: bool) -> Value {
    let adopt = if adopt { "IfTagged" } else { "Never" };
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": ISSUER, "publish": {"s3": {"bucket": ISSUER_BUCKET, "region": REGION, "adopt": adopt}},
            "provider": {"adopt": adopt}, "bindings": {"allowedNamespaces": {"from": "All"}},
        },
    })
}

impl Early {
    pub(crate) async fn start() -> Self {
        let key = SigningKey::generate_rsa().unwrap();
        let public = written(key.public().pem());
        let world = World::start_signing_with(key).await.unwrap();
        Self {
            root: world.aws.account(ACCOUNT).root_credentials(),
            manifest: written(&federation(false).to_string()),
            key: public,
            world,
        }
    }

    /// What it prints, what it ends with, and how many writes it made in AWS.
    pub(crate) async fn bootstrap(&self, more: &[&str]) -> (String, i32, usize) {
        let (manifest, key) = (
            self.manifest.path().to_str().unwrap(),
            self.key.path().to_str().unwrap(),
        );
        let arguments = [&["bootstrap", "-f", manifest, "--key", key], more].concat();
        let mark = self.world.aws.mark();
        let output = self
            .world
            .irsa_in(&arguments, Some(&self.root), &NO_CLUSTER)
            .await
            .unwrap();
        let calls = self.world.aws.since(mark);
        let writes = calls.iter().filter(|call| call.access == Access::Write).count();
        (output.out + &output.err, output.code, writes)
    }

    async fn hand_over(&self) -> (String, i32) {
        let arguments = ["bootstrap", "--hand-over", "-f", self.manifest.path().to_str().unwrap()];
        let output = self.world.irsa(&arguments, Some(&self.root)).await.unwrap();
        (output.out + &output.err, output.code)
    }

    pub(crate) async fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&admin::root(&self.world.aws, ACCOUNT, REGION).await.unwrap())
    }

    /// A role as somebody makes it who does not wait for the operator.
    async fn role(&self) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}")},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
                format!("{HOST}:aud"): "sts.amazonaws.com", format!("{HOST}:sub"): "system:serviceaccount:default:default",
            }},
        }]});
        let iam = self.iam().await;
        let made = iam
            .create_role()
            .role_name("early")
            .assume_role_policy_document(trust.to_string());
        made.send().await.unwrap().role.unwrap().arn
    }
}

#[tokio::test]
async fn what_is_published_before_there_is_a_cluster_is_taken_over_without_a_gap() {
    let mut early = Early::start().await;
    // Printed, and nothing asked of anybody.
    let mark = early.world.aws.mark();
    let (printed, code, _) = early.bootstrap(&[]).await;
    assert_eq!((code, early.world.aws.since(mark).len()), (0, 0), "{printed}");
    for part in [
        "/.well-known/openid-configuration\n{",
        "/openid/v1/jwks\n{\"keys\":",
        "\"s3:GetObject\"",
        "service-account-issuer",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }

    // Published: two documents, the bucket's policy, the provider. Then there is nothing left to do.
    let (done, code, writes) = early.bootstrap(&["--publish"]).await;
    assert_eq!((code, writes), (0, 4), "{done}");
    assert!(
        done.contains("Done    create OIDC provider") && done.contains("Anybody can read both documents."),
        "{done}"
    );
    let (again, code, writes) = early.bootstrap(&["--publish"]).await;
    assert_eq!((code, writes), (0, 0), "{again}");
    assert!(again.contains("Nothing is to be done: it is published."), "{again}");

    // Another key alone would shut out whoever signs with the first.
    let next = written(SigningKey::generate_ec_p256().unwrap().public().pem());
    let manifest = early.manifest.path().to_str().unwrap();
    let alone = [
        "bootstrap",
        "-f",
        manifest,
        "--key",
        next.path().to_str().unwrap(),
        "--publish",
    ];
    let lost = early
        .world
        .irsa_in(&alone, Some(&early.root), &NO_CLUSTER)
        .await
        .unwrap();
    assert!(lost.code == 1 && lost.err.contains("is not among --key"), "{lost:?}");

    // The API server comes up with a live issuer: nobody else has done anything yet.
    let role = early.role().await;
    let token = early
        .world
        .cluster
        .token("default", "default", "sts.amazonaws.com", 3600)
        .await
        .unwrap();
    early.world.assume(&role, &token).await.unwrap();

    let (offered, code) = early.hand_over().await;
    assert_eq!(code, 0, "{offered}");
    assert!(
        offered.contains("Offered key set s3://") && offered.contains("spec.provider.adopt: IfTagged"),
        "{offered}"
    );
    let (again, code) = early.hand_over().await;
    assert!(code == 0 && again.contains("Nothing is to be done"), "{again}");

    // The operator takes it over, while tokens are good all the time.
    early.world.start_operator_as_shipped().await.unwrap();
    early
        .world
        .cluster
        .apply_yaml(&federation(true).to_string())
        .await
        .unwrap();
    let ready = async {
        let of = ("oidcfederation", "", "default");
        early.world.wait_for("the take-over", of, is_ready).await.unwrap();
    };
    let assuming = async {
        loop {
            early.world.assume(&role, &token).await.unwrap();
        }
    };
    tokio::select! {
        () = ready => {}
        () = assuming => {}
    }
    let provider = early.iam().await.get_open_id_connect_provider();
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}");
    let provider = provider.open_id_connect_provider_arn(arn).send().await.unwrap();
    let of_bootstrap = provider.tags().iter().any(|tag| tag.value() == "bootstrap");
    assert!(!of_bootstrap, "{:?}", provider.tags());
    let (after, code) = early.hand_over().await;
    assert!(code == 0 && after.contains("taken over already"), "{after}");
    // What is the operator's by now is no business of bootstrap's any more.
    let (late, code, writes) = early.bootstrap(&["--publish"]).await;
    assert_eq!((code, writes), (1, 0), "{late}");
    assert!(late.contains("that bootstrap did not write"), "{late}");
}

#[tokio::test]
async fn it_goes_on_where_it_was_stopped_and_touches_nothing_of_others() {
    let mut early = Early::start().await;
    let aws = std::sync::Arc::clone(&early.world.aws);
    let aws = aws.as_ref();
    let refused = || AwsError::new(403, "AccessDenied", "not you");
    for (operation, fault) in [
        ("iam:CreateOpenIDConnectProvider", Fault::ErrorBefore(refused())),
        ("iam:CreateOpenIDConnectProvider", Fault::ErrorAfter(refused())),
        ("s3:PutObject", Fault::ErrorAfter(refused())),
        ("s3:PutBucketPolicy", Fault::ErrorAfter(refused())),
    ] {
        aws.add_fault(FaultRule::new(operation, 1, fault.clone()));
        let (stopped, code, _) = early.bootstrap(&["--publish"]).await;
        assert_eq!((code, aws.faults_unmet()), (1, 0), "{operation} {fault:?}: {stopped}");
        let (done, code, _) = early.bootstrap(&["--publish"]).await;
        assert_eq!(code, 0, "{operation} {fault:?}: {done}");
        let (_, _, writes) = early.bootstrap(&["--publish"]).await;
        assert_eq!(writes, 0);
        // From nothing again.
        let delete = early.iam().await.delete_open_id_connect_provider();
        let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}");
        delete.open_id_connect_provider_arn(arn).send().await.unwrap();
        for key in [KEYS, "clusters/demo/.well-known/openid-configuration"] {
            aws.s3(|s3| s3.remove_object_directly(ISSUER_BUCKET, key)).unwrap();
        }
        let s3 = admin::root(aws, ACCOUNT, REGION).await.unwrap();
        let s3 = aws_sdk_s3::Client::new(&s3);
        s3.delete_bucket_policy().bucket(ISSUER_BUCKET).send().await.unwrap();
    }

    // Somebody else's key set under the issuer.
    assert!(aws.put_object(ISSUER_BUCKET, KEYS, "{\"keys\":[]}"));
    let (foreign, code, writes) = early.bootstrap(&["--publish"]).await;
    assert_eq!((code, writes), (1, 0), "{foreign}");
    assert!(foreign.contains("bootstrap did not write"), "{foreign}");
    let (nothing, code) = early.hand_over().await;
    assert!(code == 1 && nothing.contains("is left alone"), "{nothing}");
    aws.s3(|s3| s3.remove_object_directly(ISSUER_BUCKET, KEYS)).unwrap();
    let (missing, code) = early.hand_over().await;
    assert!(code == 1 && missing.contains("bootstrap --publish first"), "{missing}");

    // A cluster that signs as another issuer is not its heir.
    let old = "https://kubernetes.default.svc.cluster.local";
    early.world.cluster.restart_with_issuers(0, &[old]).await.unwrap();
    let (other, code) = early.hand_over().await;
    assert!(
        code == 1 && other.contains("the cluster signs as https://kubernetes.default.svc"),
        "{other}"
    );

    // A private key is not repeated, nor published.
    let secret = written(SigningKey::generate_ec_p256().unwrap().pem());
    let manifest = early.manifest.path().to_str().unwrap();
    let arguments = [
        "bootstrap",
        "-f",
        manifest,
        "--key",
        secret.path().to_str().unwrap(),
        "--publish",
    ];
    let private = early
        .world
        .irsa_in(&arguments, Some(&early.root), &NO_CLUSTER)
        .await
        .unwrap();
    assert!(
        private.code == 1 && private.err.contains("is a private key") && !private.err.contains("BEGIN"),
        "{private:?}"
    );
}
