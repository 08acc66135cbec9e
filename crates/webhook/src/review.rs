//! From what the API server asks to what it is told.

use base64::{Engine, engine::general_purpose::STANDARD};
use irsa_core::injection::{PodView, inject};
use serde_json::value::RawValue;

use crate::{
    accounts::BoundAccounts,
    admission_review::{
        API_VERSION, KIND, OwnedSpec, ReviewAnswer, ReviewQuestion, ReviewRequest, ReviewResponse, Shape,
    },
    limits::{BoundedWriter, MOST_CONTAINERS, NotTaken, ReviewLimits, Room, parts},
};

/// What whoever creates such a pod is told.
const TOO_LARGE: &str = "irsa-anywhere: this pod is too large to be given AWS credentials";

/// How a review ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// The pod got something.
    Injected,
    /// It is to have an identity, and nothing had to be added.
    Unchanged,
    /// Its ServiceAccount is not bound.
    NotBound,
    /// It was to have an identity, and nobody reads so much.
    TooLarge,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReviewError {
    #[error("no AdmissionReview of a pod: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0:?} is no {API_VERSION}: the webhook's admissionReviewVersions must be [v1]")]
    Version(String),
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
}

/// The answer to what the API server asks.
#[derive(Debug)]
pub(crate) struct Reviewed {
    /// As JSON.
    pub(crate) answer: Vec<u8>,
    pub(crate) verdict: Verdict,
    /// The room that the answer takes until it is written.
    pub(crate) room: Option<Room>,
}

/// Answers what the API server asks.
///
/// # Errors
/// For what is no review of this version, and where there is no room for it. The API server's `failurePolicy` decides then.
pub(crate) async fn review(
    body: &[u8],
    accounts: &BoundAccounts,
    limits: &ReviewLimits,
) -> Result<Reviewed, ReviewError> {
    let question: ReviewQuestion<'_> = serde_json::from_slice(body)?;
    if question.api_version != API_VERSION {
        return Err(ReviewError::Version(question.api_version.chars().take(64).collect()));
    }
    let request = question.request;
    let Decided {
        verdict,
        patch,
        room: _room_of_patch,
    } = match &request.object {
        Some(pod) if is_new_pod(&request) => decide(pod, &request.namespace, accounts, limits).await?,
        _ => Decided::without_patch(Verdict::NotBound),
    };
    let answer = answer(&request.uid, verdict, patch)?;
    let room = limits.room_for_answer(answer.len())?;
    Ok(Reviewed { answer, verdict, room })
}

fn is_new_pod(request: &ReviewRequest<'_>) -> bool {
    request.operation == "CREATE"
        && request.resource.group.is_empty()
        && request.resource.resource == "pods"
        && request.subresource.is_empty()
}

/// What becomes of a pod.
struct Decided {
    verdict: Verdict,
    /// As JSON.
    patch: Option<Vec<u8>>,
    /// What the patch takes until it is an answer.
    room: Option<Room>,
}

impl Decided {
    fn without_patch(verdict: Verdict) -> Self {
        Self {
            verdict,
            patch: None,
            room: None,
        }
    }
}

async fn decide(
    pod: &Shape<'_>,
    namespace: &str,
    accounts: &BoundAccounts,
    limits: &ReviewLimits,
) -> Result<Decided, ReviewError> {
    let [name, labels, annotations, spec] = [
        pod.metadata.name,
        pod.metadata.labels,
        pod.metadata.annotations,
        pod.spec,
    ]
    .map(|part| part.map(RawValue::get));
    let owned: OwnedSpec = spec.map(serde_json::from_str).transpose()?.unwrap_or_default();
    let Some(settings) = accounts.get(namespace, &owned.service_account_name) else {
        return Ok(Decided::without_patch(Verdict::NotBound));
    };
    let parts = [labels, annotations, spec].into_iter().flatten().map(parts).sum();
    let Some(_room) = limits.room(parts).await? else {
        return Ok(Decided::without_patch(Verdict::TooLarge));
    };
    let pod = PodView::of_parts(name, labels, annotations, spec)?;
    if pod.containers() > MOST_CONTAINERS {
        return Ok(Decided::without_patch(Verdict::TooLarge));
    }
    let room = limits.room_for_patch(pod.containers())?;
    let patch = inject(&pod, &settings);
    if patch.is_empty() {
        return Ok(Decided::without_patch(Verdict::Unchanged));
    }
    let mut json = BoundedWriter::for_containers(pod.containers());
    match serde_json::to_writer(&mut json, &patch) {
        Ok(()) => Ok(Decided {
            verdict: Verdict::Injected,
            patch: Some(json.bytes),
            room: Some(room),
        }),
        Err(_) if json.is_full => Ok(Decided::without_patch(Verdict::TooLarge)),
        Err(error) => Err(error.into()),
    }
}

fn answer(uid: &str, verdict: Verdict, patch: Option<Vec<u8>>) -> serde_json::Result<Vec<u8>> {
    let patch = patch.map(|json| STANDARD.encode(json));
    // The patch is nearly all of it.
    let mut json = Vec::with_capacity(patch.as_ref().map_or(0, String::len) + uid.len() + 256);
    let answer = ReviewAnswer {
        api_version: API_VERSION,
        kind: KIND,
        response: ReviewResponse {
            uid,
            allowed: true,
            patch_type: patch.as_ref().map(|_| "JSONPatch"),
            patch,
            warnings: if verdict == Verdict::TooLarge {
                &[TOO_LARGE]
            } else {
                &[]
            },
        },
    };
    serde_json::to_writer(&mut json, &answer)?;
    Ok(json)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use irsa_core::{
        injection::InjectionSettings,
        vocabulary::{EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL},
    };
    use serde_json::{Value, json};

    use super::*;
    fn accounts() -> BoundAccounts {
        let text = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let labels = text(INJECT_LABEL, INJECT_LABEL_MANUAL);
        let annotations = text(EKS_ROLE_ARN, "arn:aws:iam::123456789012:role/app");
        let accounts = BoundAccounts::default();
        let settings = InjectionSettings::of_service_account("", &labels, &annotations).unwrap();
        accounts.put("team", "app", Some(settings));
        accounts
    }

    fn question() -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "705ab4f5", "operation": "CREATE", "namespace": "team",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": null},
                "spec": {"serviceAccountName": "app", "containers": [{"name": "a", "resources": {}}]}},
            "oldObject": null, "dryRun": false, "options": {"kind": "CreateOptions"},
        }})
    }

    async fn reviewed(question: &Value) -> (Value, Verdict) {
        let body = serde_json::to_vec(question).unwrap();
        let reviewed = review(&body, &accounts(), &ReviewLimits::new(1)).await.unwrap();
        (serde_json::from_slice(&reviewed.answer).unwrap(), reviewed.verdict)
    }

    #[tokio::test]
    async fn a_pod_of_a_bound_service_account_is_patched() {
        let (answer, verdict) = reviewed(&question()).await;
        assert_eq!(verdict, Verdict::Injected);
        let response = &answer["response"];
        assert_eq!(
            (&response["uid"], &response["allowed"]),
            (&json!("705ab4f5"), &json!(true))
        );
        assert_eq!(response["patchType"], "JSONPatch");
        let patch = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let patch: Vec<Value> = serde_json::from_slice(&patch).unwrap();
        assert_eq!(patch[0]["path"], "/spec/volumes");
        assert!(patch.iter().all(|operation| operation["op"] == "add"));
    }

    #[tokio::test]
    async fn everything_else_is_allowed_as_it_is() {
        for (path, value, expected) in [
            ("/request/namespace", json!("other"), Verdict::NotBound),
            (
                "/request/object/spec/serviceAccountName",
                json!("default"),
                Verdict::NotBound,
            ),
            ("/request/operation", json!("UPDATE"), Verdict::NotBound),
            ("/request/resource/resource", json!("deployments"), Verdict::NotBound),
            ("/request/object", Value::Null, Verdict::NotBound),
            (
                "/request/object/metadata",
                json!({"labels": {"eks.amazonaws.com/skip-pod-identity-webhook": ""}}),
                Verdict::Unchanged,
            ),
        ] {
            let mut asked = question();
            *asked.pointer_mut(path).unwrap() = value;
            let (answer, verdict) = reviewed(&asked).await;
            assert_eq!(verdict, expected, "{path}");
            assert_eq!(
                answer["response"],
                json!({"uid": "705ab4f5", "allowed": true}),
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_review_of_this_version_is_refused_with_a_reason() {
        let refusal = async |body: &[u8]| {
            let answer = review(body, &accounts(), &ReviewLimits::new(1)).await;
            answer.unwrap_err().to_string()
        };
        assert!(refusal(b"{}").await.contains("no AdmissionReview"));
        assert!(refusal(b"no JSON").await.contains("no AdmissionReview"));
        let mut old = question();
        old["apiVersion"] = json!("admission.k8s.io/v1beta1");
        let refusal = refusal(&serde_json::to_vec(&old).unwrap()).await;
        assert!(
            refusal.contains("v1beta1") && refusal.contains("admissionReviewVersions"),
            "{refusal}"
        );
    }

    #[tokio::test]
    async fn a_patch_that_nobody_could_store_is_not_made_and_the_longest_is() {
        let role = |length: usize| format!("arn:aws:iam::123456789012:role/{}", "a".repeat(length - 31));
        for (length, expected) in [(600, Verdict::Injected), (2048, Verdict::TooLarge)] {
            let labels = BTreeMap::from([(INJECT_LABEL.to_owned(), INJECT_LABEL_MANUAL.to_owned())]);
            let annotations = BTreeMap::from([(EKS_ROLE_ARN.to_owned(), role(length))]);
            let settings = InjectionSettings::of_service_account("", &labels, &annotations);
            let accounts = accounts();
            accounts.put("team", "app", settings);
            let mut asked = question();
            asked["request"]["object"]["spec"]["containers"] = (0..1000).map(|_| json!({"name": "a"})).collect();
            let body = serde_json::to_vec(&asked).unwrap();
            let reviewed = review(&body, &accounts, &ReviewLimits::new(1)).await.unwrap();
            assert_eq!(reviewed.verdict, expected, "{length}");
            assert_eq!(reviewed.room.is_some(), expected == Verdict::Injected, "{length}");
        }
    }

    #[tokio::test]
    async fn a_container_whose_part_of_the_patch_is_longer_than_any_path_in_use_needs_is_not_made() {
        // In JSON each of these has six characters.
        for (character, expected) in [("a", Verdict::Injected), ("\u{1}", Verdict::TooLarge)] {
            let mut asked = question();
            asked["request"]["object"]["spec"] = json!({
                "serviceAccountName": "app",
                "volumes": [{"name": "own", "projected": {"sources": [
                    {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": character.repeat(4000)}}]}}],
                "containers": [{"name": "a", "volumeMounts": [{"name": "own", "mountPath": "/own"}]}],
            });
            let (limits, body) = (ReviewLimits::new(1), serde_json::to_vec(&asked).unwrap());
            let reviewed = review(&body, &accounts(), &limits).await.unwrap();
            assert_eq!(reviewed.verdict, expected);
        }
    }

    #[tokio::test]
    async fn a_pod_that_is_too_large_is_allowed_with_a_warning_and_one_that_nobody_bound_without() {
        let with = |containers: usize, variables: usize| {
            let env: Vec<Value> = (0..variables).map(|_| json!({"name": "a"})).collect();
            let mut asked = question();
            asked["request"]["object"]["spec"]["containers"] =
                (0..containers).map(|_| json!({"name": "a", "env": env})).collect();
            asked
        };
        assert_eq!(reviewed(&with(1000, 0)).await.1, Verdict::Injected);
        // Managed fields are not read.
        let mut managed = question();
        managed["request"]["object"]["metadata"]["managedFields"] =
            with(2, 26_000)["request"]["object"]["spec"]["containers"].clone();
        assert_eq!(reviewed(&managed).await.1, Verdict::Injected);
        for asked in [with(1001, 0), with(2, 26_000)] {
            let (answer, verdict) = reviewed(&asked).await;
            assert_eq!(verdict, Verdict::TooLarge);
            assert_eq!(
                answer["response"],
                json!({"uid": "705ab4f5", "allowed": true, "warnings": [TOO_LARGE]})
            );
        }
        let mut asked = with(2, 26_000);
        asked["request"]["namespace"] = json!("other");
        let (answer, verdict) = reviewed(&asked).await;
        assert_eq!(verdict, Verdict::NotBound);
        assert_eq!(answer["response"], json!({"uid": "705ab4f5", "allowed": true}));
    }
}
