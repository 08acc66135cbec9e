//! The operator against an AWS that is not of our making: moto. What our own double and our own operator might both have
//! wrong, moto has not; what moto cannot do is listed in `docs/aws-double.md`. Slow, as moto and the API server must come
//! up first: `make moto`.
//!
//! The binary is the one that is shipped; its S3, IAM and STS are moto's by `AWS_ENDPOINT_URL_*`. moto serves no public
//! documents (it answers `/.well-known/openid-configuration` itself, for Cognito), so the bucket stands behind a site, as
//! behind CloudFront: `access: Unmanaged`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod server;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_iam::types::{EntityType, RoleDetail};
use aws_sdk_s3::operation::get_object::GetObjectError;
use irsa_testkit::{aws::Site, controlplane::SigningKey};
use irsa_tests::world::{
    ACCOUNT, ISSUER_BUCKET, REGION, World,
    objects::{is_ready, says},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use self::server::Moto;

const HOST: &str = "issuer.example.com";
const PREFIX: &str = "clusters/moto";
const DEADLINE: Duration = Duration::from_secs(90);

struct Scene {
    world: World,
    moto: Moto,
    site: Site,
    iam: aws_sdk_iam::Client,
    s3: aws_sdk_s3::Client,
}

impl Scene {
    async fn start() -> Self {
        let issuer = format!("https://{HOST}/{PREFIX}");
        let key = SigningKey::generate_rsa().unwrap();
        let issuers = [issuer.as_str()];
        let (world, moto) = tokio::join!(World::start_signing_as(&issuers, key), Moto::start());
        let (mut world, moto) = (world.unwrap(), moto.unwrap());
        let admin = moto.admin().await;
        let s3 =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&admin).force_path_style(true).build());
        let region = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint(REGION.into())
            .build();
        let bucket = s3
            .create_bucket()
            .bucket(ISSUER_BUCKET)
            .create_bucket_configuration(region);
        bucket.send().await.unwrap();
        let site = world.aws.site(HOST).await.unwrap();
        world.environment = moto.environment();
        world.start_operator().await.unwrap();
        Self {
            world,
            moto,
            site,
            iam: aws_sdk_iam::Client::new(&admin),
            s3,
        }
    }

    /// The bucket's objects by key.
    async fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let listed = self.s3.list_objects_v2().bucket(ISSUER_BUCKET).send().await.unwrap();
        let mut objects = Vec::new();
        for object in listed.contents() {
            let key = object.key().unwrap();
            let found = self.s3.get_object().bucket(ISSUER_BUCKET).key(key).send().await;
            let gone = |error: &aws_sdk_s3::error::SdkError<GetObjectError>| {
                error.as_service_error().is_some_and(GetObjectError::is_no_such_key)
            };
            if found.as_ref().is_err_and(gone) {
                // Deleted since it was listed.
                continue;
            }
            let found = found.unwrap();
            objects.push((key.to_owned(), found.body.collect().await.unwrap().to_vec()));
        }
        objects
    }

    async fn apply(&self, path: &str, object: &Value) {
        let path = format!("{path}?fieldManager=test&force=true");
        let client = self.world.cluster.client().unwrap();
        let kind = Some("application/apply-patch+yaml");
        let reply = client
            .request("PATCH".parse().unwrap(), &path, Some(object), kind)
            .await
            .unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }

    async fn get(&self, path: &str) -> Value {
        let reply = self.world.cluster.client().unwrap().get(path).await.unwrap();
        if reply.status == 404 { Value::Null } else { reply.body }
    }

    /// The site shows what is in the bucket.
    async fn show_bucket(&self) {
        for (key, body) in self.objects().await {
            self.site.put(&format!("/{key}"), body);
        }
    }

    /// Waits until the binding says what is wrong with this STS, and the site shows what is in the bucket meanwhile.
    async fn found_out(&self) {
        let deadline = Instant::now() + 2 * DEADLINE;
        loop {
            self.show_bucket().await;
            let binding = self.get(BINDING).await;
            if says(&binding, "Verified", "TooPermissive") {
                return;
            }
            assert!(Instant::now() < deadline, "{binding:#}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until both objects are so, and the site shows what is in the bucket meanwhile.
    async fn wait(&self, what: &str, so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.show_bucket().await;
            let (federation, binding) = (self.get(FEDERATION).await, self.get(BINDING).await);
            if so(&federation) && so(&binding) {
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
                "{what}: {:#}\n{:#}\n{}",
                federation["status"],
                binding["status"],
                log()
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Asks for a pass, and waits until it has been.
    async fn look_again(&self, request: &str) {
        for path in [FEDERATION, BINDING] {
            let annotations = json!({"irsa-anywhere.dev/reconcile-requested-at": request});
            let patch = json!({"metadata": {"annotations": annotations}});
            let client = self.world.cluster.client().unwrap();
            let kind = Some("application/merge-patch+json");
            let reply = client
                .request("PATCH".parse().unwrap(), path, Some(&patch), kind)
                .await
                .unwrap();
            assert!(reply.is_success(), "{}", reply.message());
        }
        let handled = |object: &Value| is_ready(object) && object["status"]["lastHandledReconcileAt"] == request;
        self.wait("the pass that was asked for", handled).await;
    }

    async fn roles(&self) -> Vec<RoleDetail> {
        let details = self.iam.get_account_authorization_details().filter(EntityType::Role);
        details.send().await.unwrap().role_detail_list.unwrap_or_default()
    }

    /// The one role there is.
    async fn role(&self) -> RoleDetail {
        let mut roles = self.roles().await;
        assert_eq!(roles.len(), 1, "{roles:?}");
        roles.remove(0)
    }
}

const FEDERATION: &str = "/apis/irsa-anywhere.dev/v1alpha1/oidcfederations/default";
const BINDING: &str = "/apis/irsa-anywhere.dev/v1alpha1/namespaces/default/iamrolebindings/app";
const SERVICE_ACCOUNT: &str = "/api/v1/namespaces/default/serviceaccounts/app";
const BOUNDARY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

fn federation() -> Value {
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
        "spec": {
            "issuer": format!("https://{HOST}/{PREFIX}"),
            "publish": {"s3": {"bucket": ISSUER_BUCKET, "region": REGION, "access": "Unmanaged"}},
            "tags": {"team": "platform"},
            "bindings": {
                "allowedNamespaces": {"from": "All"}, "allowedManagedPolicies": ["AmazonS3ReadOnlyAccess", "ReadOnlyAccess"],
                "inlinePolicies": "Allow", "permissionsBoundary": BOUNDARY,
            },
        },
    })
}

fn binding(policy: &str, action: &str) -> Value {
    let document =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]});
    json!({
        "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "serviceAccounts": [{"name": "app"}],
            "verify": "Never",
            "policies": {"managed": [policy], "inline": [{"name": "own", "document": document}]},
        },
    })
}

fn decoded(document: &str) -> Value {
    serde_json::from_str(&percent_decode_str(document).decode_utf8_lossy()).unwrap()
}

/// The role is as the binding asks for, by the words of the AWS documentation and with none of our code.
fn assert_bound(role: &RoleDetail, policy: &str, action: &str) {
    let trust = decoded(role.assume_role_policy_document().unwrap());
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}/{PREFIX}");
    let statement = json!({
        "Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{HOST}/{PREFIX}:aud"): "sts.amazonaws.com",
            format!("{HOST}/{PREFIX}:sub"): "system:serviceaccount:default:app",
        }},
    });
    assert_eq!(trust["Statement"], json!([statement]));
    let tags: BTreeSet<&str> = role.tags().iter().map(aws_sdk_iam::types::Tag::key).collect();
    let ours = ["cluster", "federation", "namespace", "name"].map(|name| format!("irsa-anywhere.dev/{name}"));
    assert!(
        ours.iter().all(|tag| tags.contains(tag.as_str())) && tags.contains("team"),
        "{tags:?}"
    );
    let attached: Vec<&str> = role
        .attached_managed_policies()
        .iter()
        .filter_map(|one| one.policy_arn())
        .collect();
    assert_eq!(attached, [format!("arn:aws:iam::aws:policy/{policy}")]);
    let inline = role.role_policy_list();
    assert_eq!(inline.len(), 1, "{inline:?}");
    let document = decoded(inline[0].policy_document().unwrap());
    assert_eq!(document["Statement"][0]["Action"], action);
    let boundary = role
        .permissions_boundary()
        .and_then(|boundary| boundary.permissions_boundary_arn());
    assert_eq!(boundary, Some(BOUNDARY));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_is_done_kept_and_undone_in_an_aws_that_is_not_ours() {
    let scene = Scene::start().await;
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": "default"}});
    scene.apply(SERVICE_ACCOUNT, &account).await;
    scene.apply(FEDERATION, &federation()).await;
    // An STS that takes any token is found out: it takes the canary's, too.
    let mut proven = binding("AmazonS3ReadOnlyAccess", "s3:ListBucket");
    proven["spec"]["verify"] = json!("OnChange");
    scene.apply(BINDING, &proven).await;
    scene.found_out().await;
    scene
        .apply(BINDING, &binding("AmazonS3ReadOnlyAccess", "s3:ListBucket"))
        .await;
    scene.wait("both are ready", is_ready).await;

    let role = scene.role().await;
    assert_bound(&role, "AmazonS3ReadOnlyAccess", "s3:ListBucket");
    let annotation = &scene.get(SERVICE_ACCOUNT).await["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
    assert_eq!(annotation.as_str(), role.arn());
    let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}/{PREFIX}");
    let provider = scene
        .iam
        .get_open_id_connect_provider()
        .open_id_connect_provider_arn(&arn)
        .send()
        .await
        .unwrap();
    assert_eq!(provider.client_id_list(), ["sts.amazonaws.com"]);
    assert!(
        provider
            .tags()
            .iter()
            .any(|tag| tag.key() == "irsa-anywhere.dev/cluster")
    );
    let keys: Vec<String> = scene.objects().await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            format!("{PREFIX}/.well-known/openid-configuration"),
            format!("{PREFIX}/openid/v1/jwks")
        ]
    );

    // An unchanged world is only read. moto's log names the requests to S3; IAM's are all `POST /`, so what they left is
    // compared.
    let puts = |moto: &Moto| moto.log().matches("\"PUT /").count();
    let before = (puts(&scene.moto), scene.role().await);
    scene.look_again("unchanged").await;
    assert_eq!((puts(&scene.moto), scene.role().await), before);

    // Somebody else changes the role; it is put back.
    let name = role.role_name().unwrap();
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    scene
        .iam
        .attach_role_policy()
        .role_name(name)
        .policy_arn(administrator)
        .send()
        .await
        .unwrap();
    let open = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    let update = scene.iam.update_assume_role_policy().role_name(name);
    update.policy_document(open.to_string()).send().await.unwrap();
    // What is found sooner after the operator's own writes counts as not visible yet.
    sleep(Duration::from_secs(11)).await;
    scene.look_again("drift").await;
    assert_bound(&scene.role().await, "AmazonS3ReadOnlyAccess", "s3:ListBucket");

    scene.apply(BINDING, &binding("ReadOnlyAccess", "s3:GetObject")).await;
    scene.wait("the change", is_ready).await;
    assert_bound(&scene.role().await, "ReadOnlyAccess", "s3:GetObject");

    for path in [BINDING, FEDERATION] {
        let reply = scene.world.cluster.client().unwrap().delete(path).await.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
    }
    scene.wait("both are gone", Value::is_null).await;
    assert_eq!(scene.roles().await.len(), 0);
    assert_eq!(scene.objects().await.len(), 0);
    let providers = scene.iam.list_open_id_connect_providers().send().await.unwrap();
    assert!(providers.open_id_connect_provider_list().is_empty());
}
