//! What a cluster has already, as bindings: which of its ServiceAccounts take which role, whoever has set that up.
//!
//! Three things tell: the annotation that EKS's and our own webhook read, the trust policy of a role that names a ServiceAccount, and
//! the objects of irsa-manager. The first tells what pods ask for, the second only what they would get, so the first wins.

use std::collections::{BTreeMap, BTreeSet};

use crate::proof::AccountName;

/// Most ServiceAccounts of one binding, as its CRD has it.
const MOST_ACCOUNTS: usize = 16;
/// Longest name of a binding, as its CRD has it.
const LONGEST_NAME: usize = 63;

/// A ServiceAccount as somebody has annotated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotatedAccount {
    /// Which one.
    pub account: AccountName,
    /// ARN of the role that its pods are to ask for, as it stands there.
    pub role: String,
    /// The audience of their tokens, where it is not the default.
    pub audience: Option<String>,
}

/// A role that lets a ServiceAccount in by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedAccount {
    /// Which one.
    pub account: AccountName,
    /// ARN of the role.
    pub role: String,
}

/// An object of irsa-manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IrsaManagerObject {
    /// `namespace/name`.
    pub object: String,
    /// The ServiceAccounts that it makes.
    pub accounts: Vec<AccountName>,
    /// Name of the role that it makes.
    pub role_name: String,
    /// Whether its deletion deletes the role and the ServiceAccounts.
    pub cleans_up: bool,
}

/// What told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The ServiceAccounts are annotated.
    Annotation,
    /// The role's trust policy names them, and nothing has their pods injected.
    TrustPolicy,
}

/// What one binding would stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its namespace.
    pub namespace: String,
    /// A name that no binding of the namespace has.
    pub name: String,
    /// ARN of the role.
    pub role: String,
    /// The audience of the tokens, where it is not the default.
    pub audience: Option<String>,
    /// Names of the ServiceAccounts, at most as many as a binding may have.
    pub accounts: BTreeSet<String>,
    /// What told of it.
    pub origin: Origin,
    /// The objects of irsa-manager that make the role or the ServiceAccounts.
    pub irsa_manager: Vec<IrsaManagerObject>,
}

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct ImportInput {
    /// ServiceAccounts with the annotation.
    pub annotated: Vec<AnnotatedAccount>,
    /// ServiceAccounts that trust policies name, those that there are not left out.
    pub trusted: Vec<TrustedAccount>,
    /// Objects of irsa-manager.
    pub irsa_manager: Vec<IrsaManagerObject>,
    /// What bindings say already: the role, or its name alone, and the ServiceAccount.
    pub bound: Vec<TrustedAccount>,
    /// Namespace and name of each binding.
    pub bindings: BTreeSet<(String, String)>,
}

/// One binding for each namespace, role and audience, or several where they are too many for one. What a binding says already is left
/// out.
pub fn candidates(input: &ImportInput) -> Vec<Candidate> {
    let mut groups: BTreeMap<(String, Origin, String, Option<String>), BTreeSet<String>> = BTreeMap::new();
    let is_bound = |account: &AccountName, role: &str| {
        let mut bound = input.bound.iter();
        let name = role.rsplit('/').next();
        bound.any(|bound| bound.account == *account && (bound.role == role || Some(bound.role.as_str()) == name))
    };
    let mut annotated = BTreeSet::new();
    for one in &input.annotated {
        annotated.insert(&one.account);
        if !is_bound(&one.account, &one.role) {
            let (namespace, name) = (one.account.namespace.clone(), one.account.name.clone());
            let key = (namespace, Origin::Annotation, one.role.clone(), one.audience.clone());
            groups.entry(key).or_default().insert(name);
        }
    }
    for one in &input.trusted {
        if !annotated.contains(&one.account) && !is_bound(&one.account, &one.role) {
            let (namespace, name) = (one.account.namespace.clone(), one.account.name.clone());
            let key = (namespace, Origin::TrustPolicy, one.role.clone(), None);
            groups.entry(key).or_default().insert(name);
        }
    }
    let mut names = input.bindings.clone();
    let mut found = Vec::new();
    for ((namespace, origin, role, audience), accounts) in groups {
        let accounts: Vec<String> = accounts.into_iter().collect();
        for accounts in accounts.chunks(MOST_ACCOUNTS) {
            let name = free_name(&mut names, &namespace, &wished_name(&role, accounts));
            let accounts: BTreeSet<String> = accounts.iter().cloned().collect();
            found.push(Candidate {
                irsa_manager: makers(&input.irsa_manager, &namespace, &role, &accounts),
                namespace: namespace.clone(),
                name,
                role: role.clone(),
                audience: audience.clone(),
                accounts,
                origin,
            });
        }
    }
    found
}

/// The objects that make this role, or one of the ServiceAccounts.
fn makers(
    all: &[IrsaManagerObject],
    namespace: &str,
    role: &str,
    accounts: &BTreeSet<String>,
) -> Vec<IrsaManagerObject> {
    let role = role.rsplit('/').next().unwrap_or_default();
    let makes = |object: &&IrsaManagerObject| {
        let mut made = object.accounts.iter();
        let account = made.any(|account| account.namespace == namespace && accounts.contains(&account.name));
        // IAM compares names without case.
        account || object.role_name.eq_ignore_ascii_case(role)
    };
    all.iter().filter(makes).cloned().collect()
}

/// A name that says what the binding is for: that of its only ServiceAccount, or of the role.
fn wished_name(role: &str, accounts: &[String]) -> String {
    let meant = match accounts {
        [only] => only.as_str(),
        _ => role.rsplit('/').next().unwrap_or_default(),
    };
    let name = object_name(meant, LONGEST_NAME);
    if name.is_empty() { "imported".to_owned() } else { name }
}

/// As the API server takes it: lower-case letters, digits, `-` and `.`, neither of these at an end.
fn object_name(meant: &str, longest: usize) -> String {
    let lower = meant.to_ascii_lowercase().chars().take(longest).collect::<String>();
    let plain: String = lower
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    // An empty label between dots, or one with a hyphen at an end, is refused.
    let labels = plain.split('.').map(|label| label.trim_matches('-'));
    labels.filter(|label| !label.is_empty()).collect::<Vec<_>>().join(".")
}

/// The name, or with a number where a binding of the namespace has it.
fn free_name(taken: &mut BTreeSet<(String, String)>, namespace: &str, wished: &str) -> String {
    let numbered = |number: usize| {
        if number < 2 {
            return wished.to_owned();
        }
        let suffix = format!("-{number}");
        format!("{}{suffix}", object_name(wished, LONGEST_NAME - suffix.len()))
    };
    let mut names = (1..).map(numbered);
    let name = names.find(|name| !taken.contains(&(namespace.to_owned(), name.clone())));
    let name = name.unwrap_or_default();
    taken.insert((namespace.to_owned(), name.clone()));
    name
}

/// The ServiceAccount of a `sub`; `None` where it is of another kind, or a pattern.
pub fn account_of_subject(subject: &str) -> Option<AccountName> {
    let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['*', '?', ':', '$']);
    (is_plain(namespace) && is_plain(name)).then(|| AccountName {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

/// The region in the host of an issuer that AWS serves: of a bucket, or of EKS.
pub fn region_of_issuer(issuer: &str) -> Option<&str> {
    let host = issuer.strip_prefix("https://")?.split('/').next()?;
    let within = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let service = within.split('.');
    let last = service.clone().next_back()?;
    // Of old path-style hosts, `s3-<region>`.
    let region = last.strip_prefix("s3-").unwrap_or(last);
    let is_region = region.split('-').count() >= 3
        && region.ends_with(|c: char| c.is_ascii_digit())
        && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_region.then_some(region)
}

#[cfg(test)]
mod tests;
