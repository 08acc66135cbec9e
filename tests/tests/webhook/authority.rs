//! Certificates that are older than those that the webhook makes, made by a hand of our own.

use irsa_testkit::controlplane::SigningKey;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::bench::encoded;

/// The name by which API servers call the webhook.
pub(crate) const SERVER: &str = "irsa-anywhere-webhook.irsa-anywhere-system.svc";

/// The data of a certificate's Secret.
pub(crate) struct Old {
    pub(crate) authority: String,
    pub(crate) data: Value,
}

fn lasting(params: &mut CertificateParams, left: Duration) {
    params.not_before = OffsetDateTime::now_utc() - Duration::days(90);
    params.not_after = OffsetDateTime::now_utc() + left;
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    // As the webhook names its own.
    params
        .distinguished_name
        .push(DnType::CommonName, "irsa-anywhere-webhook-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

/// An authority and a leaf, with so much of their time left.
pub(crate) fn old(authority_left: Duration, leaf_left: Duration) -> Old {
    let authority_key = KeyPair::generate().unwrap();
    let mut params = authority();
    lasting(&mut params, authority_left);
    let certificate = params.self_signed(&authority_key).unwrap().pem();
    let key = authority_key.serialize_pem();
    let issuer = Issuer::new(authority(), authority_key);
    let leaf_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([SERVER.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, leaf_left);
    let leaf = params.signed_by(&leaf_key, &issuer).unwrap().pem();
    Old {
        data: json!({
            "ca.crt": encoded(&certificate), "ca.key": encoded(&key),
            "tls.crt": encoded(&leaf), "tls.key": encoded(&leaf_key.serialize_pem()),
        }),
        authority: certificate,
    }
}

/// A key that belongs to none of them.
pub(crate) fn anothers_key() -> String {
    encoded(SigningKey::generate_ec_p256().unwrap().pem())
}
