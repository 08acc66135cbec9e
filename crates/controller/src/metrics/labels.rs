//! Labels that several metrics have.

use std::fmt;

use irsa_core::vocabulary::Class;
use irsa_pipeline::object::ObjectKind;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A kind as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KindLabel(pub(super) ObjectKind);

impl EncodeLabelValue for KindLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.0.as_str().encode(encoder)
    }
}

/// How a pass ended, as a label: the class of its verdict, or that it could not conclude at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PassResult {
    /// Nothing left to do.
    Done,
    /// Changes were made and are settling.
    Settling,
    /// Something outside must happen.
    Wait,
    /// The spec must change.
    Stalled,
    /// AWS or an API server could not be asked.
    Retry,
    /// The pass itself failed: its status could not be written, it took too long, or it may not write.
    Error,
}

/// What came of showing tokens to STS, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProofResult {
    /// STS takes what it must take and refuses the rest.
    Proven,
    /// It refuses what it must take.
    Refused,
    /// It takes what it must refuse.
    TooPermissive,
    /// It has not judged: it is throttled, or cannot be reached.
    NotJudged,
}

impl ProofResult {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Proven, Self::Refused, Self::TooPermissive, Self::NotJudged];
}

impl EncodeLabelValue for ProofResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let text = match self {
            Self::Proven => "proven",
            Self::Refused => "refused",
            Self::TooPermissive => "too_permissive",
            Self::NotJudged => "not_judged",
        };
        text.encode(encoder)
    }
}

/// The label of proofs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProofLabels {
    pub(super) result: ProofResult,
}

impl PassResult {
    /// How a pass ended whose verdict has this class.
    pub const fn of(class: Class) -> Self {
        match class {
            Class::Stalled => Self::Stalled,
            Class::Wait => Self::Wait,
            Class::Settling => Self::Settling,
            Class::Retry => Self::Retry,
            Class::Done => Self::Done,
        }
    }
}

impl EncodeLabelValue for PassResult {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        let text = match self {
            Self::Done => "done",
            Self::Settling => "settling",
            Self::Wait => "wait",
            Self::Stalled => "stalled",
            Self::Retry => "retry",
            Self::Error => "error",
        };
        text.encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PassLabels {
    pub(super) kind: KindLabel,
    pub(super) result: PassResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct KindLabels {
    pub(super) kind: KindLabel,
}

impl KindLabels {
    pub(super) const fn of(kind: ObjectKind) -> Self {
        Self { kind: KindLabel(kind) }
    }
}
