//! What tests put into IAM and look up in it past the wire: authentication and policies do not apply, IAM's own rules
//! for documents do.

use jiff::{SignedDuration, Timestamp};

use super::{
    Iam, Quotas, Settings,
    keys::KeyOwner,
    state::{Document, ManagedPolicy, PolicyVersion, User, key, unique_id},
    tags::Tags,
    versioned::View,
};
use crate::aws::{account::Account, credentials::Credentials, double::AwsDouble, policy, wire::AwsError};

impl Iam {
    /// Keys of the account's root.
    pub(crate) fn root_credentials(&mut self, account: &str) -> Credentials {
        self.accounts.entry(account.to_owned()).or_default();
        self.keys.issue(account, KeyOwner::Root)
    }

    /// A user with one inline policy, and its keys. A user that exists gets the policy and further keys.
    pub(crate) fn create_user(
        &mut self,
        account_id: &str,
        name: &str,
        policy: Option<&str>,
        now: Timestamp,
    ) -> Result<Credentials, AwsError> {
        let policy = policy.map(document).transpose()?;
        let credentials = self.keys.issue(account_id, KeyOwner::User(name.to_owned()));
        self.change_user(account_id, name, now, |user| {
            if let Some(policy) = policy {
                user.inline.insert("seeded".to_owned(), policy);
            }
            user.keys.push(credentials.access_key_id.clone());
        });
        Ok(credentials)
    }

    fn change_user(&mut self, account_id: &str, name: &str, now: Timestamp, change: impl FnOnce(&mut User)) {
        let account = self.accounts.entry(account_id.to_owned()).or_default();
        let mut user = match account.users.get(&key(name), View::Newest) {
            Some(user) => User::clone(user),
            None => User::new(account_id, name, now),
        };
        change(&mut user);
        let instant = account.instant(now);
        account.users.put(&key(name), user, instant);
    }

    /// A customer managed policy (path `/`); one that exists gets this document as its only version. Its ARN.
    pub(crate) fn put_managed_policy(
        &mut self,
        account_id: &str,
        name: &str,
        text: &str,
        now: Timestamp,
    ) -> Result<String, AwsError> {
        let arn = format!("arn:aws:iam::{account_id}:policy/{name}");
        let account = self.accounts.entry(account_id.to_owned()).or_default();
        let policy = ManagedPolicy {
            name: name.to_owned(),
            path: "/".to_owned(),
            id: unique_id("ANPA"),
            arn: arn.clone(),
            description: None,
            created: now,
            updated: now,
            default_version: 1,
            next_version: 2,
            versions: vec![PolicyVersion {
                number: 1,
                document: document(text)?,
                created: now,
            }],
            tags: Tags::default(),
        };
        let instant = account.instant(now);
        account.policies.put(&arn, policy, instant);
        Ok(arn)
    }
}

fn document(text: &str) -> Result<Document, AwsError> {
    let value = policy::validate_identity(text)?;
    Ok(Document {
        text: text.to_owned(),
        value,
    })
}

impl AwsDouble {
    /// Changes what IAM does in all accounts: rewriting of documents, paging, the thumbprint probe.
    pub fn set_iam(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.world().lock().iam.settings);
    }
}

impl Account<'_> {
    /// Keys of the account's root, which may do everything in it.
    pub fn root_credentials(&self) -> Credentials {
        self.world.lock().iam.root_credentials(&self.id)
    }

    /// A user with this inline policy (JSON), and its keys. A user that exists gets the policy instead of the one it was
    /// seeded with, and further keys. Errors as PutUserPolicy (`MalformedPolicyDocument`).
    pub fn create_user(&self, name: &str, policy: &str) -> Result<Credentials, AwsError> {
        let now = self.world.clock.now();
        self.world.lock().iam.create_user(&self.id, name, Some(policy), now)
    }

    /// A customer managed policy under path `/` with this document (JSON); replaces the one that exists. Its ARN.
    pub fn put_managed_policy(&self, name: &str, document: &str) -> Result<String, AwsError> {
        let now = self.world.clock.now();
        self.world.lock().iam.put_managed_policy(&self.id, name, document, now)
    }

    /// Attaches a managed policy to a user; the user is made when missing.
    pub fn attach_user_policy(&self, user: &str, arn: &str) {
        let now = self.world.clock.now();
        self.world
            .lock()
            .iam
            .change_user(&self.id, user, now, |user| user.attached.push(arn.to_owned()));
    }

    /// Sets a user's permissions boundary; the user is made when missing.
    pub fn set_user_boundary(&self, user: &str, arn: &str) {
        let now = self.world.clock.now();
        self.world
            .lock()
            .iam
            .change_user(&self.id, user, now, |user| user.boundary = Some(arn.to_owned()));
    }

    /// Puts the account under these service control policies (JSON) instead of those before; none takes it out of its
    /// organisation's reach. Only their `Deny` statements count here. Errors as PutUserPolicy.
    pub fn set_service_control_policies(&self, documents: &[&str]) -> Result<(), AwsError> {
        let parsed: Result<Vec<_>, _> = documents.iter().map(|text| policy::validate_identity(text)).collect();
        let parsed = parsed?;
        let mut state = self.world.lock();
        state.iam.accounts.entry(self.id.clone()).or_default().control_policies = parsed;
        Ok(())
    }

    /// Changes the account's IAM quotas.
    pub fn set_quotas(&self, change: impl FnOnce(&mut Quotas)) {
        change(
            &mut self
                .world
                .lock()
                .iam
                .accounts
                .entry(self.id.clone())
                .or_default()
                .quotas,
        );
    }

    /// Lets IAM's reads, and STS's, see the account as it was so long ago. Default: not at all.
    ///
    /// What was overwritten before a longer delay was set is forgotten: such reads see the state that followed it.
    pub fn set_consistency_delay(&self, delay: SignedDuration) {
        self.world.lock().iam.accounts.entry(self.id.clone()).or_default().delay = delay;
    }

    /// Names of the account's roles, as created, in the newest state.
    pub fn role_names(&self) -> Vec<String> {
        let state = self.world.lock();
        let account = state.iam.accounts.get(&self.id);
        let roles = account.into_iter().flat_map(|account| account.roles.iter(View::Newest));
        roles.map(|role| role.name.clone()).collect()
    }

    /// ARNs of the account's OIDC providers in the newest state.
    pub fn provider_arns(&self) -> Vec<String> {
        let state = self.world.lock();
        let account = state.iam.accounts.get(&self.id);
        let providers = account
            .into_iter()
            .flat_map(|account| account.providers.iter(View::Newest));
        providers.map(|provider| provider.arn.clone()).collect()
    }
}
