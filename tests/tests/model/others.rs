//! Somebody else in the AWS account and in the bucket.

use bytes::Bytes;
use irsa_testkit::aws::{Account, AwsError, InProcess, s3::Object};
use serde_json::{Value, json};

use crate::{
    actions::{BucketEdit, ProviderEdit, RoleEdit},
    view::{document_keys, is_under_our_sid},
    wishes::{ACCOUNT, BUCKET, HOST, PREFIX, policy_arn, provider_arn, role_name, slot_name},
};

fn trust(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// A trust policy of a role that has nothing to do with us.
pub(crate) fn foreign_trust() -> String {
    trust(&json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}))
}

fn create(account: &Account<'_>, role: &str) -> Result<String, AwsError> {
    let document = foreign_trust();
    account.call_iam(
        "CreateRole",
        &[("RoleName", role), ("AssumeRolePolicyDocument", &document)],
    )
}

fn detach_all(account: &Account<'_>, role: &str) {
    let Some(found) = account.roles().remove(role) else {
        return;
    };
    for arn in &found.attached {
        account
            .call_iam("DetachRolePolicy", &[("RoleName", role), ("PolicyArn", arn)])
            .unwrap();
    }
    for name in found.inline.keys() {
        account
            .call_iam("DeleteRolePolicy", &[("RoleName", role), ("PolicyName", name)])
            .unwrap();
    }
}

/// Whatever is under this name goes.
pub(crate) fn delete_role(account: &Account<'_>, role: &str) {
    detach_all(account, role);
    // There may be none.
    let _ = account.call_iam("DeleteRole", &[("RoleName", role)]);
}

pub(crate) fn edit_role(aws: &InProcess, slot: usize, edit: &RoleEdit) {
    let account = aws.account(ACCOUNT);
    let role = role_name(slot);
    let (namespace, name) = slot_name(slot);
    if let RoleEdit::MakeNeighbour = edit {
        // It may be there already.
        let _ = create(&account, &format!("{role}2"));
        let _ = create(
            &account,
            &role.replace(&format!("{namespace}.{name}"), &format!("{namespace}.{name}.x")),
        );
        return;
    }
    if !account.roles().contains_key(&role) {
        return;
    }
    let call = |action: &str, parameters: &[(&str, &str)]| {
        let mut all = vec![("RoleName", role.as_str())];
        all.extend(parameters);
        // One that changes nothing may be refused.
        let _ = account.call_iam(action, &all);
    };
    let set_trust = |statement: Value| {
        let document = trust(&statement);
        call("UpdateAssumeRolePolicy", &[("PolicyDocument", document.as_str())]);
    };
    let federated = json!({"Federated": provider_arn()});
    let action = "sts:AssumeRoleWithWebIdentity";
    match edit {
        RoleEdit::OpenTrust => {
            set_trust(json!({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}));
        }
        RoleEdit::UnpinTrust => set_trust(json!({
            "Effect": "Allow", "Principal": federated, "Action": action,
            "Condition": {"StringEquals": {format!("{HOST}:aud"): "sts.amazonaws.com"}},
        })),
        RoleEdit::WidenTrust => set_trust(json!({
            "Effect": "Allow", "Principal": federated, "Action": action,
            "Condition": {"StringEquals": {
                format!("{HOST}:aud"): "sts.amazonaws.com", format!("{HOST}:sub"): "system:serviceaccount:evil:evil",
            }},
        })),
        RoleEdit::StripTags => call("UntagRole", &[("TagKeys.member.1", "irsa-anywhere.dev/cluster")]),
        RoleEdit::OwnTag => call(
            "TagRole",
            &[("Tags.member.1.Key", "theirs"), ("Tags.member.1.Value", "x")],
        ),
        RoleEdit::AttachAdministrator => call("AttachRolePolicy", &[("PolicyArn", &policy_arn("AdministratorAccess"))]),
        RoleEdit::DetachAll => detach_all(&account, &role),
        RoleEdit::PutInline => {
            let document = crate::wishes::inline_document(2).to_string();
            call(
                "PutRolePolicy",
                &[("PolicyName", "theirs"), ("PolicyDocument", &document)],
            );
        }
        RoleEdit::SwapBoundary => {
            call(
                "PutRolePermissionsBoundary",
                &[("PermissionsBoundary", &policy_arn("IAMReadOnlyAccess"))],
            );
        }
        RoleEdit::DropBoundary => call("DeleteRolePermissionsBoundary", &[]),
        RoleEdit::Describe => call(
            "UpdateRole",
            &[("Description", "theirs"), ("MaxSessionDuration", "43200")],
        ),
        RoleEdit::Delete => delete_role(&account, &role),
        RoleEdit::Replace => {
            delete_role(&account, &role);
            create(&account, &role).unwrap();
        }
        RoleEdit::MakeNeighbour => {}
    }
}

pub(crate) fn edit_provider(aws: &InProcess, edit: &ProviderEdit) {
    let account = aws.account(ACCOUNT);
    let arn = provider_arn();
    let create = |url: &str| account.call_iam("CreateOpenIDConnectProvider", &[("Url", url)]);
    if let ProviderEdit::MakeNeighbour = edit {
        // It may be there already.
        let _ = create(&format!("https://{HOST}2"));
        return;
    }
    if !account.providers().contains_key(&arn) {
        return;
    }
    let call = |action: &str, parameters: &[(&str, &str)]| {
        let mut all = vec![("OpenIDConnectProviderArn", arn.as_str())];
        all.extend(parameters);
        // One that changes nothing may be refused.
        let _ = account.call_iam(action, &all);
    };
    match edit {
        ProviderEdit::AddClientId => call("AddClientIDToOpenIDConnectProvider", &[("ClientID", "theirs")]),
        ProviderEdit::RemoveClientId => {
            call(
                "RemoveClientIDFromOpenIDConnectProvider",
                &[("ClientID", "sts.amazonaws.com")],
            );
        }
        ProviderEdit::StripTags => {
            call(
                "UntagOpenIDConnectProvider",
                &[("TagKeys.member.1", "irsa-anywhere.dev/cluster")],
            );
        }
        ProviderEdit::OwnTag => {
            call(
                "TagOpenIDConnectProvider",
                &[("Tags.member.1.Key", "theirs"), ("Tags.member.1.Value", "x")],
            );
        }
        ProviderEdit::Delete => call("DeleteOpenIDConnectProvider", &[]),
        ProviderEdit::Replace => {
            call("DeleteOpenIDConnectProvider", &[]);
            create(&format!("https://{HOST}")).unwrap();
        }
        ProviderEdit::MakeNeighbour => {}
    }
}

pub(crate) fn edit_bucket(aws: &InProcess, edit: &BucketEdit) {
    let now = aws.clock().now();
    let key = |jwks: bool| {
        let [keys, discovery] = document_keys();
        if jwks { keys } else { discovery }
    };
    match edit {
        BucketEdit::Overwrite { jwks } => {
            let key = key(*jwks);
            aws.s3(|s3| {
                let there = s3
                    .bucket(BUCKET)
                    .is_some_and(|bucket| bucket.objects.contains_key(&key));
                let object = Object::new(Bytes::from_static(b"{\"keys\": []}"), now);
                // Somebody who writes where there is nothing is another case: that object is his for ever.
                let _done = there && s3.put_object_directly(BUCKET, &key, object);
            });
        }
        BucketEdit::Delete { jwks } => {
            let key = key(*jwks);
            aws.s3(|s3| s3.remove_object_directly(BUCKET, &key));
        }
        BucketEdit::AddObject => {
            let object = Object::new(Bytes::from_static(b"theirs"), now);
            aws.s3(|s3| s3.put_object_directly(BUCKET, &format!("{PREFIX}/openid/v1/jwks2"), object));
        }
        BucketEdit::RemoveStatement => edit_statements(aws, |statements| {
            statements.retain(|statement| !is_under_our_sid(statement));
        }),
        BucketEdit::WidenStatement => edit_statements(aws, |statements| {
            for statement in statements.iter_mut().filter(|statement| is_under_our_sid(statement)) {
                statement["Resource"] = json!(format!("arn:aws:s3:::{BUCKET}/*"));
            }
        }),
        BucketEdit::AddStatement => edit_statements(aws, |statements| {
            // No two may have one Sid.
            let number = (0..=statements.len())
                .find(|number| !statements.iter().any(|one| one["Sid"] == format!("Theirs{number}")))
                .unwrap_or_default();
            statements.push(json!({
                "Sid": format!("Theirs{number}"), "Effect": "Allow", "Action": "s3:GetObject",
                "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
                "Resource": format!("arn:aws:s3:::{BUCKET}/theirs"),
            }));
        }),
    }
}

fn edit_statements(aws: &InProcess, edit: impl FnOnce(&mut Vec<Value>)) {
    aws.s3(|s3| {
        s3.edit_bucket(BUCKET, |bucket| {
            let mut statements = match bucket
                .policy
                .as_ref()
                .map(|policy| policy.document["Statement"].clone())
            {
                Some(Value::Array(statements)) => statements,
                Some(one) => vec![one],
                None => Vec::new(),
            };
            edit(&mut statements);
            let document = json!({"Version": "2012-10-17", "Statement": statements});
            bucket.policy = (!statements.is_empty()).then(|| irsa_testkit::aws::s3::BucketPolicy {
                text: document.to_string(),
                document,
            });
        })
    });
}
