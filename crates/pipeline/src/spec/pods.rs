//! What the pods of a binding get beside role and token: its own word first, then its federation's.

use irsa_api::{IamRoleBinding, InstanceMetadata, PodDefaults, PodSessionName, ServiceAccountMode};
use irsa_core::plan::binding::PodSettings;

/// What the binding's pods get, given what its federation says.
pub fn pods(binding: &IamRoleBinding, defaults: &PodSettings) -> PodSettings {
    let own = &binding.spec.pods;
    PodSettings {
        region: own.region.as_deref().map_or_else(|| defaults.region.clone(), region),
        named_sessions: own
            .session_name
            .map_or(defaults.named_sessions, |name| name == PodSessionName::PodName),
        regional_sts: own.sts_regional_endpoints.unwrap_or(defaults.regional_sts),
        no_instance_metadata: own.instance_metadata.map_or(defaults.no_instance_metadata, |metadata| {
            metadata == InstanceMetadata::Disabled
        }),
    }
}

/// What a federation says of its bindings' pods.
pub fn pod_defaults(pods: &PodDefaults, own_region: &str) -> PodSettings {
    PodSettings {
        region: region(pods.region.as_deref().unwrap_or(own_region)),
        named_sessions: pods.session_name == PodSessionName::PodName,
        regional_sts: pods.sts_regional_endpoints,
        no_instance_metadata: pods.instance_metadata == InstanceMetadata::Disabled,
    }
}

fn region(word: &str) -> Option<String> {
    (!word.is_empty() && word != "None").then(|| word.to_owned())
}

/// Whether the pods of a binding notice that its federation says something else.
pub fn notices(binding: &IamRoleBinding, before: &PodSettings, after: &PodSettings) -> bool {
    binding.spec.service_account_mode != ServiceAccountMode::None && pods(binding, before) != pods(binding, after)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn binding(spec: &Value) -> IamRoleBinding {
        let mut whole = json!({"serviceAccounts": [{"name": "app"}]});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": "app", "namespace": "ns"}, "spec": whole,
        }))
        .unwrap()
    }

    fn defaults(pods: &Value) -> PodSettings {
        pod_defaults(&serde_json::from_value(pods.clone()).unwrap(), "eu-central-1")
    }

    #[test]
    fn a_federation_that_says_nothing_gives_its_own_region_and_names_sessions() {
        let expected = PodSettings {
            region: Some("eu-central-1".to_owned()),
            named_sessions: true,
            regional_sts: false,
            no_instance_metadata: false,
        };
        assert_eq!(defaults(&json!({})), expected);
        assert_eq!(defaults(&json!({"region": "None"})).region, None);
        assert_eq!(
            defaults(&json!({"region": "us-east-1"})).region.as_deref(),
            Some("us-east-1")
        );
        assert_eq!(pod_defaults(&PodDefaults::default(), "").region, None);
    }

    #[test]
    fn a_binding_overrides_each_setting_by_itself() {
        let federation = defaults(&json!({"stsRegionalEndpoints": true, "instanceMetadata": "Disabled"}));
        assert_eq!(pods(&binding(&json!({})), &federation), federation);
        let changes = [
            (
                json!({"region": "us-east-1"}),
                PodSettings {
                    region: Some("us-east-1".to_owned()),
                    ..federation.clone()
                },
            ),
            (
                json!({"region": "None"}),
                PodSettings {
                    region: None,
                    ..federation.clone()
                },
            ),
            (
                json!({"sessionName": "None"}),
                PodSettings {
                    named_sessions: false,
                    ..federation.clone()
                },
            ),
            (
                json!({"stsRegionalEndpoints": false}),
                PodSettings {
                    regional_sts: false,
                    ..federation.clone()
                },
            ),
            (
                json!({"instanceMetadata": "Keep"}),
                PodSettings {
                    no_instance_metadata: false,
                    ..federation.clone()
                },
            ),
        ];
        for (change, expected) in changes {
            assert_eq!(
                pods(&binding(&json!({"pods": change})), &federation),
                expected,
                "{change}"
            );
        }
        let none = defaults(&json!({"region": "None", "sessionName": "None"}));
        let named = pods(&binding(&json!({"pods": {"sessionName": "PodName"}})), &none);
        assert!(named.named_sessions && named.region.is_none());
    }

    #[test]
    fn only_a_binding_that_uses_what_changed_notices() {
        let before = defaults(&json!({}));
        let after = defaults(&json!({"region": "us-east-1"}));
        let table = [
            (json!({}), true),
            (json!({"pods": {"sessionName": "None"}}), true),
            (json!({"pods": {"region": "eu-west-1"}}), false),
            (json!({"serviceAccountMode": "None"}), false),
        ];
        for (spec, expected) in table {
            assert_eq!(notices(&binding(&spec), &before, &after), expected, "{spec}");
        }
        assert!(!notices(&binding(&json!({})), &before, &before));
    }
}
