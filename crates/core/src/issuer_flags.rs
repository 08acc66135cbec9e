//! How to make a cluster's API servers sign as an issuer, in each common distribution.
//!
//! The one source of these texts: conditions point to `docs/issuer.md`, which has the same ones.
//!
//! **Order.** A token's issuer is checked by every API server, and only those that know an issuer accept it. So the new
//! one is accepted everywhere before anybody signs with it: second first, then first, and the old one goes when no token
//! of it lives any more.

use std::collections::BTreeSet;

use crate::issuer::IssuerUrl;

/// A way to run Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// kubeadm.
    Kubeadm,
    /// k3s and RKE2.
    K3s,
    /// Talos Linux.
    Talos,
    /// kind.
    Kind,
    /// minikube.
    Minikube,
}

impl Distribution {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 5] = [Self::Kubeadm, Self::K3s, Self::Talos, Self::Kind, Self::Minikube];

    /// Whether its API servers can be told to accept a second issuer beside the one that they sign as.
    pub const fn takes_several(self) -> bool {
        matches!(self, Self::Kubeadm | Self::K3s)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubeadm => "kubeadm",
            Self::K3s => "k3s and RKE2",
            Self::Talos => "Talos",
            Self::Kind => "kind",
            Self::Minikube => "minikube",
        }
    }
}

/// The configuration that makes the API servers sign as `first` and accept `second` too, if given.
pub fn issuer_flags(distribution: Distribution, first: &str, second: Option<&str>) -> String {
    let issuers = || std::iter::once(first).chain(second);
    let each = |line: &dyn Fn(&str) -> String| issuers().map(line).collect::<String>();
    match distribution {
        Distribution::Kubeadm => format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  extraArgs:\n{}",
            each(&|issuer| format!("    - name: service-account-issuer\n      value: {issuer}\n"))
        ),
        Distribution::K3s => format!(
            "kube-apiserver-arg:\n{}",
            each(&|issuer| format!("  - service-account-issuer={issuer}\n"))
        ),
        // An argument is given once there: the second issuer has no place.
        Distribution::Talos => {
            format!("cluster:\n  apiServer:\n    extraArgs:\n      service-account-issuer: {first}\n")
        }
        Distribution::Kind => format!(
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nkubeadmConfigPatches:\n  - |\n    kind: \
             ClusterConfiguration\n    apiServer:\n      extraArgs:\n        service-account-issuer: {first}\n"
        ),
        Distribution::Minikube => format!("minikube start --extra-config=apiserver.service-account-issuer={first}\n"),
    }
}

/// What a condition says while API servers sign as something else.
pub fn mismatch(wanted: &IssuerUrl, signing: &BTreeSet<&str>) -> String {
    let present = signing.iter().copied().collect::<Vec<_>>().join(" and as ");
    format!(
        "The API servers sign tokens as {present}, and AWS will only take those of {wanted}. Once Published is True the \
         issuer can be switched: add --service-account-issuer={wanted} to every API server after the present one, then put it \
         first; docs/issuer.md has the exact flags for kubeadm, k3s, RKE2, Talos, kind and minikube."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";
    const OLD: &str = "https://kubernetes.default.svc.cluster.local";
    const PAGE: &str = include_str!("../../../docs/issuer.md");

    #[test]
    fn the_page_has_the_same_texts_as_the_code() {
        for distribution in Distribution::ALL {
            let flags = issuer_flags(distribution, NEW, Some(OLD));
            assert!(PAGE.contains(&flags), "{} is missing:\n{flags}", distribution.name());
            assert!(
                PAGE.contains(&format!("## {}", distribution.name())),
                "{}",
                distribution.name()
            );
        }
        for step in [Distribution::Kubeadm, Distribution::K3s] {
            let accepting = issuer_flags(step, OLD, Some(NEW));
            assert!(PAGE.contains(&accepting), "{} is missing:\n{accepting}", step.name());
        }
    }

    #[test]
    fn the_first_issuer_signs_and_the_second_is_accepted() {
        let flags = issuer_flags(Distribution::K3s, NEW, Some(OLD));
        assert_eq!(
            flags,
            format!("kube-apiserver-arg:\n  - service-account-issuer={NEW}\n  - service-account-issuer={OLD}\n")
        );
        assert!(!issuer_flags(Distribution::Kubeadm, NEW, None).contains(OLD));
    }

    #[test]
    fn a_condition_names_both_issuers_the_flag_and_the_page() {
        let issuer = IssuerUrl::parse(NEW).unwrap();
        let message = mismatch(&issuer, &BTreeSet::from([OLD]));
        for part in [OLD, NEW, "--service-account-issuer=", "docs/issuer.md"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(message.chars().count() < 1024);
    }
}
