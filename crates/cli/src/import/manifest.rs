//! Manifests of bindings for what is there.

use std::collections::{BTreeMap, BTreeSet};

use irsa_api::Duration;
use irsa_core::{
    import::{Candidate, Origin},
    naming::{Owner, Tags},
    plan::binding::ObservedRole,
    trust::trusted_principals,
    vocabulary::{DEFAULT_AUDIENCE, GROUP, TAG_ADOPT, TAG_PREFIX, VERSION},
};
use irsa_pipeline::binding::observe::role::IamRole;
use serde_json::{Map, Value, json};

use super::account::SeenAccount;

/// Inline policies of a binding.
const MOST_INLINE: usize = 10;
/// Tags of a binding.
const MOST_TAGS: usize = 40;

/// What becomes a binding.
pub(super) struct Wanted<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) account: &'a SeenAccount,
    /// The role where it becomes the operator's, or why it does not; empty where nobody asked for it.
    pub(super) adopted: Result<IamRole, String>,
}

impl Wanted<'_> {
    /// Whether the role's trust policy lets all of its ServiceAccounts in today.
    pub(super) fn is_let_in(&self) -> bool {
        let Candidate {
            role,
            namespace,
            audience,
            accounts,
            ..
        } = self.candidate;
        let mut subjects = accounts
            .iter()
            .map(|name| format!("system:serviceaccount:{namespace}:{name}"));
        subjects.all(|subject| self.account.role_lets_in(role, &subject, audience.as_deref()))
    }

    /// The command with which an AWS administrator hands the role over.
    pub(super) fn offer(&self, cluster: &str) -> Option<String> {
        self.adopted.as_ref().ok()?;
        let owner = Owner {
            cluster: cluster.to_owned(),
            federation: self.account.home.name.clone(),
            namespace: self.candidate.namespace.clone(),
            name: self.candidate.name.clone(),
        };
        let name = role_name(&self.candidate.role);
        let value = owner.adoption();
        Some(format!(
            "aws iam tag-role --role-name {name} --tags Key={TAG_ADOPT},Value={value}"
        ))
    }
}

fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

pub(super) fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// Tags that a binding may set.
pub(super) fn own_tags(tags: &Tags) -> BTreeMap<String, String> {
    let own = tags
        .iter()
        .filter(|(key, _)| !key.starts_with(TAG_PREFIX) && !key.starts_with("aws:"));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What of a role is more than a binding may have, as its CRD has it.
pub(super) fn too_much(role: &ObservedRole) -> Option<String> {
    let (inline, tags) = (role.inline.len(), own_tags(&role.tags).len());
    if inline > MOST_INLINE {
        return Some(format!(
            "it has {inline} inline policies, and a binding takes {MOST_INLINE}"
        ));
    }
    (tags > MOST_TAGS).then(|| format!("it has {tags} tags, and a binding takes {MOST_TAGS}"))
}

/// A binding.
pub(super) fn binding(wanted: &Wanted<'_>) -> Value {
    let candidate = wanted.candidate;
    let accounts: Vec<Value> = candidate.accounts.iter().map(|name| json!({"name": name})).collect();
    let mut spec = json!({"federationRef": {"name": wanted.account.home.name}, "serviceAccounts": accounts});
    let first = wanted.account.home.existing.as_ref();
    let first = first.and_then(|federation| federation.spec.audiences.first());
    let default = first
        .is_some_and(|first| first != DEFAULT_AUDIENCE)
        .then(|| DEFAULT_AUDIENCE.to_owned());
    if let Some(audience) = candidate.audience.clone().or(default) {
        set(&mut spec, "audiences", json!([audience]));
    }
    if candidate.origin == Origin::TrustPolicy {
        set(&mut spec, "serviceAccountMode", json!("None"));
    }
    match &wanted.adopted {
        Ok(found) => {
            set(&mut spec, "role", role(&candidate.role, found));
            set(&mut spec, "policies", policies(found));
        }
        Err(_) => set(&mut spec, "existingRole", json!({"arn": candidate.role})),
    }
    json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": "IamRoleBinding",
        "metadata": {"name": candidate.name, "namespace": candidate.namespace},
        "spec": spec,
    })
}

fn role(arn: &str, found: &IamRole) -> Value {
    let seconds = u64::from(found.role.max_session_seconds);
    let mut role = json!({
        "name": role_name(arn),
        "adopt": "IfTagged",
        "maxSessionDuration": Duration::from_secs(seconds),
    });
    if !found.role.description.is_empty() {
        set(&mut role, "description", json!(found.role.description));
    }
    let tags = own_tags(&found.role.tags);
    if !tags.is_empty() {
        set(&mut role, "tags", json!(tags));
    }
    role
}

fn policies(found: &IamRole) -> Value {
    let managed: Vec<String> = found.role.attached.iter().map(ToString::to_string).collect();
    let inline = found.role.inline.iter().filter_map(|(name, document)| {
        let document: Map<String, Value> = serde_json::from_str(document).ok()?;
        Some(json!({"name": name, "document": document}))
    });
    let inline: Vec<Value> = inline.collect();
    let mut policies = json!({});
    if !managed.is_empty() {
        set(&mut policies, "managed", json!(managed));
    }
    if !inline.is_empty() {
        set(&mut policies, "inline", json!(inline));
    }
    policies
}

/// What whoever applies a binding should know.
pub(super) fn remarks(wanted: &Wanted<'_>) -> Vec<String> {
    let candidate = wanted.candidate;
    let mut remarks = Vec::new();
    for made in &candidate.irsa_manager {
        let first = if made.cleans_up {
            "set its spec.cleanup to false first, or its deletion deletes the role and the ServiceAccounts; then"
        } else {
            "its spec.cleanup is false, so"
        };
        remarks.push(format!(
            "irsa-manager keeps this up by the IRSA {}: {first} delete that while irsa-manager still runs.",
            made.object
        ));
    }
    if candidate.origin == Origin::TrustPolicy {
        remarks.push(
            "Nothing has its pods injected: they configure themselves, and serviceAccountMode: None leaves it so."
                .to_owned(),
        );
    }
    match &wanted.adopted {
        Err(why) if why.is_empty() => {}
        Err(why) => remarks.push(format!("The role stays with whoever keeps it: {why}.")),
        Ok(found) => remarks.extend(of_adoption(wanted, found)),
    }
    remarks
}

/// Whom a role loses by becoming the operator's.
fn of_adoption(wanted: &Wanted<'_>, found: &IamRole) -> Vec<String> {
    let (candidate, home) = (wanted.candidate, &wanted.account.home);
    let provider = home.provider_arn();
    let principals = trusted_principals(&found.role.trust).into_iter();
    let others = principals.filter(|principal| Some(principal) != provider.as_ref());
    let subject = |account: &String| format!("system:serviceaccount:{}:{account}", candidate.namespace);
    let named: BTreeSet<String> = candidate.accounts.iter().map(subject).collect();
    let subjects = wanted.account.subjects(&found.role.trust).into_iter();
    let others = others.chain(subjects.filter(|subject| !named.contains(subject)));
    let others: Vec<String> = others.collect::<BTreeSet<String>>().into_iter().collect();
    let mut remarks = Vec::new();
    if !others.is_empty() {
        remarks.push(format!(
            "The role's trust policy lets others in as well, whom adoption shuts out: {}.",
            others.join(", ")
        ));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_with_more_than_a_binding_takes_is_named() {
        let role = |inline: usize, tags: usize| ObservedRole {
            trust: String::new(),
            tags: (0..tags)
                .map(|number| (format!("tag-{number}"), String::new()))
                .chain([("aws:cloudformation:stack-name".to_owned(), String::new())])
                .collect(),
            boundary: None,
            description: String::new(),
            max_session_seconds: 3600,
            attached: BTreeSet::new(),
            inline: (0..inline)
                .map(|number| (number.to_string(), "{}".to_owned()))
                .collect(),
        };
        assert_eq!(too_much(&role(10, 40)), None);
        assert_eq!(
            too_much(&role(11, 0)).as_deref(),
            Some("it has 11 inline policies, and a binding takes 10")
        );
        assert_eq!(
            too_much(&role(0, 41)).as_deref(),
            Some("it has 41 tags, and a binding takes 40")
        );
    }
}
