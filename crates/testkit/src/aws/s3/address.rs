//! The bucket and key that a host name and a path address [EPR; S3UG VirtualHosting].

use percent_encoding::percent_decode_str;

/// DNS suffix of each partition; the region tells aws-us-gov from aws [EPR partitions.json].
const SUFFIXES: &[(&str, &str)] = &[
    ("amazonaws.com.cn", "aws-cn"),
    ("amazonaws.com", "aws"),
    ("amazonaws.eu", "aws-eusc"),
    ("c2s.ic.gov", "aws-iso"),
    ("sc2s.sgov.gov", "aws-iso-b"),
    ("cloud.adc-e.uk", "aws-iso-e"),
    ("csp.hci.ic.gov", "aws-iso-f"),
];

/// The region of names that carry none.
pub(super) const GLOBAL_REGION: &str = "us-east-1";

/// What one request addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct S3Address {
    /// Partition of the host (`aws`, `aws-cn`, …): a bucket's name is unique in it.
    pub(super) partition: &'static str,
    /// DNS suffix of the partition.
    pub(super) suffix: &'static str,
    /// Region in the host name; `None` for the global names.
    pub(super) region: Option<String>,
    /// Bucket, for S3Control the account.
    pub(super) bucket: Option<String>,
    /// Object key, decoded; empty for the bucket itself.
    pub(super) key: String,
}

impl S3Address {
    /// `None` for a host that is not S3's or S3Control's.
    pub(super) fn parse(host: &str, raw_path: &str) -> Option<Self> {
        let (name, suffix, partition) = SUFFIXES.iter().find_map(|(suffix, partition)| {
            Some((host.strip_suffix(suffix)?.strip_suffix('.')?, *suffix, *partition))
        })?;
        let labels: Vec<&str> = name.split('.').collect();
        let (at, region) = labels.iter().enumerate().rev().find_map(|(at, label)| {
            let rest = labels.get(at + 1..).unwrap_or_default();
            endpoint(label, rest).map(|region| (at, region))
        })?;
        let partition = match &region {
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => partition,
        };
        let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
        let head = labels.get(..at).unwrap_or_default().join(".");
        let control = labels.get(at).is_some_and(|label| label.starts_with("s3-control"));
        let (bucket, key) = if control || !head.is_empty() {
            (head, path)
        } else {
            path.split_once('/')
                .map_or((decode(path), ""), |(bucket, key)| (decode(bucket), key))
        };
        Some(Self {
            partition,
            suffix,
            region,
            bucket: (!bucket.is_empty()).then_some(bucket),
            key: decode(key),
        })
    }

    /// Region of the endpoint, global names being us-east-1's.
    pub(super) fn endpoint_region(&self) -> &str {
        self.region.as_deref().unwrap_or(GLOBAL_REGION)
    }

    /// `arn:<partition>:s3:::<resource>`
    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:{}:s3:::{resource}", self.partition)
    }
}

/// Whether `label` starts the endpoint part of a host and which region follows; `Some(None)` for a global name.
fn endpoint(label: &str, rest: &[&str]) -> Option<Option<String>> {
    match (label, rest) {
        ("s3" | "s3-global", []) => Some(None),
        ("s3" | "s3-fips" | "s3-control" | "s3-control-fips", [region] | ["dualstack", region]) => {
            Some(Some((*region).to_owned()))
        }
        // The old dash form, still in old clusters' issuers.
        (label, []) => label
            .strip_prefix("s3-")
            .filter(|region| region.contains('-'))
            .map(|r| Some(r.to_owned())),
        _ => None,
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_paths_address_buckets_and_keys() {
        type Row = (
            &'static str,
            &'static str,
            &'static str,
            Option<&'static str>,
            Option<&'static str>,
            &'static str,
        );
        let rows: &[Row] = &[
            ("s3.amazonaws.com", "/", "aws", None, None, ""),
            ("s3.amazonaws.com", "/b", "aws", None, Some("b"), ""),
            (
                "s3.eu-central-1.amazonaws.com",
                "/b/k/l",
                "aws",
                Some("eu-central-1"),
                Some("b"),
                "k/l",
            ),
            ("b.s3.amazonaws.com", "/k", "aws", None, Some("b"), "k"),
            (
                "b.s3.us-east-1.amazonaws.com",
                "/",
                "aws",
                Some("us-east-1"),
                Some("b"),
                "",
            ),
            (
                "a.b.s3.eu-west-1.amazonaws.com",
                "/x",
                "aws",
                Some("eu-west-1"),
                Some("a.b"),
                "x",
            ),
            (
                "b.s3.dualstack.eu-west-1.amazonaws.com",
                "/%C3%A9%2B",
                "aws",
                Some("eu-west-1"),
                Some("b"),
                "é+",
            ),
            (
                "b.s3-eu-west-1.amazonaws.com",
                "/k",
                "aws",
                Some("eu-west-1"),
                Some("b"),
                "k",
            ),
            (
                "s3.s3.eu-west-1.amazonaws.com",
                "/k",
                "aws",
                Some("eu-west-1"),
                Some("s3"),
                "k",
            ),
            (
                "b.s3.cn-north-1.amazonaws.com.cn",
                "/k",
                "aws-cn",
                Some("cn-north-1"),
                Some("b"),
                "k",
            ),
            (
                "b.s3.us-gov-west-1.amazonaws.com",
                "/k",
                "aws-us-gov",
                Some("us-gov-west-1"),
                Some("b"),
                "k",
            ),
            (
                "b.s3.eusc-de-east-1.amazonaws.eu",
                "/k",
                "aws-eusc",
                Some("eusc-de-east-1"),
                Some("b"),
                "k",
            ),
            (
                "b.s3.us-iso-east-1.c2s.ic.gov",
                "/k",
                "aws-iso",
                Some("us-iso-east-1"),
                Some("b"),
                "k",
            ),
            (
                "123456789012.s3-control.eu-west-1.amazonaws.com",
                "/v20180820/configuration/publicAccessBlock",
                "aws",
                Some("eu-west-1"),
                Some("123456789012"),
                "v20180820/configuration/publicAccessBlock",
            ),
        ];
        for (host, path, partition, region, bucket, key) in rows {
            let address = S3Address::parse(host, path).unwrap_or_else(|| panic!("{host} is S3's"));
            assert_eq!(address.partition, *partition, "{host}");
            assert_eq!(address.region.as_deref(), *region, "{host}");
            assert_eq!(address.bucket.as_deref(), *bucket, "{host}{path}");
            assert_eq!(address.key, *key, "{host}{path}");
        }
        assert_eq!(S3Address::parse("s3.example.com", "/"), None);
        assert_eq!(S3Address::parse("iam.amazonaws.com", "/"), None);
    }
}
