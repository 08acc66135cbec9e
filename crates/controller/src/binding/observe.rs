//! A role as IAM shows it: one read for the role, one for each list of policies, one for each inline document.

use std::collections::BTreeMap;

use futures::future::{try_join, try_join_all};
use irsa_aws::{AwsError, Role, Roles};
use irsa_core::{
    naming::{PolicyArn, Tags},
    plan::binding::ObservedRole,
};

/// How much of a role is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of it.
    Documents,
    /// Names of inline policies, and empty texts for them: enough to judge a role that may have any.
    Names,
}

/// A role that IAM has.
#[derive(Debug, Clone)]
pub(crate) struct IamRole {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) role: ObservedRole,
}

/// Reads the role, `None` when there is none. Of a role that is not `ours` nothing but itself is read: its policies
/// are not ours to know.
pub(crate) async fn role<A: Roles>(
    aws: &A,
    name: &str,
    ours: impl Fn(&Tags) -> bool,
    depth: Depth,
) -> Result<Option<IamRole>, AwsError> {
    let Some(role) = aws.role(name).await? else {
        return Ok(None);
    };
    if !ours(&role.tags) {
        return Ok(Some(found(role)));
    }
    let (attached, inline) = try_join(aws.attached_policies(name), aws.inline_policies(name)).await?;
    let mut found = found(role);
    found.role.attached = attached.into_iter().map(PolicyArn::observed).collect();
    found.role.inline = match depth {
        Depth::Names => inline.into_iter().map(|policy| (policy, String::new())).collect(),
        Depth::Documents => {
            let documents = inline.into_iter().map(|policy| async move {
                let document = aws.inline_policy(name, &policy).await?;
                Ok::<_, AwsError>(document.map(|document| (policy, document)))
            });
            try_join_all(documents).await?.into_iter().flatten().collect()
        }
    };
    Ok(Some(found))
}

fn found(role: Role) -> IamRole {
    IamRole {
        arn: role.arn,
        id: role.id,
        role: ObservedRole {
            trust: role.trust_policy,
            tags: role.tags,
            boundary: role.permissions_boundary,
            description: role.description,
            max_session_seconds: role.max_session_seconds,
            attached: std::collections::BTreeSet::new(),
            inline: BTreeMap::new(),
        },
    }
}
