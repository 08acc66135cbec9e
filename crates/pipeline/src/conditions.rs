//! Between `irsa-core`'s conditions and Kubernetes' meta/v1 ones.

use irsa_core::outcome;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// meta/v1 to core.
pub fn from_kubernetes(conditions: &[Condition]) -> Vec<outcome::Condition> {
    conditions
        .iter()
        .map(|condition| outcome::Condition {
            kind: condition.type_.clone(),
            status: outcome::Status::parse(&condition.status),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            observed_generation: condition.observed_generation.unwrap_or_default(),
            last_transition: condition.last_transition_time.0,
        })
        .collect()
}

/// Core to meta/v1.
pub fn to_kubernetes(conditions: &[outcome::Condition]) -> Vec<Condition> {
    conditions
        .iter()
        .map(|condition| Condition {
            type_: condition.kind.clone(),
            status: condition.status.as_str().to_owned(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            observed_generation: Some(condition.observed_generation),
            last_transition_time: Time(condition.last_transition),
        })
        .collect()
}
