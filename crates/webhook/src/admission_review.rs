//! `AdmissionReview` of `admission.k8s.io/v1`: what is read of the API server's question, and the answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(crate) const API_VERSION: &str = "admission.k8s.io/v1";
pub(crate) const KIND: &str = "AdmissionReview";

/// The question, with what is looked at of it.
#[derive(Debug, Deserialize)]
pub(crate) struct ReviewQuestion<'a> {
    #[serde(rename = "apiVersion")]
    pub(crate) api_version: String,
    #[serde(borrow)]
    pub(crate) request: ReviewRequest<'a>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReviewRequest<'a> {
    pub(crate) uid: String,
    #[serde(default)]
    pub(crate) namespace: String,
    #[serde(default)]
    pub(crate) operation: String,
    pub(crate) resource: ResourceName,
    #[serde(default, rename = "subResource")]
    pub(crate) subresource: String,
    /// None of a deletion.
    #[serde(borrow)]
    pub(crate) object: Option<Shape<'a>>,
}

/// A pod as far as it is looked at before anybody knows whether it is worth it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Shape<'a> {
    #[serde(borrow)]
    pub(crate) metadata: ShapeMetadata<'a>,
    #[serde(borrow)]
    pub(crate) spec: Option<&'a RawValue>,
}

/// Of its metadata, what is read; managed fields have as many parts as all of the pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShapeMetadata<'a> {
    #[serde(borrow)]
    pub(crate) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) labels: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) annotations: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OwnedSpec {
    pub(crate) service_account_name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ResourceName {
    pub(crate) group: String,
    pub(crate) resource: String,
}

/// The answer: always allowed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewAnswer<'a> {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) response: ReviewResponse<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReviewResponse<'a> {
    pub(crate) uid: &'a str,
    pub(crate) allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patch_type: Option<&'static str>,
    /// In base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) patch: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) warnings: &'static [&'static str],
}
