//! What must be there of a federation.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::End;
use crate::{
    view::{canonical, document_keys, is_our_object, is_our_provider, is_under_our_sid},
    wishes::{BUCKET, FEDERATION, HOST, ID, provider_arn},
};

impl End<'_> {
    /// Whether something that is not ours is in the federation's place, so that it must stand aside.
    fn federation_is_blocked(&self) -> bool {
        let provider = self.view.providers.get(&provider_arn());
        let taken = provider.is_some_and(|provider| !is_our_provider(&provider_arn(), provider));
        let published = self
            .api
            .get(FEDERATION)
            .is_some_and(|found| !found["status"]["published"].is_null());
        let foreign = |key: &String| {
            let object = self.view.objects.get(key);
            object.is_some_and(|(_, metadata)| !is_our_object(key, metadata))
        };
        let statement = self
            .view
            .statements
            .iter()
            .any(|one| is_under_our_sid(one) && !Self::is_our_statement(one));
        taken || (!published && (document_keys().iter().any(foreign) || statement))
    }

    fn is_our_statement(statement: &Value) -> bool {
        let [jwks, discovery] = document_keys();
        let arn = |key: String| format!("arn:aws:s3:::{BUCKET}/{key}");
        let wanted = json!({
            "Sid": format!("IrsaAnywherePublicRead{ID}"), "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": [arn(discovery), arn(jwks)],
        });
        canonical(statement) == canonical(&wanted)
    }

    pub(super) fn federation_problems(&self) -> Vec<String> {
        let object = self.api.get(FEDERATION);
        let (Some(wish), Some(object)) = (self.federation, object) else {
            return self.gone_federation_problems();
        };
        let (ready, reason) = Self::condition(&object, "Ready");
        if wish.suspend {
            return Vec::new();
        }
        if self.federation_is_blocked() {
            return if ready == "True" {
                vec!["the federation is Ready with something foreign in its place".to_owned()]
            } else {
                Vec::new()
            };
        }
        let mut problems = Vec::new();
        if ready != "True" {
            problems.push(format!(
                "the federation is not Ready: {reason}: {}",
                object["status"]["conditions"]
            ));
        }
        if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
            problems.push("the federation's observedGeneration is old".to_owned());
        }
        match self.view.providers.get(&provider_arn()) {
            None => problems.push("there is no provider".to_owned()),
            Some(provider) => {
                let audiences: BTreeSet<String> = wish.audiences().into_iter().map(str::to_owned).collect();
                if provider.client_ids != audiences {
                    problems.push(format!("the provider's client IDs are {:?}", provider.client_ids));
                }
                let mut tags = provider.tags.clone();
                tags.remove("irsa-anywhere.dev/uid");
                if tags != Self::tags(wish, None) {
                    problems.push(format!("the provider's tags are {tags:?}"));
                }
            }
        }
        problems.extend(self.document_problems());
        problems
    }

    fn document_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let [jwks, discovery] = document_keys();
        let read = |key: &String| {
            let (body, metadata) = self.view.objects.get(key)?;
            is_our_object(key, metadata).then(|| serde_json::from_slice::<Value>(body).unwrap_or_default())
        };
        let wanted_uri = format!("https://{HOST}/openid/v1/jwks");
        match read(&discovery) {
            Some(found) if found["issuer"] == format!("https://{HOST}") && found["jwks_uri"] == wanted_uri => {}
            other => problems.push(format!("the discovery document is {other:?}")),
        }
        let keys = read(&jwks).map(|found| {
            let keys = found["keys"].as_array().cloned().unwrap_or_default();
            keys.iter()
                .map(|key| key["kid"].as_str().unwrap_or_default().to_owned())
                .collect::<BTreeSet<_>>()
        });
        match keys {
            Some(keys) if keys.contains(self.served) && keys.is_subset(self.ever_served) => {}
            other => problems.push(format!("the keys are {other:?}")),
        }
        let ours: Vec<&Value> = self
            .view
            .statements
            .iter()
            .filter(|one| is_under_our_sid(one))
            .collect();
        if ours.len() != 1 || !Self::is_our_statement(ours[0]) {
            problems.push(format!("the bucket's policy has {:?}", self.view.statements));
        }
        problems
    }

    fn gone_federation_problems(&self) -> Vec<String> {
        let object = self.api.get(FEDERATION);
        if let Some(object) = object {
            // On its way out: it waits for bindings, and for nothing else.
            let (_, reason) = Self::condition(&object, "Ready");
            let remain = self.bindings.iter().flatten().count() > 0;
            return if remain && reason == "BindingsRemain" {
                Vec::new()
            } else {
                vec![format!(
                    "the federation does not go: {reason}: {}",
                    object["status"]["conditions"]
                )]
            };
        }
        if self.left.federation {
            return Vec::new();
        }
        let mut problems = Vec::new();
        for (arn, provider) in &self.view.providers {
            if is_our_provider(arn, provider) {
                problems.push(format!("the provider {arn} is left"));
            }
        }
        for (key, (_, metadata)) in &self.view.objects {
            if is_our_object(key, metadata) {
                problems.push(format!("the object {key} is left"));
            }
        }
        if self.view.statements.iter().any(Self::is_our_statement) {
            problems.push("our statement is left".to_owned());
        }
        problems
    }
}
