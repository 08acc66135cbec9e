//! What is held, read and judged as an API server would judge it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use x509_cert::{Certificate, der::Decode};

use super::rotation::{State, Validity};

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{0} is empty")]
    Empty(&'static str),
    /// Without the error, which may show what it could not read: a key.
    #[error("{0} is no PEM that can be read")]
    Pem(&'static str),
    #[error("{0} is no certificate that can be read: {1}")]
    Certificate(&'static str, x509_cert::der::Error),
    #[error("ca.key is no key that can be read")]
    AuthorityKey,
    #[error("ca.key is not the key of the first certificate in ca.crt")]
    OtherKey,
    #[error("the certificate and its key do not fit together: {0}")]
    Pair(rustls::Error),
    #[error("no authority in ca.crt makes an API server accept tls.crt as {0}: {1}")]
    NotAccepted(String, String),
    #[error("tls.crt is not for {0}: its DNS names must have it")]
    OtherName(String),
    #[error("tls.crt is valid from {} until {}", .0.from, .0.until)]
    OtherTime(Validity),
}

/// What the Secret holds, in PEM.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) authorities: &'a str,
    pub(super) authority_key: &'a str,
    pub(super) leaf: &'a str,
    pub(super) leaf_key: &'a str,
}

/// What is held, usable now.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) certified: CertifiedKey,
    authorities: Vec<Validity>,
    leaf: Validity,
    signed_by: usize,
}

impl Held {
    /// Reads what the Secret holds. Accepts what an API server accepts that trusts its authorities, and nothing else.
    ///
    /// # Errors
    /// [`Unusable`] says what is wrong with it.
    pub(super) fn read(texts: Texts<'_>, server_name: &str, now: Timestamp) -> Result<Self, Unusable> {
        let authorities = certificates("ca.crt", texts.authorities)?;
        let (certified, leaf) = certified(texts.leaf, texts.leaf_key)?;
        owns(texts.authority_key, authorities.first())?;
        let mut refusal = None;
        let signed_by = authorities.iter().position(|authority| {
            accepts(authority, &certified.cert, server_name, now)
                .map_err(|error| refusal = Some(error))
                .is_ok()
        });
        let Some(signed_by) = signed_by else {
            let refusal = refusal.map_or_else(String::new, |error| error.to_string());
            return Err(Unusable::NotAccepted(server_name.to_owned(), refusal));
        };
        let authorities = authorities.iter().map(|authority| validity("ca.crt", authority));
        Ok(Self {
            certified,
            authorities: authorities.collect::<Result<_, _>>()?,
            leaf,
            signed_by,
        })
    }

    /// Until when the leaf is valid.
    pub(super) const fn leaf_until(&self) -> Timestamp {
        self.leaf.until
    }

    /// For the question what is next.
    pub(super) fn state(&self, in_force: Option<Timestamp>) -> State {
        State {
            authorities: self.authorities.clone(),
            leaf: self.leaf,
            signed_by: self.signed_by,
            in_force,
        }
    }
}

/// A chain and its key, and how long the first of the chain is valid.
///
/// # Errors
/// When either cannot be read or they do not fit together.
fn certified(chain: &str, key: &str) -> Result<(CertifiedKey, Validity), Unusable> {
    let chain = certificates("tls.crt", chain)?;
    let leaf = chain.first().ok_or(Unusable::Empty("tls.crt"))?;
    let validity = validity("tls.crt", leaf)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Unusable::Pem("tls.key"))?;
    let certified = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(Unusable::Pair)?;
    Ok((certified, validity))
}

/// The same of a certificate for this server and this time. Who signed it is not known here.
///
/// # Errors
/// Also when it is for another server or another time.
pub(super) fn certified_for(
    server_name: &str,
    chain: &str,
    key: &str,
    now: Timestamp,
) -> Result<(CertifiedKey, Validity), Unusable> {
    let (certified, validity) = certified(chain, key)?;
    let leaf = certified.cert.first().ok_or(Unusable::Empty("tls.crt"))?;
    let other_name = || Unusable::OtherName(server_name.to_owned());
    let name = ServerName::try_from(server_name).map_err(|_| other_name())?;
    let leaf = ParsedCertificate::try_from(leaf).map_err(Unusable::Pair)?;
    verify_server_name(&leaf, &name).map_err(|_| other_name())?;
    if now < validity.from || now >= validity.until {
        return Err(Unusable::OtherTime(validity));
    }
    Ok((certified, validity))
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| Unusable::Pem(what))?;
    if all.is_empty() {
        Err(Unusable::Empty(what))
    } else {
        Ok(all)
    }
}

fn parsed(what: &'static str, der: &CertificateDer<'_>) -> Result<Certificate, Unusable> {
    Certificate::from_der(der).map_err(|error| Unusable::Certificate(what, error))
}

fn validity(what: &'static str, der: &CertificateDer<'_>) -> Result<Validity, Unusable> {
    let validity = parsed(what, der)?.tbs_certificate.validity;
    let at = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    };
    Ok(Validity {
        from: at(validity.not_before),
        until: at(validity.not_after),
    })
}

fn owns(key: &str, authority: Option<&CertificateDer<'_>>) -> Result<(), Unusable> {
    let key = rcgen::KeyPair::from_pem(key).map_err(|_| Unusable::AuthorityKey)?;
    let authority = parsed("ca.crt", authority.ok_or(Unusable::Empty("ca.crt"))?)?;
    let public = authority.tbs_certificate.subject_public_key_info.subject_public_key;
    if rcgen::PublicKeyData::der_bytes(&key) == public.raw_bytes() {
        Ok(())
    } else {
        Err(Unusable::OtherKey)
    }
}

/// As an API server that trusts this authority.
fn accepts(
    authority: &CertificateDer<'static>,
    chain: &[CertificateDer<'static>],
    server_name: &str,
    now: Timestamp,
) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let name =
        ServerName::try_from(server_name.to_owned()).map_err(|error| rustls::Error::General(error.to_string()))?;
    let since_1970 = Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default());
    let (leaf, others) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
    verifier.verify_server_cert(leaf, others, &name, &[], UnixTime::since_unix_epoch(since_1970))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{super::issue, *};

    const NAME: &str = "irsa-anywhere-webhook.irsa-anywhere-system.svc";

    struct Made {
        authority: issue::Issued,
        leaf: issue::Issued,
    }

    fn made(at: Timestamp) -> Made {
        let authority = issue::authority(at).unwrap();
        let leaf = issue::leaf(&authority.key, &[NAME.to_owned()], at).unwrap();
        Made { authority, leaf }
    }

    fn texts(made: &Made) -> Texts<'_> {
        Texts {
            authorities: &made.authority.certificate,
            authority_key: &made.authority.key,
            leaf: &made.leaf.certificate,
            leaf_key: &made.leaf.key,
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn what_was_made_is_accepted_while_it_is_valid() {
        let made = made(now());
        let held = Held::read(texts(&made), NAME, now()).unwrap();
        let state = held.state(None);
        assert_eq!((state.signed_by, state.authorities.len()), (0, 1));
        assert_eq!(held.leaf_until(), now() + SignedDuration::from_hours(30 * 24));
        assert_eq!(state.leaf.from, now() - SignedDuration::from_hours(1));
        assert!(Held::read(texts(&made), NAME, now() + SignedDuration::from_hours(31 * 24)).is_err());
    }

    #[test]
    fn an_older_authority_may_have_signed_the_leaf() {
        let old = made(now());
        let new = issue::authority(now()).unwrap();
        let both = format!("{}{}", new.certificate, old.authority.certificate);
        let texts = Texts {
            authorities: &both,
            authority_key: &new.key,
            ..texts(&old)
        };
        let state = Held::read(texts, NAME, now()).unwrap().state(None);
        assert_eq!((state.signed_by, state.authorities.len()), (1, 2));
    }

    #[test]
    fn what_no_api_server_would_accept_is_not_held() {
        let (made, other) = (made(now()), made(now()));
        let good = || texts(&made);
        for (what, texts, name) in [
            (
                "is empty",
                Texts {
                    authorities: "",
                    ..good()
                },
                NAME,
            ),
            ("tls.crt is empty", Texts { leaf: "", ..good() }, NAME),
            (
                "ca.key is no key",
                Texts {
                    authority_key: "",
                    ..good()
                },
                NAME,
            ),
            (
                "tls.key is no PEM",
                Texts {
                    leaf_key: "garbage",
                    ..good()
                },
                NAME,
            ),
            (
                "ca.key is not the key",
                Texts {
                    authority_key: &other.authority.key,
                    ..good()
                },
                NAME,
            ),
            (
                "do not fit together",
                Texts {
                    leaf_key: &other.leaf.key,
                    ..good()
                },
                NAME,
            ),
            (
                "makes an API server accept",
                Texts {
                    authorities: &other.authority.certificate,
                    authority_key: &other.authority.key,
                    ..good()
                },
                NAME,
            ),
            ("makes an API server accept", good(), "other.irsa-anywhere-system.svc"),
        ] {
            let problem = Held::read(texts, name, now()).unwrap_err().to_string();
            assert!(problem.contains(what), "{problem}");
        }
    }

    #[test]
    fn no_key_is_shown_by_debug() {
        let made = made(now());
        assert!(!format!("{:?}", made.leaf).contains("PRIVATE"));
    }
}
