//! Why a pass could not even be concluded.

use std::time::Duration;

use irsa_core::refusal::ApiRequest;
use irsa_pipeline::kube_errors::{self, CLUSTER_ROLE};

use crate::leadership::NotLeader;

/// Why a pass could not even be concluded.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// Another replica leads.
    #[error(transparent)]
    NotLeader(#[from] NotLeader),
    /// The Kubernetes API refused a write of the driver's own, or could not be reached.
    #[error("{}", kube_errors::refusal(source).in_words(.request))]
    Kubernetes {
        /// What was asked for.
        request: ApiRequest<'static>,
        /// The answer.
        source: kube::Error,
    },
    /// The pass was cut off.
    #[error("the pass took longer than {0:?}")]
    TimedOut(Duration),
}

/// What the driver writes itself.
pub(super) const fn request(action: &'static str, object: &'static str) -> ApiRequest<'static> {
    ApiRequest {
        action,
        object,
        role: CLUSTER_ROLE,
        remedy: Some("that rule must let it"),
    }
}
