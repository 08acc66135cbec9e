//! [`Done`]: how far the steps came.

use std::collections::BTreeMap;

use irsa_core::{
    plan::{
        Step,
        federation::{DocumentKind, FederationStep},
    },
    vocabulary::ConditionType,
};

use crate::step_error::StepError;

/// What has been done, whatever failed later.
#[derive(Debug, Default)]
pub struct Done {
    /// Steps that succeeded.
    pub steps: Vec<FederationStep>,
    /// Entity tags of the documents that were written.
    pub etags: BTreeMap<DocumentKind, String>,
}

impl Done {
    /// The first aspect of which something is left to do after an attempt at these steps that ended like this.
    ///
    /// A bucket is opened before the first document is put into it: what was not done decides, not what was refused.
    pub fn failed(&self, steps: &[FederationStep], ended: &Result<(), StepError>) -> Option<ConditionType> {
        let undone = steps.iter().filter(|step| !self.steps.contains(step));
        let undone = undone.map(FederationStep::aspect).min();
        let refused = ended.as_ref().err().map(|failure| failure.aspect)?;
        Some(undone.map_or(refused, |undone| undone.min(refused)))
    }
}
