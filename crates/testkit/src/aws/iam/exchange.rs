//! [`Exchange`]: one IAM call at work, with what it asks and the account that it reads and changes.

use std::sync::Arc;

use super::{
    Settings,
    catalogue::Catalogue,
    errors::{invalid_input, limit_exceeded, no_such_entity, no_such_role, quota},
    keys::AccessKeys,
    limits,
    paging::Cursor,
    request::IamRequest,
    rewriting,
    state::{AccountState, Document, ManagedPolicy, Role, key},
    tags::with_resource_tags,
    versioned::View,
    xml::Xml,
};
use crate::aws::{
    policy::{self, Context},
    wire::AwsError,
};

/// The result element of an operation; `None` for one without output.
pub(super) type Answer = Result<Option<Xml>, AwsError>;

/// One call at work.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) request: &'a IamRequest<'a>,
    pub(super) account: &'a mut AccountState,
    pub(super) catalogue: &'a Catalogue,
    pub(super) settings: &'a Settings,
    pub(super) keys: &'a mut AccessKeys,
}

/// The role calls whose authorization sees `iam:PermissionsBoundary`, the role's present one \[SAR\]. CreateRole and
/// PutRolePermissionsBoundary see the requested one instead.
const SEES_BOUNDARY: [&str; 10] = [
    "AttachRolePolicy",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "GetRole",
    "PutRolePolicy",
    "UpdateAssumeRolePolicy",
    "UpdateRole",
    "UpdateRoleDescription",
];

impl Exchange<'_> {
    /// The state that a read sees.
    pub(super) fn view(&self) -> View {
        self.account.view(self.request.now)
    }

    pub(super) fn cursor(&self) -> Result<Cursor, AwsError> {
        Cursor::of(self.request, &self.settings.paging)
    }

    /// `arn:aws:iam::<account>:<resource>`.
    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:iam::{}:{resource}", self.request.account_id)
    }

    /// The role that `RoleName` names as a read sees it, once the caller may do `action` on it.
    pub(super) fn readable_role(&self, action: &str) -> Result<Arc<Role>, AwsError> {
        self.role(action, self.view(), |context| context)
    }

    /// The role that `RoleName` names in the newest state, once the caller may do `action` on it. `with` adds the
    /// condition keys of the action.
    pub(super) fn writable_role(&self, action: &str, with: impl FnOnce(Context) -> Context) -> Result<Role, AwsError> {
        self.role(action, View::Newest, with).map(|role| Role::clone(&role))
    }

    fn role(&self, action: &str, view: View, with: impl FnOnce(Context) -> Context) -> Result<Arc<Role>, AwsError> {
        let name = self.request.role_name()?;
        let role = self.account.roles.get(&key(name), view);
        let mut context = self.request.context();
        if let Some(role) = role {
            context = with_resource_tags(context, &role.tags);
            if let Some(boundary) = role.boundary.as_deref().filter(|_| SEES_BOUNDARY.contains(&action)) {
                context.insert("iam:PermissionsBoundary", [boundary]);
            }
        }
        // A role that is not there has no known path: asked about under the bare name, so that a caller whose policy
        // is limited to a path gets AccessDenied, not NoSuchEntity. UNSOURCED (AWS's refusal then says "role <name>").
        let arn = role.map_or_else(|| self.arn(&format!("role/{name}")), |role| role.arn.clone());
        self.request.authorize(action, &arn, &with(context))?;
        role.cloned().ok_or_else(|| no_such_role(name))
    }

    /// A managed policy of AWS or of this account, as `view` sees it.
    pub(super) fn managed(&self, arn: &str, view: View) -> Option<&ManagedPolicy> {
        self.catalogue
            .get(arn)
            .or_else(|| self.account.policies.get(arn, view).map(Arc::as_ref))
    }

    /// A boundary must be a managed policy that exists [IAM-model PutRolePermissionsBoundary]. Wording UNSOURCED (as
    /// users quote it).
    pub(super) fn check_boundary(&self, arn: &str) -> Result<(), AwsError> {
        limits::length("permissionsBoundary", arn, 20, 2_048)?;
        if !arn.starts_with("arn:") {
            return Err(invalid_input(format!("ARN {arn} is not valid.")));
        }
        if self.managed(arn, View::Newest).is_none() {
            return Err(no_such_entity(format!(
                "Scope ARN: {arn} does not exist or is not attachable."
            )));
        }
        Ok(())
    }

    /// A trust policy of the request: its text, syntax and size.
    pub(super) fn trust_document(&self, parameter: &str) -> Result<Document, AwsError> {
        let text = self.request.document(parameter)?;
        let value = policy::validate_trust(text)?;
        // [reference §2.1]. Whether white space counts is UNSOURCED: every character does, the stricter reading.
        let limit = self.account.quotas.trust_policy_size;
        if text.chars().count() > limit {
            return Err(quota("ACLSizePerRole", limit));
        }
        Ok(Document {
            text: text.to_owned(),
            value,
        })
    }

    /// An identity policy of the request: its text and syntax.
    pub(super) fn identity_document(&self, parameter: &str) -> Result<Document, AwsError> {
        let text = self.request.document(parameter)?;
        let value = policy::validate_identity(text)?;
        Ok(Document {
            text: text.to_owned(),
            value,
        })
    }

    /// As [`Self::identity_document`], within the size of a managed policy.
    pub(super) fn managed_document(&self, parameter: &str) -> Result<Document, AwsError> {
        let document = self.identity_document(parameter)?;
        let limit = self.account.quotas.managed_policy_size;
        if limits::counted_size(&document.text) > limit {
            return Err(limit_exceeded(format!("Cannot exceed quota for PolicySize: {limit}")));
        }
        Ok(document)
    }

    /// A document as it is read back: rewritten and percent-encoded.
    pub(super) fn read_back(&self, document: &Document) -> String {
        rewriting::encode(&self.settings.rewriting.apply(&document.text, &document.value))
    }

    /// The name at the end of a policy's ARN.
    pub(super) fn policy_name(arn: &str) -> &str {
        arn.rsplit('/').next().unwrap_or(arn)
    }

    /// `<PermissionsBoundary>` when there is one.
    pub(super) fn write_boundary(xml: &mut Xml, boundary: Option<&str>) {
        if let Some(arn) = boundary {
            xml.element("PermissionsBoundary", |xml| {
                xml.text("PermissionsBoundaryType", "Policy")
                    .text("PermissionsBoundaryArn", arn);
            });
        }
    }
}
