//! Objects of our kinds as the API server lists them, readable or not.
//!
//! What a tenant may put into a free-form field (an inline policy) can be deeper than any parser follows. One such object
//! must cost neither the list of all the others nor the rules that hold for its own role.

use std::borrow::Cow;

use irsa_pipeline::object::Managed;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

/// An object of a kind, or why it could not be read; as it is kept in memory: its details as text. In pieces, as they are
/// read, they would be most of what a binding takes, and what is left of their room when it goes is in between what stays.
#[derive(Debug, Clone)]
pub struct Decoded<K> {
    outline: Result<K, Unreadable<K>>,
    details: Option<Box<str>>,
}

/// An object that is not what its kind's type says.
#[derive(Debug, Clone)]
pub struct Unreadable<K> {
    /// Why.
    pub error: String,
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What could be saved of it: enough to judge and to remove what it made.
    pub partial: Option<Box<K>>,
}

impl<K> Decoded<K> {
    /// The object without its details, or what could be saved of it: what others are judged by. A pass over it needs
    /// [`Self::whole`].
    pub fn outline(&self) -> Option<&K> {
        match &self.outline {
            Ok(outline) => Some(outline),
            Err(unreadable) => unreadable.partial.as_deref(),
        }
    }

    /// Why it could not be read.
    pub fn error(&self) -> Option<&str> {
        let unreadable = self.outline.as_ref().err()?;
        Some(&unreadable.error)
    }
}

impl<K: Managed> Decoded<K> {
    /// An object that could be read.
    pub fn of(mut object: K) -> Self {
        let details = object.take_details();
        let text = serde_json::to_string(&details).ok();
        if text.is_none() {
            object.put_details(details);
        }
        Self {
            outline: Ok(object),
            details: text.map(String::into_boxed_str),
        }
    }

    /// The object with all that is known of it, or what could be saved of it.
    ///
    /// `None` also where its details can no longer be read: without them nothing may be concluded from it.
    pub fn whole(&self) -> Option<K> {
        let mut object = self.outline()?.clone();
        if let Some(details) = &self.details {
            object.put_details(serde_json::from_str(details).ok()?);
        }
        Some(object)
    }
}

/// # Assumptions
/// The event of a watch says its type before its object, as kube-apiserver writes it: what has to be put aside first cannot be
/// taken as text.
///
/// # Guarantees
/// Fails only for what is no JSON or has no readable metadata. The text is taken as it is, without following its depth, so
/// that one object cannot spoil a list; kube's own guard reads everything first, and gives up with it.
impl<'de, K: Managed> Deserialize<'de> for Decoded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct MetadataOnly {
            #[serde(default)]
            metadata: ObjectMeta,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match serde_json::from_str(text.get()) {
            Ok(object) => Self::of(object),
            Err(error) => {
                let MetadataOnly { metadata } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
                let partial = K::partial(&metadata, text.get()).map(Box::new);
                let unreadable = Unreadable {
                    error: without_place(&error),
                    metadata,
                    partial,
                };
                Self {
                    outline: Err(unreadable),
                    details: None,
                }
            }
        })
    }
}

/// Where in the text it was depends on what we write into the status ourselves.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

impl<K: Resource> Resource for Decoded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        self.outline
            .as_ref()
            .map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.outline
            .as_mut()
            .map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use irsa_api::IamRoleBinding;
    use kube::{ResourceExt, core::ObjectList, core::WatchEvent};
    use serde_json::json;

    use super::*;

    /// A binding whose inline policy is so many levels deep. Built as text: no parser here would follow it.
    fn binding(name: &str, levels: usize) -> String {
        let (open, close) = ("{\"a\":".repeat(levels), "}".repeat(levels));
        format!(
            r#"{{"apiVersion":"irsa-anywhere.dev/v1alpha1","kind":"IamRoleBinding",
            "metadata":{{"name":"{name}","namespace":"ns","uid":"u","resourceVersion":"7","finalizers":["irsa-anywhere.dev/binding"]}},
            "spec":{{"federationRef":{{"name":"prod"}},"serviceAccounts":[{{"name":"app"}}],"role":{{"name":"given"}},
              "policies":{{"inline":[{{"name":"p","document":{open}1{close}}}]}},"deletionPolicy":"Retain"}},
            "status":{{"roleName":"given","subjects":["system:serviceaccount:ns:app"]}}}}"#
        )
    }

    #[test]
    fn a_document_of_any_depth_costs_one_object_and_not_the_list() {
        let text = format!(
            r#"{{"apiVersion":"irsa-anywhere.dev/v1alpha1","kind":"IamRoleBindingList","metadata":{{"resourceVersion":"9"}},"items":[{},{}]}}"#,
            binding("deep", 5000),
            binding("flat", 1)
        );
        let list: ObjectList<Decoded<IamRoleBinding>> = serde_json::from_str(&text).unwrap();
        let names: Vec<(String, bool)> = list
            .items
            .iter()
            .map(|item| (item.name_any(), item.error().is_none()))
            .collect();
        assert_eq!(names, [("deep".to_owned(), false), ("flat".to_owned(), true)]);

        let event = format!(r#"{{"type":"MODIFIED","object":{}}}"#, binding("deep", 5000));
        let event: WatchEvent<Decoded<IamRoleBinding>> = serde_json::from_str(&event).unwrap();
        let WatchEvent::Modified(object) = event else {
            panic!("{event:?}")
        };
        assert_eq!(object.resource_version().as_deref(), Some("7"));
    }

    #[test]
    fn what_decides_over_the_role_is_saved_from_an_object_that_cannot_be_read() {
        let decoded: Decoded<IamRoleBinding> = serde_json::from_str(&binding("deep", 5000)).unwrap();
        let error = decoded.error().unwrap();
        assert!(error.contains("recursion limit"), "{error}");
        let saved = decoded.whole().unwrap();
        assert_eq!((saved.name_any().as_str(), saved.has_finalizer()), ("deep", true));
        assert_eq!(saved.spec.federation_ref.name, "prod");
        assert_eq!(saved.spec.role.name.as_deref(), Some("given"));
        assert_eq!(saved.spec.deletion_policy, irsa_api::DeletionPolicy::Retain);
        assert_eq!(saved.spec.service_accounts[0].name, "app");
        assert_eq!(saved.status.as_ref().unwrap().role_name.as_deref(), Some("given"));
    }

    #[test]
    fn what_is_kept_as_text_comes_back_as_it_was_and_its_outline_has_what_others_are_judged_by() {
        let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"NumericLessThan": {"a": [0.1, 1e-7, 123_456_789.123_456_78, u64::MAX, -3, 1e300]},
                          "StringLike": {"é\"\\": ["\u{0}\n", "漢", true, null]}}}]});
        let condition = |kind: &str, reason: &str| {
            json!({"type": kind, "status": "False", "reason": reason, "message": "Too many.",
                "observedGeneration": 3, "lastTransitionTime": "2026-01-01T00:00:00Z"})
        };
        let conditions = [
            condition("Ready", "QuotaExceeded"),
            condition("Admitted", "QuotaExceeded"),
            condition("PoliciesSynced", "QuotaExceeded"),
        ];
        let object: IamRoleBinding = serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "app", "namespace": "team", "uid": "u", "labels": {"a": "b"}},
            "spec": {"serviceAccounts": [{"name": "app"}], "serviceAccountMode": "Create", "role": {"name": "given"},
                "serviceAccountTemplate": {"labels": {"team": "a"}},
                "policies": {"managed": ["ReadOnlyAccess"], "inline": [{"name": "p", "document": document}], "exclusive": false}},
            "status": {"roleName": "given", "subjects": ["system:serviceaccount:team:app"], "conditions": conditions},
        }))
        .unwrap();
        let decoded = Decoded::of(object.clone());
        assert_eq!(decoded.whole(), Some(object.clone()));

        let outline = decoded.outline().unwrap();
        assert_eq!(outline.metadata, object.metadata);
        assert_eq!(outline.spec.role, object.spec.role);
        assert_eq!(outline.spec.service_accounts, object.spec.service_accounts);
        let (status, known) = (outline.status.as_ref().unwrap(), object.status.as_ref().unwrap());
        assert_eq!(
            (&status.role_name, &status.subjects),
            (&known.role_name, &known.subjects)
        );
        assert!(outline.spec.policies.inline.is_empty() && outline.spec.service_account_template.is_none());
        assert_eq!(status.conditions, known.conditions[1..2], "that it waits for a place");
    }

    #[test]
    fn of_an_object_whose_details_cannot_be_read_again_nothing_is_concluded() {
        let mut decoded: Decoded<IamRoleBinding> = serde_json::from_str(&binding("app", 1)).unwrap();
        assert!(decoded.whole().is_some());
        decoded.details = Some("{\"policies\":".into());
        assert_eq!(decoded.whole(), None);
        assert!(decoded.outline().is_some());
    }

    #[test]
    fn fields_of_another_type_count_as_absent_and_a_role_of_somebody_elses_as_one() {
        let text = r#"{"metadata":{"name":"odd","namespace":"ns"},
            "spec":{"serviceAccounts":"x","federationRef":7,"role":[],"existingRole":{"arn":5},"deletionPolicy":"Burn"},
            "status":{"roleName":{}}}"#;
        let decoded: Decoded<IamRoleBinding> = serde_json::from_str(text).unwrap();
        assert!(decoded.error().is_some());
        let saved = decoded.outline().unwrap();
        assert_eq!(saved.spec.federation_ref.name, "default");
        assert_eq!(saved.spec.role.name, None);
        assert_eq!(saved.spec.deletion_policy, irsa_api::DeletionPolicy::Delete);
        assert!(saved.spec.existing_role.is_some() && saved.spec.service_accounts.is_empty());
    }
}
