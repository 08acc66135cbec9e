//! AWS as it is, and what of it is ours, by rules that are not the product's.

use std::collections::{BTreeMap, BTreeSet};

use irsa_testkit::aws::{InProcess, ProviderState, RoleState};
use serde_json::Value;

use crate::wishes::{ACCOUNT, BUCKET, CLUSTER, HOST, PREFIX, provider_arn, slot_name, slot_of};

/// AWS as it was after the last change, whoever made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) roles: BTreeMap<String, RoleState>,
    pub(crate) providers: BTreeMap<String, ProviderState>,
    /// Body and metadata.
    pub(crate) objects: BTreeMap<String, (Vec<u8>, BTreeMap<String, String>)>,
    pub(crate) statements: Vec<Value>,
}

impl View {
    pub(crate) fn of(aws: &InProcess) -> Self {
        let account = aws.account(ACCOUNT);
        let (objects, statements) = aws.s3(|s3| {
            let bucket = s3.bucket(BUCKET).unwrap();
            let objects = bucket.objects.iter();
            let objects = objects.map(|(key, object)| (key.clone(), (object.body.to_vec(), object.metadata.clone())));
            let statements = bucket
                .policy
                .as_ref()
                .map(|policy| policy.document["Statement"].clone());
            (objects.collect(), statements)
        });
        Self {
            roles: account.roles(),
            providers: account.providers(),
            objects,
            statements: match statements {
                Some(Value::Array(statements)) => statements,
                Some(one) => vec![one],
                None => Vec::new(),
            },
        }
    }
}

pub(crate) fn is_our_role(role: &RoleState) -> bool {
    let tag = |name: &str| role.tags.get(&format!("irsa-anywhere.dev/{name}")).map(String::as_str);
    slot_of(&role.name).is_some_and(|slot| {
        let (namespace, name) = slot_name(slot);
        tag("cluster") == Some(CLUSTER)
            && tag("federation") == Some("default")
            && tag("namespace") == Some(namespace)
            && tag("name") == Some(name)
    })
}

pub(crate) fn is_our_provider(arn: &str, provider: &ProviderState) -> bool {
    let tag = |name: &str| {
        provider
            .tags
            .get(&format!("irsa-anywhere.dev/{name}"))
            .map(String::as_str)
    };
    arn == provider_arn() && tag("cluster") == Some(CLUSTER) && tag("federation") == Some("default")
}

pub(crate) fn document_keys() -> [String; 2] {
    [
        format!("{PREFIX}/openid/v1/jwks"),
        format!("{PREFIX}/.well-known/openid-configuration"),
    ]
}

pub(crate) fn is_our_object(key: &str, metadata: &BTreeMap<String, String>) -> bool {
    document_keys().iter().any(|ours| ours == key)
        && metadata.get("irsa-anywhere-cluster").map(String::as_str) == Some(CLUSTER)
        && metadata.get("irsa-anywhere-federation").map(String::as_str) == Some("default")
}

pub(crate) fn is_under_our_sid(statement: &Value) -> bool {
    statement["Sid"]
        .as_str()
        .is_some_and(|sid| sid.starts_with("IrsaAnywherePublicRead"))
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Who may assume a role: `sub` and `aud` of each that a statement pins, and `anybody` for each statement that pins less.
pub(crate) fn subjects(trust: &str) -> BTreeSet<String> {
    let anybody = || BTreeSet::from(["anybody".to_owned()]);
    let Ok(trust) = serde_json::from_str::<Value>(trust) else {
        return anybody();
    };
    let pinned = |statement: &Value| -> Option<BTreeSet<String>> {
        let conditions = statement["Condition"].as_object().filter(|all| all.len() == 1)?;
        let keys = conditions.get("StringEquals")?.as_object()?;
        let federated = statement["Principal"] == serde_json::json!({"Federated": provider_arn()});
        let plain = federated && statement["Action"] == "sts:AssumeRoleWithWebIdentity";
        let subs = texts(keys.get(&format!("{HOST}:sub"))?)?;
        let auds = texts(keys.get(&format!("{HOST}:aud"))?)?;
        let pairs = subs
            .iter()
            .flat_map(|sub| auds.iter().map(move |aud| format!("{sub} {aud}")));
        plain.then(|| pairs.collect())
    };
    let statements = match &trust["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let statements = statements.iter();
    let allow = statements.filter(|statement| statement["Effect"] != "Deny");
    allow
        .flat_map(|statement| pinned(statement).unwrap_or_else(anybody))
        .collect()
}

pub(crate) fn rights_of(role: &RoleState) -> BTreeSet<String> {
    let inline = role.inline.iter().map(|(name, document)| inline_right(name, document));
    role.attached.iter().cloned().chain(inline).collect()
}

pub(crate) fn inline_right(name: &str, document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    format!("inline {name} {}", canonical(&document))
}

/// One text for all ways to say the same: IAM hands lists of one out as their element, and reorders.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Array(list) => {
            let mut list: Vec<String> = list.iter().map(canonical).collect();
            list.sort_unstable();
            if list.len() == 1 {
                list.remove(0)
            } else {
                format!("[{}]", list.join(","))
            }
        }
        Value::Object(fields) => {
            let mut fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{key}:{}", canonical(value)))
                .collect();
            fields.sort_unstable();
            format!("{{{}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}
