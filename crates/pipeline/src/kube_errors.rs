//! The one table from what the Kubernetes API answers to what conditions and logs say of it, for every read and every write.
//!
//! The judgement is [`irsa_core::refusal`]'s; here are kube's own types, and the source that goes with it to the log.

use irsa_core::{
    refusal::{ApiRefusal, ApiRequest, ApiStatus},
    vocabulary::{Class, ConditionType, Reason},
};

use crate::step_error::StepError;

/// Which role allows what the operator does in all namespaces.
pub const CLUSTER_ROLE: &str = "the operator's ClusterRole";
/// Which role allows what the operator does in its own namespace.
pub const ROLE: &str = "the Role in its namespace";

/// Why the Kubernetes API did not do what it was asked.
pub fn refusal(error: &kube::Error) -> ApiRefusal {
    let kube::Error::Api(status) = error else {
        // Never sent, never answered, or answered with something that is none.
        return ApiRefusal::Unavailable;
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    ApiRefusal::of(&ApiStatus {
        code: status.code,
        message: &status.message,
        causes: causes
            .map(|cause| (cause.reason.as_str(), cause.field.as_str()))
            .collect(),
    })
}

/// The pass stops because of this answer to this request.
pub fn step_error(aspect: ConditionType, request: &ApiRequest<'_>, error: kube::Error) -> StepError {
    let refusal = refusal(&error);
    StepError::new(aspect, refusal.reason(), refusal.in_words(request)).because(error)
}

/// Reason and sentence where somebody must do something about it; `None` for what passes by itself.
pub fn verdict(request: &ApiRequest<'_>, error: &kube::Error) -> Option<(Reason, String)> {
    let refusal = refusal(error);
    let reason = refusal.reason();
    (reason.class() != Class::Retry).then(|| (reason, refusal.in_words(request)))
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use kube::core::{
        Status,
        response::{StatusCause, StatusDetails},
    };

    use super::*;

    const REQUEST: ApiRequest<'_> = ApiRequest {
        action: "change",
        object: "the ServiceAccount app",
        role: CLUSTER_ROLE,
        remedy: None,
    };

    fn api(code: u16, message: &str, cause: Option<&str>) -> kube::Error {
        let causes = cause.map(|reason| StatusCause {
            reason: reason.to_owned(),
            message: String::new(),
            field: String::new(),
        });
        let status = Status {
            code,
            message: message.to_owned(),
            details: Some(StatusDetails {
                name: "app".to_owned(),
                group: String::new(),
                kind: "serviceaccounts".to_owned(),
                uid: String::new(),
                causes: causes.into_iter().collect(),
                retry_after_seconds: 0,
            }),
            ..Status::default()
        };
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn each_answer_has_its_reason_and_is_itself_the_source() {
        let policy =
            "serviceaccounts \"app\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
        for (error, reason) in [
            (api(422, policy, None), Reason::AdmissionDenied),
            (api(403, policy, None), Reason::AdmissionDenied),
            (
                api(403, "x is forbidden: User \"o\" cannot patch resource", None),
                Reason::AccessDenied,
            ),
            (
                api(403, "x is forbidden: y", Some("NamespaceTerminating")),
                Reason::NamespaceTerminating,
            ),
            (
                api(403, "x is forbidden: exceeded quota: q, requested: a=1", None),
                Reason::QuotaExceeded,
            ),
            (api(409, "x", None), Reason::WriteConflict),
            (api(500, "x", None), Reason::ApiServerUnavailable),
            (kube::Error::TlsRequired, Reason::ApiServerUnavailable),
        ] {
            let text = error.to_string();
            let failure = step_error(ConditionType::ServiceAccountsSynced, &REQUEST, error);
            assert_eq!(failure.reason, reason, "{}", failure.message);
            assert_eq!(failure.source().unwrap().to_string(), text);
        }
    }

    #[test]
    fn only_what_somebody_must_mend_is_a_verdict() {
        assert!(verdict(&REQUEST, &api(409, "x", None)).is_none());
        assert!(verdict(&REQUEST, &api(503, "x", None)).is_none());
        let denied = verdict(
            &REQUEST,
            &api(400, "admission webhook \"h\" denied the request: no", None),
        );
        assert_eq!(denied.unwrap().0, Reason::AdmissionDenied);
    }
}
