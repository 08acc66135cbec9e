//! The operation and the resource of a call, for the log, the faults and the counts.

use http::Method;

use super::log::Access;
use crate::aws::wire::{Call, Service};

/// A call's operation, resource and kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) resource: String,
    pub(super) access: Access,
}

/// Names a call as IAM names the action that it needs.
pub(super) fn name(call: &Call, partition: &str) -> Operation {
    match call.service {
        Service::Iam => by_parameters(call, "iam"),
        Service::Sts => Operation {
            access: Access::Read,
            ..by_parameters(call, "sts")
        },
        Service::S3 => on_s3(call, partition),
        Service::S3Control => on_s3_control(call),
    }
}

/// Parameters that say what a query-protocol call is about, the most telling first.
const SUBJECTS: &[&str] = &[
    "OpenIDConnectProviderArn",
    "RoleArn",
    "RoleName",
    "Url",
    "UserName",
    "PolicyArn",
    "PolicyName",
    "PathPrefix",
];

fn by_parameters(call: &Call, service: &str) -> Operation {
    let form = call.form();
    let action = form.get("Action").map_or("", String::as_str);
    let read = ["Get", "List", "Simulate", "Generate"]
        .iter()
        .any(|prefix| action.starts_with(prefix));
    Operation {
        name: format!("{service}:{action}"),
        resource: SUBJECTS
            .iter()
            .find_map(|name| form.get(*name))
            .cloned()
            .unwrap_or_default(),
        access: if read { Access::Read } else { Access::Write },
    }
}

fn on_s3_control(call: &Call) -> Operation {
    let (name, access) = match call.method {
        Method::GET => ("s3:GetAccountPublicAccessBlock", Access::Read),
        _ => ("s3:PutAccountPublicAccessBlock", Access::Write),
    };
    let account = call.host.split('.').next().unwrap_or_default();
    Operation {
        name: name.to_owned(),
        resource: account.to_owned(),
        access,
    }
}

/// Bucket and key, from the virtual host or from the path.
fn address(call: &Call) -> (String, String) {
    let path = percent_encoding::percent_decode_str(call.raw_path.trim_start_matches('/')).decode_utf8_lossy();
    if let Some((bucket, _)) = call.host.split_once(".s3.") {
        return (bucket.to_owned(), path.into_owned());
    }
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    (bucket.to_owned(), key.to_owned())
}

/// Subresources of a bucket and the noun of their actions [SAR s3].
const OF_BUCKET: &[(&str, &str)] = &[
    ("policyStatus", "BucketPolicyStatus"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "BucketPublicAccessBlock"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("location", "BucketLocation"),
    ("acl", "BucketAcl"),
    ("encryption", "EncryptionConfiguration"),
    ("lifecycle", "LifecycleConfiguration"),
];

fn on_s3(call: &Call, partition: &str) -> Operation {
    let (bucket, key) = address(call);
    let has = |name: &str| call.query.iter().any(|(key, _)| key == name);
    let read = matches!(call.method, Method::GET | Method::HEAD);
    let verb = match call.method {
        Method::GET | Method::HEAD => "Get",
        Method::DELETE => "Delete",
        _ => "Put",
    };
    let noun = if key.is_empty() {
        OF_BUCKET.iter().find(|(name, _)| has(name)).map(|(_, noun)| *noun)
    } else {
        None
    };
    let action = match (bucket.is_empty(), key.is_empty(), noun) {
        (true, _, _) => "ListAllMyBuckets".to_owned(),
        (_, true, Some(noun)) => match (verb, noun) {
            ("Delete", "BucketPolicy") => "DeleteBucketPolicy".to_owned(),
            // Removing a setting needs the permission to put it [SAR s3].
            ("Delete", noun) => format!("Put{noun}"),
            (verb, noun) => format!("{verb}{noun}"),
        },
        (_, true, None) => match call.method {
            Method::GET | Method::HEAD => "ListBucket".to_owned(),
            Method::DELETE => "DeleteBucket".to_owned(),
            Method::POST if has("delete") => "DeleteObject".to_owned(),
            _ => "CreateBucket".to_owned(),
        },
        (_, false, _) if has("tagging") => format!("{verb}ObjectTagging"),
        (_, false, _) if has("acl") => format!("{verb}ObjectAcl"),
        (_, false, _) => format!("{verb}Object"),
    };
    let resource = match (bucket.is_empty(), key.is_empty()) {
        (true, _) => String::new(),
        (_, true) => format!("arn:{partition}:s3:::{bucket}"),
        _ => format!("arn:{partition}:s3:::{bucket}/{key}"),
    };
    Operation {
        name: format!("s3:{action}"),
        resource,
        access: if read { Access::Read } else { Access::Write },
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use jiff::Timestamp;

    use super::*;
    use crate::aws::wire::Caller;

    fn call(service: Service, method: Method, host: &str, path: &str, query: &[&str], body: &'static str) -> Call {
        Call {
            service,
            region: "eu-west-1".to_owned(),
            method,
            host: host.to_owned(),
            raw_path: path.to_owned(),
            query: query.iter().map(|key| ((*key).to_owned(), String::new())).collect(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            caller: Caller::Anonymous,
            now: Timestamp::UNIX_EPOCH,
            request_id: String::new(),
        }
    }

    #[test]
    fn calls_are_named_as_iam_names_the_action() {
        let host = "acme.s3.eu-west-1.amazonaws.com";
        for (method, host, path, query, want, resource) in [
            (
                Method::GET,
                host,
                "/a/b%20c",
                &[][..],
                "s3:GetObject",
                "arn:aws:s3:::acme/a/b c",
            ),
            (Method::HEAD, host, "/k", &[], "s3:GetObject", "arn:aws:s3:::acme/k"),
            (Method::PUT, host, "/k", &[], "s3:PutObject", "arn:aws:s3:::acme/k"),
            (
                Method::DELETE,
                host,
                "/k",
                &[],
                "s3:DeleteObject",
                "arn:aws:s3:::acme/k",
            ),
            (
                Method::PUT,
                host,
                "/k",
                &["tagging"],
                "s3:PutObjectTagging",
                "arn:aws:s3:::acme/k",
            ),
            (
                Method::GET,
                host,
                "/",
                &["list-type"],
                "s3:ListBucket",
                "arn:aws:s3:::acme",
            ),
            (
                Method::PUT,
                host,
                "/",
                &["policy"],
                "s3:PutBucketPolicy",
                "arn:aws:s3:::acme",
            ),
            (
                Method::DELETE,
                host,
                "/",
                &["policy"],
                "s3:DeleteBucketPolicy",
                "arn:aws:s3:::acme",
            ),
            (
                Method::DELETE,
                host,
                "/",
                &["publicAccessBlock"],
                "s3:PutBucketPublicAccessBlock",
                "arn:aws:s3:::acme",
            ),
            (
                Method::GET,
                host,
                "/",
                &["policyStatus"],
                "s3:GetBucketPolicyStatus",
                "arn:aws:s3:::acme",
            ),
            (Method::PUT, host, "/", &[], "s3:CreateBucket", "arn:aws:s3:::acme"),
            (Method::DELETE, host, "/", &[], "s3:DeleteBucket", "arn:aws:s3:::acme"),
            (
                Method::POST,
                host,
                "/",
                &["delete"],
                "s3:DeleteObject",
                "arn:aws:s3:::acme",
            ),
            (
                Method::GET,
                "s3.eu-west-1.amazonaws.com",
                "/",
                &[],
                "s3:ListAllMyBuckets",
                "",
            ),
            (
                Method::GET,
                "s3.eu-west-1.amazonaws.com",
                "/b/k/l",
                &[],
                "s3:GetObject",
                "arn:aws:s3:::b/k/l",
            ),
        ] {
            let found = name(&call(Service::S3, method.clone(), host, path, query, ""), "aws");
            assert_eq!(
                (found.name.as_str(), found.resource.as_str()),
                (want, resource),
                "{method} {host}{path}"
            );
            assert_eq!(
                found.access == Access::Read,
                matches!(method, Method::GET | Method::HEAD),
                "{want}"
            );
        }
        for (body, want, resource, access) in [
            ("Action=CreateRole&RoleName=app", "iam:CreateRole", "app", Access::Write),
            (
                "Action=ListRoles&PathPrefix=%2Firsa%2F",
                "iam:ListRoles",
                "/irsa/",
                Access::Read,
            ),
            (
                "Action=AttachRolePolicy&RoleName=r&PolicyArn=p",
                "iam:AttachRolePolicy",
                "r",
                Access::Write,
            ),
        ] {
            let found = name(
                &call(Service::Iam, Method::POST, "iam.amazonaws.com", "/", &[], body),
                "aws",
            );
            let want = Operation {
                name: want.to_owned(),
                resource: resource.to_owned(),
                access,
            };
            assert_eq!(found, want);
        }
        let sts = call(
            Service::Sts,
            Method::POST,
            "sts.amazonaws.com",
            "/",
            &[],
            "Action=AssumeRole&RoleArn=r",
        );
        assert_eq!(name(&sts, "aws").access, Access::Read);
    }
}
