//! Templates of ServiceAccounts: what those that a binding creates carry beside what injection needs.

use std::collections::BTreeMap;

use super::AccountFields;
use crate::vocabulary::GROUP;

/// Names (the part of a key before `/`) that are not for templates: ours, the AWS webhook's, and those that Kubernetes keeps
/// for itself (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>), each with all below it.
const RESERVED: [&str; 4] = [GROUP, "eks.amazonaws.com", "kubernetes.io", "k8s.io"];
/// Below `kubernetes.io`, and recommended to everybody.
const RECOMMENDED: &str = "app.kubernetes.io";
/// Labels, and annotations, that one template may have.
const MAX_KEYS: usize = 32;
/// Characters of an annotation's value, as the CRD's schema counts them.
const MAX_ANNOTATION: usize = 4096;
/// Bytes of all annotations with their keys. Kubernetes allows 256 KiB for all of an object; the rest is for others.
const MAX_ANNOTATIONS: usize = 128 * 1024;

/// What a ServiceAccount that a binding creates carries: valid, and nothing of anybody's who reads meaning out of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountTemplate(AccountFields);

/// Why something is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A key that gives a meaning that is not the tenant's to give.
    #[error(
        "the {kind} {key} is reserved; keys under irsa-anywhere.dev, eks.amazonaws.com, kubernetes.io and k8s.io cannot be set \
         (app.kubernetes.io can)"
    )]
    Reserved {
        /// `label` or `annotation`.
        kind: &'static str,
        /// Its key.
        key: String,
    },
    /// What the API server would not take for a key.
    #[error(
        "{key:?} is not a key of a {kind}; use up to 63 letters, digits and -_. that begin and end with a letter or digit, and \
         before them, if anything, a DNS name and a /"
    )]
    Key {
        /// `label` or `annotation`.
        kind: &'static str,
        /// The key.
        key: String,
    },
    /// What the API server would not take for a label's value.
    #[error(
        "the value of the label {0} must be up to 63 letters, digits and -_. that begin and end with a letter or digit"
    )]
    LabelValue(String),
    /// An annotation that is too long.
    #[error("the annotation {0} must have at most 4096 characters")]
    AnnotationValue(String),
    /// Annotations that are too long together.
    #[error("the annotations have {0} bytes together and 131072 are allowed; shorten some")]
    Annotations(usize),
    /// Too many of a kind.
    #[error("there are {count} {kind}s and 32 are allowed; remove some")]
    TooMany {
        /// `label` or `annotation`.
        kind: &'static str,
        /// So many there are.
        count: usize,
    },
}

impl AccountTemplate {
    /// Checks what a binding asks for.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        automount: Option<bool>,
    ) -> Result<Self, TemplateError> {
        check("label", labels)?;
        check("annotation", annotations)?;
        let mut values = labels.iter();
        if let Some((key, _)) = values.find(|(_, value)| !value.is_empty() && !is_word(value)) {
            return Err(TemplateError::LabelValue(key.clone()));
        }
        let mut values = annotations.iter();
        if let Some((key, _)) = values.find(|(_, value)| value.chars().count() > MAX_ANNOTATION) {
            return Err(TemplateError::AnnotationValue(key.clone()));
        }
        let bytes = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_ANNOTATIONS {
            return Err(TemplateError::Annotations(bytes));
        }
        Ok(Self(AccountFields {
            annotations: annotations.clone(),
            labels: labels.clone(),
            automount,
        }))
    }

    /// As fields.
    pub(super) const fn fields(&self) -> &AccountFields {
        &self.0
    }
}

fn check(kind: &'static str, keys: &BTreeMap<String, String>) -> Result<(), TemplateError> {
    if keys.len() > MAX_KEYS {
        let count = keys.len();
        return Err(TemplateError::TooMany { kind, count });
    }
    for key in keys.keys() {
        let (prefix, name) = key
            .split_once('/')
            .map_or((None, key.as_str()), |(prefix, name)| (Some(prefix), name));
        if !is_word(name) || !prefix.is_none_or(is_subdomain) {
            let key = key.clone();
            return Err(TemplateError::Key { kind, key });
        }
        if prefix.is_some_and(is_reserved) {
            let key = key.clone();
            return Err(TemplateError::Reserved { kind, key });
        }
    }
    Ok(())
}

/// Whether the keys below this name have a meaning for others than their owner.
pub(super) fn is_reserved(prefix: &str) -> bool {
    let within = |name: &str| {
        prefix
            .strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    prefix != RECOMMENDED && RESERVED.into_iter().any(within)
}

/// The name of a qualified name, and what a label's value is if it is anything (apimachinery, `validation.go`).
fn is_word(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A DNS subdomain as apimachinery checks it.
fn is_subdomain(text: &str) -> bool {
    let is_label = |label: &str| {
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let bytes = label.as_bytes();
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner)
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(key: &str, value: &str) -> Result<AccountTemplate, TemplateError> {
        let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        AccountTemplate::new(&labels, &BTreeMap::new(), None)
    }

    #[test]
    fn what_people_label_with_is_taken_as_it_is() {
        for key in [
            "team",
            "app.kubernetes.io/part-of",
            "example.com/cost_center",
            "xk8s.io/a",
            "notkubernetes.io/a",
        ] {
            let template = labels(key, "payments-2.x").unwrap();
            assert_eq!(template.fields().labels[key], "payments-2.x");
        }
        assert!(labels("empty", "").is_ok());
        assert_eq!(
            AccountTemplate::new(&BTreeMap::new(), &BTreeMap::new(), None),
            Ok(AccountTemplate::default())
        );
    }

    #[test]
    fn keys_that_mean_something_to_others_are_refused() {
        for key in [
            "irsa-anywhere.dev/inject",
            "x.irsa-anywhere.dev/a",
            "eks.amazonaws.com/role-arn",
            "kubernetes.io/enforce-mountable-secrets",
            "pod-security.kubernetes.io/enforce",
            "rbac.authorization.k8s.io/aggregate-to-admin",
            "k8s.io/a",
            "x.app.kubernetes.io/a",
        ] {
            assert!(matches!(labels(key, "x"), Err(TemplateError::Reserved { .. })), "{key}");
            let annotations = BTreeMap::from([(key.to_owned(), "x".to_owned())]);
            let refused = AccountTemplate::new(&BTreeMap::new(), &annotations, None).unwrap_err();
            assert!(refused.to_string().contains(&format!("annotation {key}")), "{refused}");
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_is_refused_by_name() {
        let long = "a".repeat(64);
        for key in [
            "",
            "/a",
            "a/",
            "-a",
            "a-",
            "a b",
            "Ä",
            "A.b/c",
            "a..b/c",
            "a/b/c",
            long.as_str(),
        ] {
            assert!(matches!(labels(key, "x"), Err(TemplateError::Key { .. })), "{key:?}");
        }
        for value in ["-a", "a b", "a/b", long.as_str()] {
            assert_eq!(labels("a", value), Err(TemplateError::LabelValue("a".to_owned())));
        }
        let annotation = |length: usize| {
            let annotations = BTreeMap::from([("a".to_owned(), "ä".repeat(length))]);
            AccountTemplate::new(&BTreeMap::new(), &annotations, None)
        };
        assert!(annotation(MAX_ANNOTATION).is_ok());
        assert_eq!(
            annotation(MAX_ANNOTATION + 1),
            Err(TemplateError::AnnotationValue("a".to_owned()))
        );
        let long = |count: usize| {
            let annotations = (0..count).map(|number| (format!("k{number:02}"), "ä".repeat(MAX_ANNOTATION)));
            AccountTemplate::new(&BTreeMap::new(), &annotations.collect(), None)
        };
        assert!(long(15).is_ok());
        assert_eq!(long(16), Err(TemplateError::Annotations(16 * (2 * MAX_ANNOTATION + 3))));
        let many = |count: usize| {
            let labels = (0..count).map(|number| (format!("k{number}"), String::new())).collect();
            AccountTemplate::new(&labels, &BTreeMap::new(), None)
        };
        assert!(many(MAX_KEYS).is_ok());
        assert!(matches!(
            many(MAX_KEYS + 1),
            Err(TemplateError::TooMany { count: 33, .. })
        ));
    }
}
