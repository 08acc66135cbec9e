//! What a control plane keeps on disk: certificates, token file, audit policy, kubeconfigs.

use std::{fs, net::Ipv4Addr, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use serde_json::json;

use super::ControlPlaneError;

/// The certificate authority of one control plane and the one serving certificate under it, all PEM.
#[derive(Debug)]
pub(super) struct Pki {
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Pki {
    /// The certificate is good for the loopback address and for the names by which pods know the API server.
    pub(super) fn generate() -> Result<Self, ControlPlaneError> {
        let authority_key = KeyPair::generate().map_err(crypto)?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "test control plane");
        let authority_certificate = authority.self_signed(&authority_key).map_err(crypto)?;

        let names = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
        ];
        let mut serving = CertificateParams::new(names.map(str::to_owned)).map_err(crypto)?;
        serving
            .subject_alt_names
            .push(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        serving.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        serving.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let key = KeyPair::generate().map_err(crypto)?;
        let certificate = serving
            .signed_by(&key, &Issuer::new(authority, &authority_key))
            .map_err(crypto)?;
        Ok(Self {
            ca: authority_certificate.pem(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn crypto(error: rcgen::Error) -> ControlPlaneError {
    ControlPlaneError::Crypto {
        what: "a certificate",
        reason: error.to_string(),
    }
}

/// Every request, without bodies: enough to count who did what.
pub(super) const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// A kubeconfig with the one user `token`. JSON is YAML, so no YAML writer is needed.
pub(super) fn kubeconfig(server: &str, ca: &str, token: &str) -> String {
    let name = "test";
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": name,
            "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(ca)},
        }],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "current-context": name,
    })
    .to_string()
}

pub(super) fn write(path: &Path, contents: &str) -> Result<(), ControlPlaneError> {
    fs::write(path, contents).map_err(ControlPlaneError::io(format!("writing {}", path.display())))
}

/// Copies a directory with all that is in it.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), ControlPlaneError> {
    let failed = |path: &Path| ControlPlaneError::io(format!("copying {}", path.display()));
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(failed(&target))?;
        }
    }
    Ok(())
}
