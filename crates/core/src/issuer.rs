//! The issuer: the URL that names this cluster in every token, in IAM and in every role's trust policy.
//!
//! IAM, the tokens' `iss` and `--service-account-issuer` are compared byte for byte, so nothing here ever normalises: a
//! URL is taken as it is or refused.

use std::fmt;

use crate::naming::federation_id;

/// IAM's limit (`OpenIDConnectProviderUrlType`).
const MAX_LENGTH: usize = 255;
const SCHEME: &str = "https://";
/// Path of the discovery document under the issuer (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY_PATH: &str = ".well-known/openid-configuration";
/// Path of the keys under the issuer: where a kube-apiserver serves them too.
const JWKS_PATH: &str = "openid/v1/jwks";

/// An issuer that both Kubernetes and IAM take: `https`, no port, no query, no fragment, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerUrl {
    url: String,
    /// Length of scheme and host.
    origin: usize,
}

/// Why a text is no issuer. Every message names the field and the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Another scheme, or none.
    #[error("spec.issuer must start with https://, AWS accepts no other scheme")]
    Scheme,
    /// IAM's limit.
    #[error("spec.issuer has {0} characters and AWS allows 255; use a shorter host or path")]
    TooLong(usize),
    /// `https://host:443`
    #[error("spec.issuer must not have a port, AWS refuses it; serve the issuer on port 443 and leave the port out")]
    Port,
    /// `https://user@host`
    #[error("spec.issuer must not have user information, AWS refuses it; remove everything up to the @")]
    UserInfo,
    /// `?…` or `#…`
    #[error("spec.issuer must not have a query or a fragment; remove everything from the ? or # on")]
    QueryOrFragment,
    /// IAM keeps it, Kubernetes' discovery then serves `//.well-known`, and S3 would need an empty key segment.
    #[error("spec.issuer must not end with a slash; remove it here and in --service-account-issuer")]
    TrailingSlash,
    /// Not a lower-case DNS name.
    #[error("spec.issuer must name a host in lower-case letters, digits, hyphens and dots, with at least one dot")]
    Host,
    /// A segment that is empty, starts with a dot or would need escaping.
    #[error(
        "spec.issuer must have a path of plain segments: letters, digits, '.', '_', '~' and '-', none empty and none \
         starting with a dot"
    )]
    Path,
}

impl IssuerUrl {
    /// Takes `text` as it is, or refuses it.
    pub fn parse(text: &str) -> Result<Self, IssuerError> {
        let rest = text.strip_prefix(SCHEME).ok_or(IssuerError::Scheme)?;
        if text.len() > MAX_LENGTH {
            return Err(IssuerError::TooLong(text.chars().count()));
        }
        if rest.contains(['?', '#']) {
            return Err(IssuerError::QueryOrFragment);
        }
        if rest.ends_with('/') {
            return Err(IssuerError::TrailingSlash);
        }
        let (host, path) = rest
            .split_once('/')
            .map_or((rest, None), |(host, path)| (host, Some(path)));
        if host.contains('@') {
            return Err(IssuerError::UserInfo);
        }
        if host.contains(':') {
            return Err(IssuerError::Port);
        }
        if !host.contains('.') || !host.split('.').all(is_dns_label) {
            return Err(IssuerError::Host);
        }
        if path.is_some_and(|path| !path.split('/').all(is_plain_segment)) {
            return Err(IssuerError::Path);
        }
        Ok(Self {
            url: text.to_owned(),
            origin: SCHEME.len() + host.len(),
        })
    }

    /// The issuer, byte for byte as given: the tokens' `iss`.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host.
    pub fn host(&self) -> &str {
        self.url.get(SCHEME.len()..self.origin).unwrap_or_default()
    }

    /// The path without its leading slash; empty when there is none.
    pub fn path(&self) -> &str {
        self.url.get(self.origin + 1..).unwrap_or_default()
    }

    /// The form in which IAM reads a provider's URL back, and the prefix of its condition keys.
    pub fn without_scheme(&self) -> &str {
        self.url.get(SCHEME.len()..).unwrap_or_default()
    }

    /// The first 8 hexadecimal digits of the issuer's SHA-256: short, stable, part of names.
    pub fn id(&self) -> String {
        federation_id(&self.url)
    }

    /// Where AWS looks for the discovery document.
    pub fn discovery_url(&self) -> String {
        format!("{}/{DISCOVERY_PATH}", self.url)
    }

    /// Where our discovery document says that the keys are.
    pub fn jwks_url(&self) -> String {
        format!("{}/{JWKS_PATH}", self.url)
    }

    /// Object key of the discovery document: the issuer's path is the prefix.
    pub fn discovery_key(&self) -> String {
        self.key(DISCOVERY_PATH)
    }

    /// Object key of the keys.
    pub fn jwks_key(&self) -> String {
        self.key(JWKS_PATH)
    }

    /// ARN of the IAM OIDC provider for this issuer.
    pub fn provider_arn(&self, partition: &str, account: &str) -> String {
        format!("arn:{partition}:iam::{account}:oidc-provider/{}", self.without_scheme())
    }

    /// Whether the host is the virtual host of this bucket, so that the bucket itself serves the issuer.
    ///
    /// With `us-east-1` also the old form without a region counts: S3 serves both.
    pub fn is_served_by_bucket(&self, bucket: &str, region: &str) -> bool {
        let suffix = Partition::of_region(region).dns_suffix();
        let legacy = region == "us-east-1" && self.host() == format!("{bucket}.s3.{suffix}");
        legacy || self.host() == bucket_host(bucket, region)
    }

    fn key(&self, path: &str) -> String {
        match self.path() {
            "" => path.to_owned(),
            prefix => format!("{prefix}/{path}"),
        }
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// The virtual host of a bucket: `{bucket}.s3.{region}.{suffix}`.
pub fn bucket_host(bucket: &str, region: &str) -> String {
    let suffix = Partition::of_region(region).dns_suffix();
    format!("{bucket}.s3.{region}.{suffix}")
}

/// A separate AWS cloud: accounts, ARNs and host names of one mean nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partition {
    /// Commercial regions.
    Aws,
    /// China.
    China,
    /// US government.
    UsGov,
    /// European Sovereign Cloud.
    EuSovereign,
    /// US isolated.
    Iso,
    /// US isolated, secret.
    IsoB,
    /// European isolated.
    IsoE,
    /// US isolated, south.
    IsoF,
}

impl Partition {
    /// The partition that a region is in (botocore `partitions.json`). A region that is not known yet is taken for a
    /// commercial one, as the SDKs do.
    pub fn of_region(region: &str) -> Self {
        const PREFIXES: [(&str, Partition); 7] = [
            ("cn-", Partition::China),
            ("us-gov-", Partition::UsGov),
            ("eusc-", Partition::EuSovereign),
            ("us-iso-", Partition::Iso),
            ("us-isob-", Partition::IsoB),
            ("eu-isoe-", Partition::IsoE),
            ("us-isof-", Partition::IsoF),
        ];
        let found = PREFIXES.iter().find(|(prefix, _)| region.starts_with(prefix));
        found.map_or(Self::Aws, |(_, partition)| *partition)
    }

    /// The second element of its ARNs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
            Self::EuSovereign => "aws-eusc",
            Self::Iso => "aws-iso",
            Self::IsoB => "aws-iso-b",
            Self::IsoE => "aws-iso-e",
            Self::IsoF => "aws-iso-f",
        }
    }

    /// What the host names of its services end with.
    pub const fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuSovereign => "amazonaws.eu",
            Self::Iso => "c2s.ic.gov",
            Self::IsoB => "sc2s.sgov.gov",
            Self::IsoE => "cloud.adc-e.uk",
            Self::IsoF => "csp.hci.ic.gov",
        }
    }
}

fn is_dns_label(label: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Nothing that a client, a proxy or S3 could escape, decode or fold.
fn is_plain_segment(segment: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'~' | b'-');
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATHED: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";

    #[test]
    fn an_issuer_is_kept_byte_for_byte_and_taken_apart() {
        let issuer = IssuerUrl::parse(PATHED).unwrap();
        assert_eq!(issuer.as_str(), PATHED);
        assert_eq!(issuer.to_string(), PATHED);
        assert_eq!(issuer.host(), "acme-irsa.s3.eu-central-1.amazonaws.com");
        assert_eq!(issuer.path(), "clusters/prod");
        assert_eq!(issuer.without_scheme(), &PATHED[8..]);
        assert_eq!(
            issuer.discovery_url(),
            format!("{PATHED}/.well-known/openid-configuration")
        );
        assert_eq!(issuer.jwks_url(), format!("{PATHED}/openid/v1/jwks"));
        assert_eq!(issuer.discovery_key(), "clusters/prod/.well-known/openid-configuration");
        assert_eq!(issuer.jwks_key(), "clusters/prod/openid/v1/jwks");
        assert_eq!(
            issuer.provider_arn("aws", "123456789012"),
            format!("arn:aws:iam::123456789012:oidc-provider/{}", &PATHED[8..])
        );
    }

    #[test]
    fn an_issuer_without_a_path_publishes_at_the_root_of_the_bucket() {
        let issuer = IssuerUrl::parse("https://acme-irsa.s3.eu-central-1.amazonaws.com").unwrap();
        assert_eq!(issuer.path(), "");
        assert_eq!(issuer.discovery_key(), ".well-known/openid-configuration");
        assert_eq!(issuer.jwks_key(), "openid/v1/jwks");
    }

    #[test]
    fn the_id_is_the_start_of_the_issuers_sha256() {
        // printf %s https://example.com | sha256sum
        assert_eq!(IssuerUrl::parse("https://example.com").unwrap().id(), "100680ad");
    }

    #[test]
    fn every_refusal_names_the_field_and_its_cause() {
        for (text, error) in [
            ("", IssuerError::Scheme),
            ("http://a.b", IssuerError::Scheme),
            ("HTTPS://a.b", IssuerError::Scheme),
            ("a.b", IssuerError::Scheme),
            ("https://a.b:443", IssuerError::Port),
            ("https://a.b:", IssuerError::Port),
            ("https://[::1]", IssuerError::Port),
            ("https://u@a.b", IssuerError::UserInfo),
            ("https://u:p@a.b", IssuerError::UserInfo),
            ("https://a.b?x", IssuerError::QueryOrFragment),
            ("https://a.b/c#", IssuerError::QueryOrFragment),
            ("https://a.b/", IssuerError::TrailingSlash),
            ("https://a.b/c/", IssuerError::TrailingSlash),
            ("https://", IssuerError::TrailingSlash),
            ("https://a", IssuerError::Host),
            ("https://a..b", IssuerError::Host),
            ("https://A.b", IssuerError::Host),
            ("https://-a.b", IssuerError::Host),
            ("https://a.b-", IssuerError::Host),
            ("https://ä.b", IssuerError::Host),
            ("https://a b.c", IssuerError::Host),
            ("https://a.b/c//d", IssuerError::Path),
            ("https://a.b/../d", IssuerError::Path),
            ("https://a.b/%2e", IssuerError::Path),
            ("https://a.b/ä", IssuerError::Path),
            ("https://a.b/c\n", IssuerError::Path),
        ] {
            let found = IssuerUrl::parse(text).map(|issuer| issuer.to_string());
            if text == "https://" {
                assert!(found.is_err());
                continue;
            }
            assert_eq!(found, Err(error.clone()), "{text:?}");
            assert!(error.to_string().contains("spec.issuer"), "{error}");
        }
    }

    #[test]
    fn an_issuer_has_at_most_255_characters() {
        let fits = format!("https://a.b/{}", "c".repeat(243));
        assert_eq!(fits.len(), 255);
        assert!(IssuerUrl::parse(&fits).is_ok());
        assert_eq!(IssuerUrl::parse(&format!("{fits}c")), Err(IssuerError::TooLong(256)));
    }

    #[test]
    fn a_bucket_serves_the_issuer_only_under_its_own_virtual_host() {
        let issuer = |url: &str| IssuerUrl::parse(url).unwrap();
        for (url, bucket, region, served) in [
            (
                "https://b-1.s3.eu-central-1.amazonaws.com/x",
                "b-1",
                "eu-central-1",
                true,
            ),
            (
                "https://b-1.s3.eu-central-1.amazonaws.com",
                "b-2",
                "eu-central-1",
                false,
            ),
            ("https://b-1.s3.eu-central-1.amazonaws.com", "b-1", "eu-west-1", false),
            ("https://b-1.s3.amazonaws.com", "b-1", "eu-west-1", false),
            ("https://b-1.s3.amazonaws.com", "b-1", "us-east-1", true),
            ("https://b-1.s3.us-east-1.amazonaws.com", "b-1", "us-east-1", true),
            ("https://b-1.s3.cn-north-1.amazonaws.com.cn", "b-1", "cn-north-1", true),
            ("https://b-1.s3.cn-north-1.amazonaws.com", "b-1", "cn-north-1", false),
            (
                "https://b-1.s3.eusc-de-east-1.amazonaws.eu",
                "b-1",
                "eusc-de-east-1",
                true,
            ),
            ("https://s3.eu-west-1.amazonaws.com/b-1", "b-1", "eu-west-1", false),
            ("https://oidc.acme.com", "b-1", "eu-west-1", false),
        ] {
            assert_eq!(
                issuer(url).is_served_by_bucket(bucket, region),
                served,
                "{url} {bucket} {region}"
            );
        }
    }

    #[test]
    fn every_partition_is_told_by_its_regions() {
        for (region, partition) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("mars-north-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(Partition::of_region(region).as_str(), partition, "{region}");
        }
    }
}
