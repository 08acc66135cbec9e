//! Host names: which service, region and partition a name stands for.

use crate::aws::wire::Service;

/// What a host name of AWS stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) service: Service,
    /// The region that requests must be signed for.
    pub(crate) region: String,
    /// `aws`, `aws-cn`, …
    pub(crate) partition: &'static str,
}

/// DNS suffixes and the partition of each \[EPR\]. The longer of two that overlap comes first.
const SUFFIXES: &[(&str, &str)] = &[
    ("amazonaws.com.cn", "aws-cn"),
    ("amazonaws.com", "aws"),
    ("amazonaws.eu", "aws-eusc"),
    ("c2s.ic.gov", "aws-iso"),
    ("sc2s.sgov.gov", "aws-iso-b"),
    ("cloud.adc-e.uk", "aws-iso-e"),
    ("csp.hci.ic.gov", "aws-iso-f"),
];

/// Splits an AWS host name into the labels before the DNS suffix and the partition of that suffix.
fn split(host: &str) -> Option<(Vec<&str>, &'static str)> {
    SUFFIXES.iter().find_map(|(suffix, partition)| {
        let labels = host.strip_suffix(suffix)?.strip_suffix('.')?;
        Some((labels.split('.').collect(), *partition))
    })
}

/// What `host` (lower case, no port) stands for; `None` for a name that is not AWS's, or a service the double lacks.
pub(crate) fn endpoint(host: &str) -> Option<Endpoint> {
    let (labels, partition) = split(host)?;
    let (service, region) = match labels.as_slice() {
        // `<bucket>.s3.<region>`, `s3.<region>`, and the legacy global names that mean us-east-1 [VirtualHosting].
        [.., "s3"] => (Service::S3, "us-east-1"),
        [.., "s3", region] | [.., "s3", "dualstack", region] => (Service::S3, *region),
        [_account, "s3-control", region] => (Service::S3Control, *region),
        // IAM has one endpoint per partition, signed for one region of it [EPR].
        ["iam"] => (Service::Iam, "us-east-1"),
        ["iam", "us-gov"] => (Service::Iam, "us-gov-west-1"),
        ["iam", region] => (Service::Iam, *region),
        ["sts"] => (Service::Sts, "us-east-1"),
        ["sts", region] => (Service::Sts, *region),
        _ => return None,
    };
    let partition = if partition == "aws" && region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        partition
    };
    Some(Endpoint {
        service,
        region: region.to_owned(),
        partition,
    })
}

/// The names on the certificate that this host shows. S3's is a wildcard over one label, so that a bucket with dots
/// does not verify, as in AWS [VirtualHosting]; every other host's is its own name.
pub(crate) fn certificate_names(host: &str) -> Vec<String> {
    let Some((labels, _)) = split(host) else {
        return vec![host.to_owned()];
    };
    let Some(at) = labels.iter().rposition(|label| *label == "s3") else {
        return vec![host.to_owned()];
    };
    let behind: usize = labels.iter().take(at).map(|label| label.len() + 1).sum();
    let base = host.get(behind..).unwrap_or(host);
    vec![base.to_owned(), format!("*.{base}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_stand_for_service_region_and_partition() {
        for (host, want) in [
            ("iam.amazonaws.com", Some((Service::Iam, "us-east-1", "aws"))),
            (
                "iam.cn-north-1.amazonaws.com.cn",
                Some((Service::Iam, "cn-north-1", "aws-cn")),
            ),
            (
                "iam.us-gov.amazonaws.com",
                Some((Service::Iam, "us-gov-west-1", "aws-us-gov")),
            ),
            (
                "iam.eusc-de-east-1.amazonaws.eu",
                Some((Service::Iam, "eusc-de-east-1", "aws-eusc")),
            ),
            ("sts.amazonaws.com", Some((Service::Sts, "us-east-1", "aws"))),
            (
                "sts.eu-central-1.amazonaws.com",
                Some((Service::Sts, "eu-central-1", "aws")),
            ),
            (
                "s3.eu-central-1.amazonaws.com",
                Some((Service::S3, "eu-central-1", "aws")),
            ),
            (
                "acme.s3.eu-central-1.amazonaws.com",
                Some((Service::S3, "eu-central-1", "aws")),
            ),
            (
                "a.b.s3.eu-central-1.amazonaws.com",
                Some((Service::S3, "eu-central-1", "aws")),
            ),
            ("acme.s3.amazonaws.com", Some((Service::S3, "us-east-1", "aws"))),
            ("iam.s3.amazonaws.com", Some((Service::S3, "us-east-1", "aws"))),
            (
                "acme.s3.cn-north-1.amazonaws.com.cn",
                Some((Service::S3, "cn-north-1", "aws-cn")),
            ),
            (
                "123456789012.s3-control.eu-west-1.amazonaws.com",
                Some((Service::S3Control, "eu-west-1", "aws")),
            ),
            ("ec2.eu-west-1.amazonaws.com", None),
            ("amazonaws.com", None),
            ("iam.amazonaws.com.example.org", None),
            ("evilamazonaws.com", None),
        ] {
            let want = want.map(|(service, region, partition)| Endpoint {
                service,
                region: region.to_owned(),
                partition,
            });
            assert_eq!(endpoint(host), want, "{host}");
        }
    }

    #[test]
    fn the_certificate_of_s3_covers_one_label_only() {
        assert_eq!(
            certificate_names("a.b.s3.eu-central-1.amazonaws.com"),
            ["s3.eu-central-1.amazonaws.com", "*.s3.eu-central-1.amazonaws.com"]
        );
        assert_eq!(certificate_names("iam.amazonaws.com"), ["iam.amazonaws.com"]);
        assert_eq!(certificate_names("issuer.example.com"), ["issuer.example.com"]);
    }
}
