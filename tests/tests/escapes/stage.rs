//! One world for many tests, each with namespaces of its own, and the people in it.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicUsize, Ordering},
};

use http::Method;
use irsa_testkit::controlplane::{ApiClient, ApiReply, SigningKey};
use irsa_tests::world::{
    ACCOUNT, ISSUER, World,
    objects::{is_ready, says},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{
    aws::{self, Role, make_foreign},
    objects::{api, federation},
};

pub(crate) const FEDERATION: (&str, &str, &str) = ("oidcfederation", "default", "default");
pub(crate) const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
pub(crate) const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/boundary";
/// Roles that are nobody's here.
const FOREIGN: [&str; 2] = ["admin", "irsa-anywhere-operator"];

static STAGE: Mutex<Weak<Stage>> = Mutex::const_new(Weak::new());

/// A world whose federation serves namespaces with the label `tenant=yes`, and somebody else's binding in it.
pub(crate) struct Stage {
    pub(crate) world: World,
    foreign: Vec<Role>,
    order: RwLock<()>,
    next: AtomicUsize,
}

/// The world of all tests that overlap in time.
pub(crate) async fn stage() -> Arc<Stage> {
    let mut slot = STAGE.lock().await;
    if let Some(stage) = slot.upgrade() {
        return stage;
    }
    let stage = Arc::new(Stage::start().await);
    *slot = Arc::downgrade(&stage);
    stage
}

impl Stage {
    async fn start() -> Self {
        let mut world = World::start_signing_with(SigningKey::generate_ec_p256().unwrap())
            .await
            .unwrap();
        prepare_account(&world).await;
        world.start_operator().await.unwrap();
        create(&world, &federation(&json!({}))).await;
        world.federation_ready("default").await.unwrap();
        let mut foreign = Vec::new();
        for name in FOREIGN {
            foreign.push(aws::role(&world, name).await.unwrap());
        }
        let stage = Self {
            world,
            foreign,
            order: RwLock::new(()),
            next: AtomicUsize::new(0),
        };
        let victim = stage.tenant_of("victim").await;
        victim.bind("app", &json!({})).await.unwrap();
        victim.ready("app").await;
        stage
    }

    /// While this is held, the federation stays as it is.
    pub(crate) async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.order.read().await
    }

    /// While this is held, no other test runs, and the federation may be changed.
    pub(crate) async fn alone(&self) -> RwLockWriteGuard<'_, ()> {
        self.order.write().await
    }

    /// A tenant with a namespace of his own and a ServiceAccount `app` in it.
    pub(crate) async fn tenant(&self, what: &str) -> Tenant<'_> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.tenant_of(&format!("{what}-{number}")).await
    }

    /// The same in a namespace of this name.
    pub(crate) async fn tenant_of(&self, namespace: &str) -> Tenant<'_> {
        Tenant::settle(&self.world, namespace, &[]).await
    }

    /// The role of the binding that every tenant would like to have.
    pub(crate) async fn victims_role(&self) -> Role {
        let mut roles = aws::roles_of(&self.world, "victim").await;
        assert_eq!(roles.len(), 1, "{roles:#?}");
        roles.pop_first().unwrap().1
    }

    /// Nobody's roles but the tenants' own have changed, and the victim's lets in whom it should.
    pub(crate) async fn nothing_foreign_changed(&self) {
        for (name, before) in FOREIGN.iter().zip(&self.foreign) {
            assert_eq!(aws::role(&self.world, name).await.as_ref(), Some(before));
        }
        let role = self.victims_role().await;
        let trust = role.trust.to_string();
        assert!(trust.contains("system:serviceaccount:victim:app"), "{trust}");
        assert_eq!(trust.matches("system:serviceaccount:").count(), 1, "{trust}");
        assert_eq!(role.attached.iter().collect::<Vec<_>>(), [READ_ONLY]);
        assert_eq!((role.boundary.as_deref(), role.inline.len()), (Some(BOUNDARY), 0));
    }

    /// Changes what the federation allows; takes the guard of [`Self::alone`] as a proof.
    pub(crate) async fn allow(&self, _alone: &RwLockWriteGuard<'_, ()>, rules: &Value) {
        let path = api("oidcfederations", None, "default");
        let change = json!({"spec": {"bindings": rules}});
        let reply = self.world.cluster.client().unwrap().merge_patch(&path, &change).await;
        let reply = reply.unwrap();
        assert!(reply.is_success(), "{}", reply.message());
        self.world.federation_ready("default").await.unwrap();
    }
}

/// Policies that may be attached, policies that only look like it, and roles of others.
pub(crate) async fn prepare_account(world: &World) {
    let account = world.aws.account(ACCOUNT);
    let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    for name in [
        "boundary",
        "team-x",
        "AdministratorAccess",
        "AmazonS3ReadOnlyAccess",
        "other-boundary",
    ] {
        account.put_managed_policy(name, all).unwrap();
    }
    let nested = aws::iam(world)
        .await
        .create_policy()
        .path("/team-x/")
        .policy_name("sub");
    nested.policy_document(all).send().await.unwrap();
    for name in FOREIGN {
        make_foreign(world, name, &[]).await;
    }
}

/// What the administrator of the cluster creates.
pub(crate) async fn create(world: &World, object: &Value) -> Value {
    let (kind, metadata) = (object["kind"].as_str().unwrap(), &object["metadata"]);
    let path = match kind {
        "OidcFederation" => api("oidcfederations", None, ""),
        "Namespace" => "/api/v1/namespaces".to_owned(),
        "ServiceAccount" => format!(
            "/api/v1/namespaces/{}/serviceaccounts",
            metadata["namespace"].as_str().unwrap()
        ),
        _ => {
            let plural = format!("{}s", kind.to_lowercase());
            let namespace = metadata["namespace"].as_str().unwrap();
            format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}")
        }
    };
    let client = world.cluster.client().unwrap();
    client.expect(Method::POST, &path, Some(object)).await.unwrap()
}

/// Somebody who may write what is in his namespace.
pub(crate) struct Tenant<'a> {
    pub(crate) world: &'a World,
    pub(crate) namespace: String,
    client: ApiClient,
}

impl<'a> Tenant<'a> {
    /// In a new namespace that the federation serves, with a ServiceAccount `app`. `more` are resources of our group that he
    /// may write besides bindings.
    pub(crate) async fn settle(world: &'a World, namespace: &str, more: &[&str]) -> Self {
        let labels = json!({"tenant": "yes"});
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
        create(world, &object).await;
        Self::enter(world, namespace, more).await
    }

    /// The same tenant with more rights.
    pub(crate) async fn enter_again(world: &'a World, namespace: &str, more: &[&str]) -> Self {
        for kind in ["role", "rolebinding"] {
            world
                .kubectl(&["delete", kind, "tenant", "-n", namespace])
                .await
                .unwrap();
        }
        Self::enter(world, namespace, more).await
    }

    /// In a namespace that exists.
    pub(crate) async fn enter(world: &'a World, namespace: &str, more: &[&str]) -> Self {
        let resources: Vec<&str> = ["iamrolebindings"].iter().chain(more).copied().collect();
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "tenant", "namespace": namespace},
            "rules": [
                {"apiGroups": ["irsa-anywhere.dev"], "resources": resources, "verbs": ["*"]},
                {"apiGroups": [""], "resources": ["serviceaccounts", "pods", "namespaces"], "verbs": ["*"]},
            ],
        });
        let bound = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "tenant", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tenant"},
            "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": namespace}],
        });
        create(world, &role).await;
        create(world, &bound).await;
        for name in ["tenant", "app"] {
            world.cluster.ensure_service_account(namespace, name).await.unwrap();
        }
        let token = world.cluster.api_token(namespace, "tenant").await.unwrap();
        let client = world.cluster.client().unwrap().with_token(Some(&token));
        Self {
            world,
            namespace: namespace.to_owned(),
            client,
        }
    }

    fn path(&self, name: &str) -> String {
        api("iamrolebindings", Some(&self.namespace), name)
    }

    pub(crate) fn key<'k>(&'k self, name: &'k str) -> (&'k str, &'k str, &'k str) {
        ("iamrolebinding", &self.namespace, name)
    }

    /// Creates a binding of ServiceAccount `app` with the policy that is allowed, changed by `spec`.
    ///
    /// # Errors
    /// The API server's sentence.
    pub(crate) async fn bind(&self, name: &str, spec: &Value) -> Result<Value, String> {
        let mut whole =
            json!({"serviceAccounts": [{"name": "app"}], "policies": {"managed": ["AmazonS3ReadOnlyAccess"]}});
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        let binding = json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": whole,
        });
        answer(self.client.post(&self.path(""), &binding).await.unwrap())
    }

    /// Changes a binding by an RFC 7396 merge.
    ///
    /// # Errors
    /// The API server's sentence.
    pub(crate) async fn edit(&self, name: &str, change: &Value) -> Result<Value, String> {
        answer(self.client.merge_patch(&self.path(name), change).await.unwrap())
    }

    /// Changes its status.
    ///
    /// # Errors
    /// The API server's sentence.
    pub(crate) async fn forge(&self, name: &str, status: &Value) -> Result<Value, String> {
        let path = format!("{}/status", self.path(name));
        answer(
            self.client
                .merge_patch(&path, &json!({"status": status}))
                .await
                .unwrap(),
        )
    }

    /// Any call as this tenant.
    ///
    /// # Errors
    /// The API server's sentence.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let content = (method == Method::PATCH).then_some("application/merge-patch+json");
        answer(self.client.request(method, path, body, content).await.unwrap())
    }

    pub(crate) async fn delete(&self, name: &str) {
        answer(self.client.delete(&self.path(name)).await.unwrap()).unwrap();
    }

    /// Deletes a binding and waits until it is gone.
    pub(crate) async fn delete_and_wait(&self, name: &str) {
        self.delete(name).await;
        self.world.wait_until_gone(self.key(name)).await.unwrap();
    }

    pub(crate) async fn ready(&self, name: &str) -> Value {
        self.world
            .wait_for("Ready=True", self.key(name), is_ready)
            .await
            .unwrap()
    }

    /// Waits until the operator has refused what the binding asks for now, and says why.
    pub(crate) async fn refused(&self, name: &str, reasons: &[&str]) -> Value {
        let judged = |object: &Value| {
            object["status"]["observedGeneration"] == object["metadata"]["generation"]
                && reasons.iter().any(|reason| says(object, "Ready", reason))
        };
        let what = format!("to be refused for {reasons:?}");
        self.world.wait_for(&what, self.key(name), judged).await.unwrap()
    }

    /// A pass now.
    pub(crate) async fn look_again(&self, name: &str, value: &str) {
        self.world.request_pass(&[self.key(name)], value).await.unwrap();
    }

    /// The default name of a binding's role.
    pub(crate) fn role_name(&self, binding: &str) -> String {
        format!("{}{}.{binding}", prefix(), self.namespace)
    }

    pub(crate) async fn role(&self, binding: &str) -> Option<Role> {
        aws::role(self.world, &self.role_name(binding)).await
    }

    pub(crate) async fn roles(&self) -> std::collections::BTreeMap<String, Role> {
        aws::roles_of(self.world, &self.namespace).await
    }

    /// STS's verdict on a token of one of his ServiceAccounts.
    pub(crate) async fn assume(&self, role_arn: &str, account: &str) -> Result<String, String> {
        let token = self.token(account).await;
        self.world.assume(role_arn, &token).await
    }

    pub(crate) async fn token(&self, account: &str) -> String {
        let cluster = &self.world.cluster;
        let token = cluster.token(&self.namespace, account, "sts.amazonaws.com", 3600).await;
        token.unwrap()
    }

    /// Sets or removes the label that the federation asks for.
    pub(crate) async fn label(&self, value: &Value) {
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        let change = json!({"metadata": {"labels": {"tenant": value}}});
        self.call(Method::PATCH, &path, Some(&change)).await.unwrap();
    }

    /// Waits until AWS answers a token of `app` like this.
    pub(crate) async fn wait_for_verdict(&self, role_arn: &str, wanted: Result<(), &str>) {
        for _ in 0..240 {
            let verdict = self.assume(role_arn, "app").await;
            if verdict.as_ref().map(|_| ()).map_err(String::as_str) == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        let role = self.roles().await;
        panic!(
            "{role_arn} is not {wanted:?}: {role:#?}\n{}",
            self.world.operator().unwrap().log_tail()
        );
    }
}

/// What the names of all roles start with.
pub(crate) fn prefix() -> String {
    format!("irsa-{}-", irsa_core::naming::federation_id(ISSUER))
}

fn answer(reply: ApiReply) -> Result<Value, String> {
    if reply.is_success() {
        Ok(reply.body)
    } else {
        Err(reply.message())
    }
}
