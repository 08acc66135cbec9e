//! New authorities and leaves.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;

use super::rotation::{AUTHORITY_LIFETIME, BACKDATE, LEAF_LIFETIME};

/// All authorities have this name, and each a key of its own.
const AUTHORITY_NAME: &str = "irsa-anywhere-webhook-ca";

/// A certificate and its key, in PEM. Its `Debug` shows no key.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Issued").field(&self.certificate).finish()
    }
}

/// A new authority.
pub(super) fn authority(now: Timestamp) -> Result<Issued, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = authority_params()?;
    lasting(&mut params, AUTHORITY_LIFETIME, now)?;
    Ok(Issued {
        certificate: params.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    })
}

/// A new leaf for these DNS names, signed by the authority that has this key.
pub(super) fn leaf(authority_key: &str, names: &[String], now: Timestamp) -> Result<Issued, rcgen::Error> {
    let issuer = Issuer::new(authority_params()?, KeyPair::from_pem(authority_key)?);
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("irsa-anywhere-webhook");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, LEAF_LIFETIME, now)?;
    Ok(Issued {
        certificate: params.signed_by(&key, &issuer)?.pem(),
        key: key.serialize_pem(),
    })
}

fn authority_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = named(AUTHORITY_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn lasting(params: &mut CertificateParams, lifetime: SignedDuration, now: Timestamp) -> Result<(), rcgen::Error> {
    params.not_before = date(now - BACKDATE)?;
    params.not_after = date(now + lifetime)?;
    Ok(())
}

fn date(at: Timestamp) -> Result<OffsetDateTime, rcgen::Error> {
    OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| rcgen::Error::Time)
}
