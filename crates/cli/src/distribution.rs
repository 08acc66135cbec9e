//! How a cluster looks like one of a distribution.

use irsa_core::issuer_flags::Distribution;
use serde_json::Value;

/// The distribution that an API server's version and a node look like.
pub(crate) fn recognised(version: &Value, node: Option<&Value>) -> Option<Distribution> {
    let text = |value: Option<&Value>, pointer: &str| {
        let found = value.and_then(|value| value.pointer(pointer)).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let version = text(Some(version), "/gitVersion");
    let labels = node.and_then(|node| node.pointer("/metadata/labels"));
    let has_label = |name: &str| labels.is_some_and(|labels| labels.get(name).is_some());
    if version.contains("+k3s") || version.contains("+rke2") {
        Some(Distribution::K3s)
    } else if text(node, "/status/nodeInfo/osImage").starts_with("Talos") {
        Some(Distribution::Talos)
    } else if text(node, "/spec/providerID").starts_with("kind://") {
        Some(Distribution::Kind)
    } else if has_label("minikube.k8s.io/name") {
        Some(Distribution::Minikube)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_distribution_is_told_by_what_it_leaves_on_versions_and_nodes() {
        let version = |text: &str| json!({"gitVersion": text});
        assert_eq!(recognised(&version("v1.36.1+k3s1"), None), Some(Distribution::K3s));
        assert_eq!(recognised(&version("v1.36.1+rke2r1"), None), Some(Distribution::K3s));
        let plain = version("v1.36.1");
        let talos = json!({"status": {"nodeInfo": {"osImage": "Talos (v1.13.0)"}}});
        assert_eq!(recognised(&plain, Some(&talos)), Some(Distribution::Talos));
        let kind = json!({"spec": {"providerID": "kind://docker/kind/kind-control-plane"}});
        assert_eq!(recognised(&plain, Some(&kind)), Some(Distribution::Kind));
        let minikube = json!({"metadata": {"labels": {"minikube.k8s.io/name": "minikube"}}});
        assert_eq!(recognised(&plain, Some(&minikube)), Some(Distribution::Minikube));
        assert_eq!(recognised(&plain, Some(&json!({}))), None);
    }
}
