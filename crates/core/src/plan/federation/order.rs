//! Dependencies between the steps of a federation's plan: what may still be done when one is refused.

use super::FederationStep;

impl FederationStep {
    /// Whether this step must not be done while an earlier one is not.
    ///
    /// Only the parts of one provider are independent of each other; keys come before documents, and those before the
    /// provider. An audience is added before another is removed, or the other way round where the quota leaves no room: of
    /// the two the later waits.
    pub const fn waits_for(&self, undone: &Self) -> bool {
        match undone {
            Self::UntagProvider { .. } | Self::TagProvider { .. } => !matches!(
                self,
                Self::AddClientId { .. } | Self::RemoveClientId { .. } | Self::SetThumbprints { .. }
            ),
            Self::AddClientId { .. } => !matches!(self, Self::AddClientId { .. } | Self::SetThumbprints { .. }),
            Self::RemoveClientId { .. } => !matches!(self, Self::RemoveClientId { .. } | Self::SetThumbprints { .. }),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_tags_hold_up_no_audience_and_everything_else_keeps_its_order() {
        let untag = FederationStep::UntagProvider { keys: Vec::new() };
        let tag = FederationStep::TagProvider {
            tags: crate::naming::Tags::new(),
        };
        let add = FederationStep::AddClientId {
            client_id: "a".to_owned(),
        };
        let remove = FederationStep::RemoveClientId {
            client_id: "b".to_owned(),
        };
        assert!(!add.waits_for(&untag) && !remove.waits_for(&tag) && !add.waits_for(&add));
        assert!(remove.waits_for(&add) && add.waits_for(&remove) && tag.waits_for(&untag));
        let save = FederationStep::SaveRecord { record: String::new() };
        let policy = FederationStep::PutBucketPolicy { policy: String::new() };
        assert!(add.waits_for(&save) && policy.waits_for(&save));
    }
}
