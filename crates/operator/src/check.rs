//! What the hooks of the Helm chart ask: whether federations are Ready, and whether the operator may go.

use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_process::kubernetes;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectList},
};

use crate::{args::Check, error::Problem};

/// So many objects are named; of more the number.
const NAMED: usize = 5;

/// Looks at the cluster. What is found, as a sentence.
///
/// # Errors
/// Where it is not so, with what to do; where the API server cannot be asked.
pub(crate) async fn check(what: Check) -> Result<String, Problem> {
    let client = Client::try_from(kubernetes::config().await?)?;
    let federations = Api::<OidcFederation>::all(client.clone());
    let all = ListParams::default();
    match what {
        Check::Ready => ready(&found(federations.list(&all).await)?).map_err(Into::into),
        Check::Unused => {
            // Their metadata: what cannot be read counts, too.
            let bindings = Api::<IamRoleBinding>::all(client).list_metadata(&all).await;
            let bindings = names(&found(bindings)?);
            let federations = names(&found(federations.list_metadata(&all).await)?);
            unused(&bindings, &federations).map_err(Into::into)
        }
    }
}

/// The objects of a kind; none where the API server does not serve it.
fn found<K: Clone>(list: kube::Result<ObjectList<K>>) -> kube::Result<Vec<K>> {
    match list {
        Ok(list) => Ok(list.items),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn names(objects: &[impl ResourceExt]) -> Vec<String> {
    let name = |object: &_| {
        let namespace = ResourceExt::namespace(object).map(|namespace| namespace + "/");
        namespace.unwrap_or_default() + &ResourceExt::name_any(object)
    };
    objects.iter().map(name).collect()
}

fn ready(federations: &[OidcFederation]) -> Result<String, String> {
    if federations.is_empty() {
        return Err("There is no OidcFederation yet; apply one.".to_owned());
    }
    let mut not_ready = Vec::new();
    for federation in federations {
        let conditions = federation.status.iter().flat_map(|status| &status.conditions);
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        let current = federation.status.as_ref().and_then(|status| status.observed_generation);
        let name = federation.name_any();
        match ready {
            Some(ready) if ready.status == "True" && current == federation.metadata.generation => {}
            Some(ready) => not_ready.push(format!("{name}: {}, {}", ready.reason, ready.message)),
            None => not_ready.push(format!("{name}: the operator has not looked at it yet")),
        }
    }
    if not_ready.is_empty() {
        let names: Vec<String> = federations.iter().map(ResourceExt::name_any).collect();
        Ok(format!("Ready: {}.", named(&names)))
    } else {
        Err(format!("Not Ready: {}", not_ready.join("; ")))
    }
}

fn unused(bindings: &[String], federations: &[String]) -> Result<String, String> {
    let mut left = Vec::new();
    for (kind, names) in [("IamRoleBindings", bindings), ("OidcFederations", federations)] {
        if !names.is_empty() {
            left.push(format!("{} {kind} ({})", names.len(), named(names)));
        }
    }
    if left.is_empty() {
        return Ok("There is neither IamRoleBinding nor OidcFederation.".to_owned());
    }
    Err(format!(
        "There are still {}. Without the operator nobody removes their roles and providers from AWS: delete the bindings, then the \
         federations, wait until they are gone, and uninstall then.",
        left.join(" and ")
    ))
}

fn named(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if more == 0 {
        first
    } else {
        format!("{first} and {more} more")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn federation(name: &str, generation: i64, conditions: &Value) -> OidcFederation {
        serde_json::from_value(json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation",
            "metadata": {"name": name, "generation": generation},
            "spec": {"issuer": "https://acme-irsa.s3.eu-central-1.amazonaws.com/a",
                     "publish": {"s3": {"bucket": "acme-irsa", "region": "eu-central-1"}}},
            "status": {"observedGeneration": 1, "conditions": conditions},
        }))
        .unwrap()
    }

    fn condition(status: &str, reason: &str) -> Value {
        json!([{"type": "Ready", "status": status, "reason": reason, "message": "A sentence.",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    }

    #[test]
    fn federations_are_ready_when_there_are_some_and_all_are_as_they_are_now() {
        assert!(ready(&[]).unwrap_err().contains("apply one"));
        let good = federation("a", 1, &condition("True", "Succeeded"));
        assert_eq!(ready(std::slice::from_ref(&good)), Ok("Ready: a.".to_owned()));
        let changed = federation("b", 2, &condition("True", "Succeeded"));
        assert!(
            ready(&[good.clone(), changed])
                .unwrap_err()
                .starts_with("Not Ready: b: ")
        );
        let waits = federation("c", 1, &condition("False", "IssuerMismatch"));
        assert_eq!(
            ready(&[good, waits]).unwrap_err(),
            "Not Ready: c: IssuerMismatch, A sentence."
        );
        let new = federation("d", 1, &json!([]));
        assert!(ready(&[new]).unwrap_err().contains("not looked at it yet"));
    }

    #[test]
    fn the_operator_may_go_when_nothing_is_left() {
        assert!(unused(&[], &[]).is_ok());
        let bindings: Vec<String> = (0..7).map(|index| format!("team/app-{index}")).collect();
        let refusal = unused(&bindings, &["default".to_owned()]).unwrap_err();
        let expected = "7 IamRoleBindings (team/app-0, team/app-1, team/app-2, team/app-3, team/app-4 and 2 more) and 1 \
                        OidcFederations (default)";
        assert!(refusal.contains(expected), "{refusal}");
        assert!(
            refusal.contains("delete the bindings, then the federations"),
            "{refusal}"
        );
    }
}
