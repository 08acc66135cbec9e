//! What people want, in the few variations that matter, and how it is written down for Kubernetes.

use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const BUCKET: &str = "acme-irsa";
pub(crate) const HOST: &str = "acme-irsa.s3.eu-central-1.amazonaws.com/clusters/prod";
pub(crate) const PREFIX: &str = "clusters/prod";
/// First 8 hex of SHA-256 of the issuer.
pub(crate) const ID: &str = "f9d14ee8";
pub(crate) const CLUSTER: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const OPERATOR_NAMESPACE: &str = "irsa-anywhere-system";

pub(crate) const FEDERATION: &str = "/apis/irsa-anywhere.dev/v1alpha1/oidcfederations/default";

pub(crate) const SLOTS: usize = 4;
pub(crate) const NAMESPACES: [&str; 2] = ["a", "b"];
pub(crate) const ACCOUNTS: [&str; 3] = ["x", "y", "z"];
pub(crate) const POLICIES: [&str; 3] = ["AmazonS3ReadOnlyAccess", "ReadOnlyAccess", "IAMReadOnlyAccess"];
pub(crate) const BOUNDARIES: [&str; 2] = ["PowerUserAccess", "AdministratorAccess"];
pub(crate) const AUDIENCES: [&str; 2] = ["sts.amazonaws.com", "second.example"];

/// The federation as an administrator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent fields of a spec")]
pub(crate) struct FederationWish {
    pub(crate) second_audience: bool,
    /// 0: no tag.
    pub(crate) team: u8,
    pub(crate) only_tenants: bool,
    /// Which of [`POLICIES`] are allowed.
    pub(crate) policies: u8,
    /// 0: none, else one of [`BOUNDARIES`].
    pub(crate) boundary: u8,
    pub(crate) inline: bool,
    pub(crate) allow_retain: bool,
    pub(crate) max_roles: u32,
    pub(crate) short_cache: bool,
    pub(crate) retain: bool,
    pub(crate) suspend: bool,
}

impl Default for FederationWish {
    fn default() -> Self {
        Self {
            second_audience: false,
            team: 1,
            only_tenants: false,
            policies: 7,
            boundary: 1,
            inline: true,
            allow_retain: true,
            max_roles: 20,
            short_cache: false,
            retain: false,
            suspend: false,
        }
    }
}

/// A binding as a tenant wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent fields of a spec")]
pub(crate) struct BindingWish {
    /// Which of [`ACCOUNTS`], at least one.
    pub(crate) accounts: u8,
    /// Which of [`POLICIES`].
    pub(crate) managed: u8,
    /// 0: none, else which text.
    pub(crate) inline: u8,
    pub(crate) second_audience: bool,
    pub(crate) long_session: bool,
    pub(crate) no_annotations: bool,
    pub(crate) retain: bool,
    pub(crate) suspend: bool,
}

impl Default for BindingWish {
    fn default() -> Self {
        Self {
            accounts: 1,
            managed: 1,
            inline: 0,
            second_audience: false,
            long_session: false,
            no_annotations: false,
            retain: false,
            suspend: false,
        }
    }
}

/// Those of `all` whose bit is set.
pub(crate) fn chosen<'a>(mask: u8, all: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    all.iter()
        .enumerate()
        .filter(move |(bit, _)| mask & (1 << bit) != 0)
        .map(|(_, one)| *one)
}

pub(crate) fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::aws:policy/{name}")
}

pub(crate) fn provider_arn() -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}")
}

/// Namespace and name of a binding.
pub(crate) fn slot_name(slot: usize) -> (&'static str, &'static str) {
    (NAMESPACES[slot / 2], ["one", "two"][slot % 2])
}

pub(crate) fn role_name(slot: usize) -> String {
    let (namespace, name) = slot_name(slot);
    format!("irsa-{ID}-{namespace}.{name}")
}

/// The binding whose role has this name.
pub(crate) fn slot_of(role: &str) -> Option<usize> {
    (0..SLOTS).find(|slot| role_name(*slot) == role)
}

pub(crate) fn binding_path(slot: usize) -> String {
    let (namespace, name) = slot_name(slot);
    format!("/apis/irsa-anywhere.dev/v1alpha1/namespaces/{namespace}/iamrolebindings/{name}")
}

pub(crate) fn account_path(namespace: &str, account: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}")
}

pub(crate) fn namespace_path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}")
}

/// The inline policy's text.
pub(crate) fn inline_document(which: u8) -> Value {
    let action = ["s3:ListBucket", "s3:GetObject"][usize::from(which - 1)];
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

impl FederationWish {
    pub(crate) fn audiences(&self) -> Vec<&'static str> {
        AUDIENCES[..=usize::from(self.second_audience)].to_vec()
    }

    pub(crate) fn boundary_arn(&self) -> Option<String> {
        let at = usize::from(self.boundary).checked_sub(1)?;
        Some(policy_arn(BOUNDARIES[at]))
    }

    /// The API server refuses inline policies without a boundary.
    pub(crate) fn allows_inline(&self) -> bool {
        self.inline && self.boundary > 0
    }

    pub(crate) fn object(&self) -> Value {
        let namespaces = if self.only_tenants {
            json!({"from": "Selector", "selector": {"matchLabels": {"tenant": "yes"}}})
        } else {
            json!({"from": "All"})
        };
        let tags = if self.team == 0 {
            json!({})
        } else {
            json!({"team": format!("t{}", self.team)})
        };
        json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "OidcFederation", "metadata": {"name": "default"},
            "spec": {
                "issuer": format!("https://{HOST}"),
                "publish": {"s3": {
                    "bucket": BUCKET, "region": REGION,
                    "cacheControl": if self.short_cache { "public, max-age=60" } else { "public, max-age=300" },
                }},
                "audiences": self.audiences(),
                "tags": tags,
                "deletionPolicy": if self.retain { "Retain" } else { "Delete" },
                "suspend": self.suspend,
                "bindings": {
                    "allowedNamespaces": namespaces,
                    "allowedManagedPolicies": chosen(self.policies, &POLICIES).collect::<Vec<_>>(),
                    "permissionsBoundary": self.boundary_arn(),
                    "inlinePolicies": if self.allows_inline() { "Allow" } else { "Deny" },
                    "allowRetain": self.allow_retain,
                    "maxRolesPerNamespace": self.max_roles,
                },
            },
        })
    }
}

impl BindingWish {
    pub(crate) fn audience(&self) -> &'static str {
        AUDIENCES[usize::from(self.second_audience)]
    }

    pub(crate) fn account_names(&self) -> impl Iterator<Item = &'static str> {
        chosen(self.accounts, &ACCOUNTS)
    }

    pub(crate) fn object(&self, slot: usize) -> Value {
        let (namespace, name) = slot_name(slot);
        let accounts: Vec<Value> = self.account_names().map(|name| json!({"name": name})).collect();
        let inline = match self.inline {
            0 => json!([]),
            which => json!([{"name": "own", "document": inline_document(which)}]),
        };
        json!({
            "apiVersion": "irsa-anywhere.dev/v1alpha1", "kind": "IamRoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "serviceAccounts": accounts,
                "audiences": if self.second_audience { json!([self.audience()]) } else { json!([]) },
                "role": {"maxSessionDuration": if self.long_session { "2h" } else { "1h" }},
                "policies": {"managed": chosen(self.managed, &POLICIES).collect::<Vec<_>>(), "inline": inline},
                "serviceAccountMode": if self.no_annotations { "None" } else { "Annotate" },
                "deletionPolicy": if self.retain { "Retain" } else { "Delete" },
                "suspend": self.suspend,
            },
        })
    }
}
