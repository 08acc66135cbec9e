//! IAM's roles in memory, as the port promises them: rewriting policies on read, refusing what IAM refuses, and counting
//! every call.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use irsa_aws::{
    AssumedRole, AwsError, AwsTags, Bucket, Caller, CallerIdentity, Connect, Connection, DetailedRole, Document,
    DocumentStore, IdentityProviders, Kind, ListedRole, Lookup, NewDocument, NewOidcProvider, NewRole, ObjectRef,
    OidcProvider, Precondition, PublicAccessBlock, PublicRead, PublicReadError, PublicReader, Role, RoleListings,
    Roles, TemporaryCredentials, WebIdentity, WebIdentityRequest,
};
use serde_json::{Value, json};

pub(super) const ACCOUNT: &str = "123456789012";

/// A role with its policies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) role: Role,
    pub(super) attached: BTreeSet<String>,
    pub(super) inline: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct World {
    roles: BTreeMap<String, Stored>,
    calls: Vec<String>,
    failing: BTreeMap<&'static str, Kind>,
    /// Roles of the account that nobody looks at.
    others: usize,
    hung: bool,
    /// Where roles are made, whatever path is asked for.
    path: Option<&'static str>,
    latency: Duration,
    /// What STS takes for a role's trust policy, where that is not what IAM shows.
    sts_trust: BTreeMap<String, String>,
    /// The tokens that were shown to STS.
    shown: Vec<String>,
}

/// One account. Clones are connections to the same one.
#[derive(Debug, Clone)]
pub(super) struct FakeAws {
    world: Arc<Mutex<World>>,
    caller: Caller,
}

impl Default for FakeAws {
    fn default() -> Self {
        let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/operator/operator");
        let caller = Caller {
            account: ACCOUNT.to_owned(),
            arn,
            partition: "aws".to_owned(),
        };
        Self {
            world: Arc::default(),
            caller,
        }
    }
}

impl FakeAws {
    /// The calls since the last time.
    pub(super) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().calls)
    }

    /// The tokens that were shown to STS since the last time.
    pub(super) fn take_shown(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().shown)
    }

    /// From now on STS takes this for a role's trust policy, whatever IAM shows; `None`: what IAM shows.
    pub(super) fn sts_sees(&self, role: &str, trust: Option<&str>) {
        let mut world = self.world.lock().unwrap();
        match trust {
            Some(trust) => world.sts_trust.insert(role.to_owned(), trust.to_owned()),
            None => world.sts_trust.remove(role),
        };
    }

    /// The same without the listings that serve all roles together.
    pub(super) fn take_calls_about_a_role(&self) -> Vec<String> {
        let listing = |call: &String| ["ListRoles", "GetAccountAuthorizationDetails"].contains(&call.as_str());
        self.take_calls().into_iter().filter(|call| !listing(call)).collect()
    }

    /// From now on this call fails.
    pub(super) fn fail(&self, call: &'static str, kind: Kind) {
        self.world.lock().unwrap().failing.insert(call, kind);
    }

    /// The account has so many more roles.
    pub(super) fn crowd(&self, others: usize) {
        self.world.lock().unwrap().others = others;
    }

    /// From now on roles are made under this path, whatever is asked for.
    pub(super) fn move_roles_to(&self, path: &'static str) {
        self.world.lock().unwrap().path = Some(path);
    }

    /// From now on nothing is answered.
    pub(super) fn hang(&self) {
        self.world.lock().unwrap().hung = true;
    }

    /// From now on each call about a role takes so long.
    pub(super) fn delay(&self, latency: Duration) {
        self.world.lock().unwrap().latency = latency;
    }

    async fn answer_late(&self) {
        let latency = self.world.lock().unwrap().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    /// Nothing fails any more.
    pub(super) fn recover(&self) {
        self.world.lock().unwrap().failing.clear();
    }

    pub(super) fn get(&self, name: &str) -> Option<Stored> {
        self.world.lock().unwrap().roles.get(name).cloned()
    }

    /// Somebody changes a role by hand.
    pub(super) fn tamper(&self, name: &str, change: impl FnOnce(&mut Stored)) {
        change(self.world.lock().unwrap().roles.get_mut(name).unwrap());
    }

    /// IAM does not show a role (any more, or yet).
    pub(super) fn hide(&self, name: &str) -> Stored {
        self.world.lock().unwrap().roles.remove(name).unwrap()
    }

    /// It shows it again.
    pub(super) fn show(&self, stored: Stored) {
        self.world
            .lock()
            .unwrap()
            .roles
            .insert(stored.role.name.clone(), stored);
    }

    /// Somebody else's role.
    pub(super) fn put_foreign(&self, name: &str, tags: AwsTags) {
        let role = Role {
            name: name.to_owned(),
            arn: format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            id: "AROAFOREIGN".to_owned(),
            path: "/".to_owned(),
            trust_policy: "{}".to_owned(),
            description: String::new(),
            max_session_seconds: 3600,
            permissions_boundary: None,
            tags,
        };
        let stored = Stored {
            role,
            attached: BTreeSet::new(),
            inline: BTreeMap::new(),
        };
        self.world.lock().unwrap().roles.insert(name.to_owned(), stored);
    }

    fn call<T>(&self, call: &'static str, act: impl FnOnce(&mut World) -> Result<T, AwsError>) -> Result<T, AwsError> {
        let mut world = self.world.lock().unwrap();
        world.calls.push(call.to_owned());
        match world.failing.get(call) {
            Some(kind) => Err(error(call, *kind)),
            None => act(&mut world),
        }
    }

    fn change(&self, call: &'static str, name: &str, act: impl FnOnce(&mut Stored)) -> Result<(), AwsError> {
        self.call(call, |world| {
            act(world.roles.get_mut(name).ok_or_else(|| error(call, Kind::NotFound))?);
            Ok(())
        })
    }
}

/// As IAM stores it: actions in arrays, whatever they came as.
fn rewritten(document: &str) -> String {
    let mut document: Value = serde_json::from_str(document).unwrap();
    for statement in document["Statement"].as_array_mut().into_iter().flatten() {
        if statement["Action"].is_string() {
            statement["Action"] = json!([statement["Action"]]);
        }
    }
    document.to_string()
}

impl Connect for FakeAws {
    type Aws = Self;
    type Public = NothingPublished;

    fn public(&self) -> NothingPublished {
        NothingPublished
    }

    async fn connect(&self, _: &Connection) -> Result<Self, AwsError> {
        if self.world.lock().unwrap().hung {
            std::future::pending::<()>().await;
        }
        self.call("Connect", |_| Ok(())).map(|()| {
            self.world.lock().unwrap().calls.pop();
            self.clone()
        })
    }
}

/// STS over the stored trust policies: which subjects and audiences each statement names. A token is `namespace/name audience`.
impl WebIdentity for FakeAws {
    async fn assume(&self, request: &WebIdentityRequest) -> Result<AssumedRole, AwsError> {
        self.call("AssumeRoleWithWebIdentity", |world| {
            let name = request.role_arn.rsplit('/').next().unwrap();
            let (account, audience) = request.token.split_once(' ').unwrap();
            let subject = format!("system:serviceaccount:{}", account.replace('/', ":"));
            let trust = world.sts_trust.get(name).cloned();
            let trust = trust.or_else(|| Some(world.roles.get(name)?.role.trust_policy.clone()));
            world.shown.push(request.token.clone());
            if !trust.is_some_and(|trust| lets_in(&trust, &subject, audience)) {
                return Err(AwsError {
                    code: "AccessDenied".to_owned(),
                    ..error("AssumeRoleWithWebIdentity", Kind::AccessDenied)
                });
            }
            let credentials = TemporaryCredentials {
                access_key_id: "ASIA".to_owned(),
                secret_access_key: "secret".to_owned(),
                session_token: "token".to_owned(),
                expires: 0,
            };
            let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{}", request.session_name);
            Ok(AssumedRole { arn, credentials })
        })
    }

    async fn identity_of(&self, session: &AssumedRole) -> Result<String, AwsError> {
        self.call("GetCallerIdentity", |_| Ok(session.arn.clone()))
    }
}

fn lets_in(trust: &str, subject: &str, audience: &str) -> bool {
    let policy: Value = serde_json::from_str(trust).unwrap();
    let pins = |statement: &Value, claim: &str, actual: &str| {
        let tests = statement["Condition"]["StringEquals"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        let found = tests
            .iter()
            .find(|(key, _)| key.ends_with(claim))
            .map(|(_, values)| values.clone());
        found.is_none_or(|values| match &values {
            Value::Array(values) => values.iter().any(|value| value == actual),
            one => one == actual,
        })
    };
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let any = |effect: &str| {
        let mut of = statements.iter().filter(|statement| statement["Effect"] == effect);
        of.any(|statement| pins(statement, ":sub", subject) && pins(statement, ":aud", audience))
    };
    any("Allow") && !any("Deny")
}

/// Nobody publishes anything.
#[derive(Debug, Clone)]
pub(super) struct NothingPublished;

impl PublicReader for NothingPublished {
    async fn read(&self, _: &str, _: Option<&str>) -> Result<PublicRead, PublicReadError> {
        Err(PublicReadError::Status(404))
    }
}

impl CallerIdentity for FakeAws {
    fn caller(&self) -> &Caller {
        &self.caller
    }
}

impl Roles for FakeAws {
    async fn role(&self, name: &str) -> Result<Option<Role>, AwsError> {
        self.answer_late().await;
        self.call("GetRole", |world| {
            Ok(world.roles.get(name).map(|stored| stored.role.clone()))
        })
    }

    async fn create_role(&self, new: &NewRole) -> Result<Role, AwsError> {
        self.answer_late().await;
        self.call("CreateRole", |world| {
            if world.roles.contains_key(&new.name) {
                return Err(error("CreateRole", Kind::AlreadyExists));
            }
            let path = world.path.unwrap_or(&new.path);
            let role = Role {
                name: new.name.clone(),
                arn: format!("arn:aws:iam::{ACCOUNT}:role{path}{}", new.name),
                id: format!("AROA{}", world.roles.len() + 1),
                path: new.path.clone(),
                trust_policy: rewritten(&new.trust_policy),
                description: new.description.clone(),
                max_session_seconds: new.max_session_seconds,
                permissions_boundary: new.permissions_boundary.clone(),
                tags: new.tags.clone(),
            };
            let stored = Stored {
                role: role.clone(),
                attached: BTreeSet::new(),
                inline: BTreeMap::new(),
            };
            world.roles.insert(new.name.clone(), stored);
            Ok(role)
        })
    }

    async fn update_trust_policy(&self, name: &str, policy: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("UpdateAssumeRolePolicy", name, |stored| {
            stored.role.trust_policy = rewritten(policy);
        })
    }

    async fn update_role(&self, name: &str, description: &str, seconds: u32) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("UpdateRole", name, |stored| {
            stored.role.description = description.to_owned();
            stored.role.max_session_seconds = seconds;
        })
    }

    async fn put_permissions_boundary(&self, name: &str, arn: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("PutRolePermissionsBoundary", name, |stored| {
            stored.role.permissions_boundary = Some(arn.to_owned());
        })
    }

    async fn delete_permissions_boundary(&self, name: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("DeleteRolePermissionsBoundary", name, |stored| {
            stored.role.permissions_boundary = None;
        })
    }

    async fn tag_role(&self, name: &str, tags: &AwsTags) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("TagRole", name, |stored| stored.role.tags.extend(tags.clone()))
    }

    async fn untag_role(&self, name: &str, keys: &[String]) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("UntagRole", name, |stored| {
            stored.role.tags.retain(|key, _| !keys.contains(key));
        })
    }

    async fn attached_policies(&self, name: &str) -> Result<BTreeSet<String>, AwsError> {
        self.answer_late().await;
        self.call("ListAttachedRolePolicies", |world| {
            Ok(world
                .roles
                .get(name)
                .map(|stored| stored.attached.clone())
                .unwrap_or_default())
        })
    }

    async fn attach_policy(&self, name: &str, arn: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("AttachRolePolicy", name, |stored| {
            stored.attached.insert(arn.to_owned());
        })
    }

    async fn detach_policy(&self, name: &str, arn: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("DetachRolePolicy", name, |stored| {
            stored.attached.remove(arn);
        })
    }

    async fn inline_policies(&self, name: &str) -> Result<BTreeSet<String>, AwsError> {
        self.answer_late().await;
        self.call("ListRolePolicies", |world| {
            Ok(world
                .roles
                .get(name)
                .map(|stored| stored.inline.keys().cloned().collect())
                .unwrap_or_default())
        })
    }

    async fn inline_policy(&self, name: &str, policy: &str) -> Result<Option<String>, AwsError> {
        self.answer_late().await;
        self.call("GetRolePolicy", |world| {
            Ok(world
                .roles
                .get(name)
                .and_then(|stored| stored.inline.get(policy))
                .cloned())
        })
    }

    async fn put_inline_policy(&self, name: &str, policy: &str, document: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("PutRolePolicy", name, |stored| {
            stored.inline.insert(policy.to_owned(), rewritten(document));
        })
    }

    async fn delete_inline_policy(&self, name: &str, policy: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.change("DeleteRolePolicy", name, |stored| drop(stored.inline.remove(policy)))
    }

    async fn delete_role(&self, name: &str) -> Result<(), AwsError> {
        self.answer_late().await;
        self.call("DeleteRole", |world| {
            if world
                .roles
                .get(name)
                .is_some_and(|role| !role.attached.is_empty() || !role.inline.is_empty())
            {
                return Err(error("DeleteRole", Kind::DeleteConflict));
            }
            world.roles.remove(name);
            Ok(())
        })
    }
}

impl RoleListings for FakeAws {
    async fn roles_under(&self, path: &str, visit: impl FnMut(ListedRole) + Send) -> Result<(), AwsError> {
        let listed = |stored: &Stored| ListedRole {
            name: stored.role.name.clone(),
            arn: stored.role.arn.clone(),
            id: stored.role.id.clone(),
            trust_policy: stored.role.trust_policy.clone(),
            description: stored.role.description.clone(),
            max_session_seconds: stored.role.max_session_seconds,
        };
        self.call("ListRoles", |world| {
            let under = world.roles.values().filter(|stored| stored.role.path.starts_with(path));
            under.map(listed).for_each(visit);
            Ok(())
        })
    }

    async fn detailed_roles(
        &self,
        at_most: usize,
        keep: impl Fn(&str, &AwsTags) -> bool + Send + Sync,
        visit: impl FnMut(DetailedRole) + Send,
    ) -> Result<bool, AwsError> {
        let detailed = |stored: &Stored| DetailedRole {
            name: stored.role.name.clone(),
            id: stored.role.id.clone(),
            permissions_boundary: stored.role.permissions_boundary.clone(),
            tags: stored.role.tags.clone(),
            attached: stored.attached.clone(),
            inline: stored.inline.clone(),
        };
        self.call("GetAccountAuthorizationDetails", |world| {
            let kept = world
                .roles
                .values()
                .filter(|stored| keep(&stored.role.path, &stored.role.tags));
            kept.map(detailed).for_each(visit);
            Ok(world.roles.len() + world.others <= at_most)
        })
    }
}

/// Bindings ask nothing of providers.
impl IdentityProviders for FakeAws {
    async fn provider(&self, _: &str) -> Result<Option<OidcProvider>, AwsError> {
        Ok(None)
    }

    async fn create_provider(&self, _: &NewOidcProvider) -> Result<String, AwsError> {
        panic!("not a binding's")
    }

    async fn add_client_id(&self, _: &str, _: &str) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn remove_client_id(&self, _: &str, _: &str) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn set_thumbprints(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn tag_provider(&self, _: &str, _: &AwsTags) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn untag_provider(&self, _: &str, _: &[String]) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn delete_provider(&self, _: &str) -> Result<(), AwsError> {
        panic!("not a binding's")
    }
}

/// Bindings ask nothing of documents.
impl DocumentStore for FakeAws {
    async fn document(&self, _: &ObjectRef) -> Result<Lookup<Document>, AwsError> {
        panic!("not a binding's")
    }

    async fn put_document(&self, _: &ObjectRef, _: &NewDocument, _: &Precondition) -> Result<String, AwsError> {
        panic!("not a binding's")
    }

    async fn delete_document(&self, _: &ObjectRef, _: &str) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn bucket_policy(&self, _: &Bucket) -> Result<Option<String>, AwsError> {
        panic!("not a binding's")
    }

    async fn put_bucket_policy(&self, _: &Bucket, _: &str) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn delete_bucket_policy(&self, _: &Bucket) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn create_bucket(&self, _: &Bucket) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn delete_bucket(&self, _: &Bucket) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn put_public_access_block(&self, _: &Bucket, _: PublicAccessBlock) -> Result<(), AwsError> {
        panic!("not a binding's")
    }

    async fn public_access_block(&self, _: &Bucket) -> Result<Option<PublicAccessBlock>, AwsError> {
        panic!("not a binding's")
    }
}

fn error(call: &'static str, kind: Kind) -> AwsError {
    let (resource, code) = ("a role".to_owned(), format!("{kind:?}"));
    AwsError {
        operation: call,
        resource,
        code,
        message: String::new(),
        kind,
    }
}
