//! Settings of injected pods, as annotations of their ServiceAccount: what they get beside role and token.

use std::collections::BTreeMap;

use crate::vocabulary::{POD_INSTANCE_METADATA, POD_REGION, POD_SESSION_NAME, POD_STS_REGIONAL_ENDPOINTS};

/// What the pods of a binding get beside their role and token, defaults filled in. Travels to the injection policy as
/// annotations on the ServiceAccounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodSettings {
    /// The region, `None` for none.
    pub region: Option<String>,
    /// Whether the session is named after the pod.
    pub named_sessions: bool,
    /// Whether SDKs are told to ask the region's own STS.
    pub regional_sts: bool,
    /// Whether SDKs are told not to look for an instance's metadata.
    pub no_instance_metadata: bool,
}

impl PodSettings {
    /// As annotations. What is not wanted has none, so that absence means the same whoever wrote the ServiceAccount.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let said = [
            (POD_REGION, self.region.as_deref()),
            (POD_SESSION_NAME, self.named_sessions.then_some("PodName")),
            (POD_STS_REGIONAL_ENDPOINTS, self.regional_sts.then_some("true")),
            (POD_INSTANCE_METADATA, self.no_instance_metadata.then_some("Disabled")),
        ];
        said.into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::POD_SETTINGS;

    #[test]
    fn each_setting_has_one_annotation_and_nothing_has_none() {
        assert_eq!(PodSettings::default().annotations(), BTreeMap::new());
        let all = PodSettings {
            region: Some("eu-central-1".to_owned()),
            named_sessions: true,
            regional_sts: true,
            no_instance_metadata: true,
        };
        let annotations = all.annotations();
        assert!(POD_SETTINGS.iter().all(|key| annotations.contains_key(*key)));
        assert_eq!(annotations.len(), POD_SETTINGS.len());
        assert_eq!(annotations[POD_REGION], "eu-central-1");
    }
}
