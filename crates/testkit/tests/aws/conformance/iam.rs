//! Rows for IAM.

use super::{Ask, Row, Want, Who};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/issuer.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"}]}"#;
const NO_PRINCIPAL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity"}]}"#;
const WITH_RESOURCE: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Resource":"*"}]}"#;
const BAD_OPERATOR: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEqual":{"a":"b"}}}]}"#;
const READ: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
const NO_ACTION: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*"}]}"#;
const MAY_LIST: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}]}"#;
const MAY_MAKE_UNDER_IRSA: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:CreateRole","Resource":"arn:aws:iam::*:role/irsa/*"}]}"#;

const READ_ONLY: &str = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
const PROVIDER: (&str, &str) = (
    "OpenIDConnectProviderArn",
    "arn:aws:iam::123456789012:oidc-provider/issuer.example.com",
);
const URL: (&str, &str) = ("Url", "https://issuer.example.com");
const ROLE: (&str, &str) = ("RoleName", "app");

const CREATE: Ask = Ask::iam(&[("Action", "CreateRole"), ROLE, ("AssumeRolePolicyDocument", TRUST)]);
const REGISTER: Ask = Ask::iam(&[
    ("Action", "CreateOpenIDConnectProvider"),
    URL,
    ("ClientIDList.member.1", "sts.amazonaws.com"),
]);
const ATTACH: Ask = Ask::iam(&[("Action", "AttachRolePolicy"), ROLE, ("PolicyArn", READ_ONLY)]);
const PUT: Ask = Ask::iam(&[
    ("Action", "PutRolePolicy"),
    ROLE,
    ("PolicyName", "p"),
    ("PolicyDocument", READ),
]);
const DELETE: Ask = Ask::iam(&[("Action", "DeleteRole"), ROLE]);
const UNREGISTER: Ask = Ask::iam(&[("Action", "DeleteOpenIDConnectProvider"), PROVIDER]);

macro_rules! row {
    ($what:expr, $source:expr, [$($before:expr),*], $ask:expr, $want:expr) => {
        Row { what: $what, source: $source, before: &[$($before),*], ask: $ask, want: $want }
    };
}

macro_rules! iam {
    ($action:expr $(, $parameter:expr)*) => {
        Ask::iam(&[("Action", $action) $(, $parameter)*])
    };
}

macro_rules! create {
    ($($parameter:expr),*) => {
        iam!("CreateRole", ("AssumeRolePolicyDocument", TRUST) $(, $parameter)*)
    };
}

const INVALID: u16 = 400;

pub(crate) const ROWS: &[Row] = &[
    row!(
        "a role is made",
        "[IAM-model CreateRole]",
        [],
        CREATE,
        Want::Ok(&[
            "<Arn>arn:aws:iam::123456789012:role/app</Arn>",
            "<RoleId>AROA",
            "<Path>/</Path>"
        ])
    ),
    row!(
        "a role may trust a provider that does not exist",
        "[IAM-model DeleteOpenIDConnectProvider: roles outlive providers]",
        [],
        CREATE,
        Want::Ok(&[])
    ),
    row!(
        "a trust policy reads back URL-encoded",
        "[IAM-model GetRole]",
        [CREATE],
        iam!("GetRole", ROLE),
        Want::Ok(&["<AssumeRolePolicyDocument>%7B%22"])
    ),
    row!(
        "a role has one hour by default",
        "[IAM-model MaxSessionDuration]",
        [CREATE],
        iam!("GetRole", ROLE),
        Want::Ok(&["<MaxSessionDuration>3600</MaxSessionDuration>"])
    ),
    row!(
        "a role's name is unique whatever its case",
        "[QUOTA-2026 names; IAM-model EntityAlreadyExists]",
        [CREATE],
        create!(("RoleName", "APP")),
        Want::Refused(409, "EntityAlreadyExists", "Role with name APP already exists.")
    ),
    row!(
        "a missing role",
        "[IAM-model NoSuchEntity]",
        [],
        iam!("GetRole", ROLE),
        Want::Refused(404, "NoSuchEntity", "The role with name app cannot be found.")
    ),
    row!(
        "a role's name has no blank",
        "[IAM-model roleNameType]",
        [],
        create!(("RoleName", "a b")),
        Want::Refused(INVALID, "ValidationError", "")
    ),
    row!(
        "a role's name has at most 64 characters",
        "[IAM-model roleNameType]",
        [],
        create!((
            "RoleName",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        )),
        Want::Refused(INVALID, "ValidationError", "64")
    ),
    row!(
        "a path ends with a slash",
        "[IAM-model pathType]",
        [],
        create!(ROLE, ("Path", "/irsa")),
        Want::Refused(INVALID, "ValidationError", "")
    ),
    row!(
        "a path is part of the ARN",
        "[SAR role]",
        [],
        create!(ROLE, ("Path", "/irsa/prod/")),
        Want::Ok(&["role/irsa/prod/app</Arn>"])
    ),
    row!(
        "a session duration below an hour",
        "[IAM-model roleMaxSessionDurationType]",
        [],
        create!(ROLE, ("MaxSessionDuration", "3599")),
        Want::Refused(INVALID, "ValidationError", "3600")
    ),
    row!(
        "a session duration above twelve hours",
        "[IAM-model roleMaxSessionDurationType]",
        [],
        create!(ROLE, ("MaxSessionDuration", "43201")),
        Want::Refused(INVALID, "ValidationError", "43200")
    ),
    row!(
        "a trust policy that is no JSON",
        "[IAM-model MalformedPolicyDocument]",
        [],
        iam!("CreateRole", ROLE, ("AssumeRolePolicyDocument", "{")),
        Want::Refused(INVALID, "MalformedPolicyDocument", "")
    ),
    row!(
        "a trust policy without principal",
        "[IAM-model MalformedPolicyDocument]",
        [],
        iam!("CreateRole", ROLE, ("AssumeRolePolicyDocument", NO_PRINCIPAL)),
        Want::Refused(INVALID, "MalformedPolicyDocument", "")
    ),
    row!(
        "a trust policy with a resource",
        "[VGW policy/trust.go]",
        [],
        iam!("CreateRole", ROLE, ("AssumeRolePolicyDocument", WITH_RESOURCE)),
        Want::Refused(INVALID, "MalformedPolicyDocument", "")
    ),
    row!(
        "a condition operator that does not exist",
        "[IAMUG-2023 reference_policies_elements_condition_operators]",
        [],
        iam!("CreateRole", ROLE, ("AssumeRolePolicyDocument", BAD_OPERATOR)),
        Want::Refused(INVALID, "MalformedPolicyDocument", "")
    ),
    row!(
        "a boundary that does not exist",
        "[IAM-model CreateRole: all or nothing]",
        [],
        create!(ROLE, ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/none")),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "a tag of AWS's own",
        "[IAM-model tagKeyType, IAMUG-2023 id_tags]",
        [],
        create!(ROLE, ("Tags.member.1.Key", "aws:x"), ("Tags.member.1.Value", "y")),
        Want::Refused(INVALID, "InvalidInput", "")
    ),
    row!(
        "two tags that differ in case",
        "[VGW iamerr ErrDuplicateTagKeys]",
        [],
        create!(
            ROLE,
            ("Tags.member.1.Key", "k"),
            ("Tags.member.1.Value", "1"),
            ("Tags.member.2.Key", "K"),
            ("Tags.member.2.Value", "2")
        ),
        Want::Refused(INVALID, "InvalidInput", "Duplicate tag keys found")
    ),
    row!(
        "tags travel in the create call",
        "[IAM-model CreateRole]",
        [create!(ROLE, ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v"))],
        iam!("ListRoleTags", ROLE),
        Want::Ok(&["<Key>k</Key><Value>v</Value>"])
    ),
    row!(
        "a role list shows no tags",
        "[IAM-model ListRoles]",
        [create!(ROLE, ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v"))],
        iam!("ListRoles"),
        Want::Ok(&["<RoleName>app</RoleName>", "<IsTruncated>false</IsTruncated>"])
    ),
    row!(
        "a page of one says that there is more",
        "[IAM-model ListRoles MaxItems]",
        [CREATE, create!(("RoleName", "other"))],
        iam!("ListRoles", ("MaxItems", "1")),
        Want::Ok(&["<IsTruncated>true</IsTruncated>", "<Marker>"])
    ),
    row!(
        "a page has at least one item",
        "[IAM-model maxItemsType]",
        [],
        iam!("ListRoles", ("MaxItems", "0")),
        Want::Refused(INVALID, "ValidationError", "")
    ),
    row!(
        "a role list by path",
        "[IAM-model ListRoles PathPrefix]",
        [create!(ROLE, ("Path", "/irsa/")), create!(("RoleName", "other"))],
        iam!("ListRoles", ("PathPrefix", "/irsa/")),
        Want::Ok(&["<RoleName>app</RoleName>"])
    ),
    row!(
        "a managed policy of AWS is attached",
        "[IAM-model AttachRolePolicy]",
        [CREATE],
        ATTACH,
        Want::Ok(&[])
    ),
    row!(
        "attaching twice is the same",
        "[VGW: idempotent]",
        [CREATE, ATTACH],
        ATTACH,
        Want::Ok(&[])
    ),
    row!(
        "a policy that does not exist cannot be attached",
        "[IAM-model AttachRolePolicy NoSuchEntity]",
        [CREATE],
        iam!(
            "AttachRolePolicy",
            ROLE,
            ("PolicyArn", "arn:aws:iam::aws:policy/Nothing")
        ),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "detaching what is not attached",
        "[IAM-model DetachRolePolicy NoSuchEntity]",
        [CREATE],
        iam!("DetachRolePolicy", ROLE, ("PolicyArn", READ_ONLY)),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "an inline policy reads back URL-encoded",
        "[IAM-model GetRolePolicy]",
        [CREATE, PUT],
        iam!("GetRolePolicy", ROLE, ("PolicyName", "p")),
        Want::Ok(&["<PolicyDocument>%7B%22"])
    ),
    row!(
        "an inline policy without action",
        "[IAM-model MalformedPolicyDocument]",
        [CREATE],
        iam!(
            "PutRolePolicy",
            ROLE,
            ("PolicyName", "p"),
            ("PolicyDocument", NO_ACTION)
        ),
        Want::Refused(INVALID, "MalformedPolicyDocument", "")
    ),
    row!(
        "an identity policy names no principal",
        "[IAM-model MalformedPolicyDocument]",
        [CREATE],
        iam!("PutRolePolicy", ROLE, ("PolicyName", "p"), ("PolicyDocument", TRUST)),
        Want::Refused(INVALID, "MalformedPolicyDocument", "")
    ),
    row!(
        "a missing inline policy",
        "[IAM-model NoSuchEntity]",
        [CREATE],
        iam!("DeleteRolePolicy", ROLE, ("PolicyName", "p")),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "a role with an inline policy stays",
        "[IAM-model DeleteRole]",
        [CREATE, PUT],
        DELETE,
        Want::Refused(409, "DeleteConflict", "")
    ),
    row!(
        "a role with an attached policy stays",
        "[IAM-model DeleteRole]",
        [CREATE, ATTACH],
        DELETE,
        Want::Refused(409, "DeleteConflict", "")
    ),
    row!(
        "a bare role goes",
        "[IAM-model DeleteRole]",
        [CREATE],
        DELETE,
        Want::Ok(&[])
    ),
    row!(
        "a role goes once",
        "[IAM-model DeleteRole NoSuchEntity]",
        [CREATE, DELETE],
        DELETE,
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "a provider is registered",
        "[IAM-model CreateOpenIDConnectProvider; SAR]",
        [],
        REGISTER,
        Want::Ok(&["arn:aws:iam::123456789012:oidc-provider/issuer.example.com</OpenIDConnectProviderArn>"])
    ),
    row!(
        "a provider's URL reads back without scheme",
        "[GS EnsureHTTPS; VGW]",
        [REGISTER],
        iam!("GetOpenIDConnectProvider", PROVIDER),
        Want::Ok(&[
            "<Url>issuer.example.com</Url>",
            "<member>sts.amazonaws.com</member>",
            "<ThumbprintList>"
        ])
    ),
    row!(
        "a provider is registered once",
        "[IAM-model EntityAlreadyExists]",
        [REGISTER],
        REGISTER,
        Want::Refused(409, "EntityAlreadyExists", "")
    ),
    row!(
        "a provider's URL is https",
        "[VGW iamutil/oidc.go]",
        [],
        iam!("CreateOpenIDConnectProvider", ("Url", "http://issuer.example.com")),
        Want::Refused(INVALID, "InvalidInput", "https://")
    ),
    row!(
        "a provider's URL has a scheme",
        "[VGW iamutil/oidc.go]",
        [],
        iam!("CreateOpenIDConnectProvider", ("Url", "issuer.example.com")),
        Want::Refused(INVALID, "ValidationError", "")
    ),
    row!(
        "a provider's URL has no port",
        "[IAM-model CreateOpenIDConnectProvider Url; VGW]",
        [],
        iam!(
            "CreateOpenIDConnectProvider",
            ("Url", "https://issuer.example.com:8443")
        ),
        Want::Refused(INVALID, "InvalidInput", "")
    ),
    row!(
        "a provider's URL has no query",
        "[IAM-model CreateOpenIDConnectProvider Url; VGW]",
        [],
        iam!("CreateOpenIDConnectProvider", ("Url", "https://issuer.example.com?a=b")),
        Want::Refused(INVALID, "InvalidInput", "")
    ),
    row!(
        "a thumbprint has forty characters",
        "[IAM-model thumbprintType]",
        [],
        iam!("CreateOpenIDConnectProvider", URL, ("ThumbprintList.member.1", "abc")),
        Want::Refused(INVALID, "InvalidInput", "")
    ),
    row!(
        "a client id twice is the same",
        "[IAM-model AddClientIDToOpenIDConnectProvider]",
        [REGISTER],
        iam!(
            "AddClientIDToOpenIDConnectProvider",
            PROVIDER,
            ("ClientID", "sts.amazonaws.com")
        ),
        Want::Ok(&[])
    ),
    row!(
        "a client id that is not there may be removed",
        "[IAM-model RemoveClientIDFromOpenIDConnectProvider]",
        [REGISTER],
        iam!(
            "RemoveClientIDFromOpenIDConnectProvider",
            PROVIDER,
            ("ClientID", "none")
        ),
        Want::Ok(&[])
    ),
    row!(
        "a missing provider takes no client id",
        "[IAM-model NoSuchEntity]",
        [],
        iam!("AddClientIDToOpenIDConnectProvider", PROVIDER, ("ClientID", "x")),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "deleting a missing provider works",
        "[IAM-model DeleteOpenIDConnectProvider: idempotent]",
        [],
        UNREGISTER,
        Want::Ok(&[])
    ),
    row!(
        "a deleted provider is gone",
        "[IAM-model NoSuchEntity]",
        [REGISTER, UNREGISTER],
        iam!("GetOpenIDConnectProvider", PROVIDER),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "a provider list shows ARNs",
        "[IAM-model ListOpenIDConnectProviders]",
        [REGISTER],
        iam!("ListOpenIDConnectProviders"),
        Want::Ok(&["<Arn>arn:aws:iam::123456789012:oidc-provider/issuer.example.com</Arn>"])
    ),
    row!(
        "an account does not see another's roles",
        "[IAM-model: per account]",
        [CREATE],
        iam!("GetRole", ROLE).by(Who::Stranger),
        Want::Refused(404, "NoSuchEntity", "")
    ),
    row!(
        "a user without the action is denied",
        "[IAMUG-2023 troubleshoot_access-denied]",
        [],
        iam!("ListRoles").by(Who::User(READ)),
        Want::Refused(
            403,
            "AccessDenied",
            "User: arn:aws:iam::123456789012:user/somebody is not authorized to perform: iam:ListRoles on resource: "
        )
    ),
    row!(
        "a user with the action is not",
        "[IAMUG-2023 reference_policies_evaluation-logic]",
        [],
        iam!("ListRoles").by(Who::User(MAY_LIST)),
        Want::Ok(&[])
    ),
    row!(
        "a path in the policy lets roles be made there",
        "[SAR CreateRole role*]",
        [],
        create!(ROLE, ("Path", "/irsa/")).by(Who::User(MAY_MAKE_UNDER_IRSA)),
        Want::Ok(&[])
    ),
    row!(
        "and nowhere else",
        "[SAR CreateRole role*]",
        [],
        create!(ROLE).by(Who::User(MAY_MAKE_UNDER_IRSA)),
        Want::Refused(
            403,
            "AccessDenied",
            "iam:CreateRole on resource: arn:aws:iam::123456789012:role/app"
        )
    ),
    row!(
        "an action that IAM does not have",
        "[VGW iamerr/errors.go InvalidAction]",
        [],
        iam!("Nothing"),
        Want::Refused(
            INVALID,
            "InvalidAction",
            "Could not find operation Nothing for version 2010-05-08"
        )
    ),
];
