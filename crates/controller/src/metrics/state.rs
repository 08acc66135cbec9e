//! The state of an object, as a label.

use std::fmt;

use irsa_core::{
    outcome::{Condition, Status, find},
    vocabulary::{ConditionType, Reason},
};
use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

/// The state of an object, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectState {
    /// `Ready=True`.
    Ready,
    /// `Ready=False` for a reason outside its spec, or for now.
    NotReady,
    /// `Ready=Unknown`, or not looked at yet.
    Unknown,
    /// `Stalled=True`: its spec must change.
    Stalled,
    /// `spec.suspend`.
    Suspended,
    /// It cannot be read, and is left alone.
    Unreadable,
}

impl ObjectState {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Ready,
        Self::NotReady,
        Self::Unknown,
        Self::Stalled,
        Self::Suspended,
        Self::Unreadable,
    ];

    /// The state that these conditions say.
    pub fn of(conditions: &[Condition]) -> Self {
        let ready = find(conditions, ConditionType::Ready);
        match ready.map(|ready| ready.status) {
            _ if ready.is_some_and(|ready| ready.reason == Reason::Suspended.as_str()) => Self::Suspended,
            _ if find(conditions, ConditionType::Stalled).is_some() => Self::Stalled,
            Some(Status::True) => Self::Ready,
            Some(Status::False) => Self::NotReady,
            Some(Status::Unknown) | None => Self::Unknown,
        }
    }
}

impl EncodeLabelValue for ObjectState {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let text = match self {
            Self::Ready => "ready",
            Self::NotReady => "not_ready",
            Self::Unknown => "unknown",
            Self::Stalled => "stalled",
            Self::Suspended => "suspended",
            Self::Unreadable => "unreadable",
        };
        text.encode(encoder)
    }
}
