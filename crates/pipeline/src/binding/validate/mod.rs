//! A binding's spec, valid: the role and the ServiceAccounts that it wants, or what is wrong with it.

pub mod account;
pub mod admit;
pub mod conflicts;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use irsa_api::{Adoption, DeletionPolicy, IamRoleBinding, ServiceAccountMode};
use irsa_core::{
    admission::{AdmissionRefusal, AdmissionRequest, Guardrails, Labels},
    naming::{Owner, PolicyArn, RoleName, role_tags},
    plan::binding::{AccountTemplate, DesiredAccount, DesiredRole, ObservedRole},
    policy_document::{self, InlineLimits},
    text::sentence,
    trust::{Audience, DEFAULT_TRUST_QUOTA, NonEmptySet, Subject, TrustPolicy},
    vocabulary::{CANARY_SERVICE_ACCOUNT, ConditionType, Reason},
};
use kube::ResourceExt;

use crate::{
    object::Managed,
    spec::{
        federation_view::{FederationState, Provider, Usage},
        guardrails::whole_seconds,
        identity::{owner, role_name},
        pods::pods,
    },
    step_error::StepError,
};

/// AWS quotas that an account may have raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters of a trust policy.
    pub trust_characters: usize,
    /// Inline policies.
    pub inline: InlineLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            trust_characters: DEFAULT_TRUST_QUOTA,
            inline: InlineLimits::default(),
        }
    }
}

/// What a binding wants, valid and in our own terms.
#[derive(Debug)]
pub struct ValidatedBinding {
    /// The role.
    pub role: DesiredRole,
    /// The token subjects that it trusts.
    pub subjects: Vec<String>,
    /// The token audiences that it trusts.
    pub audiences: BTreeSet<String>,
    /// Size of the trust policy in characters; all of them are ASCII.
    pub trust_size: usize,
    given_name: bool,
    own_tags: BTreeSet<String>,
    retain: bool,
}

/// The provider to make a binding true through, if its federation can be used for it now.
pub fn usable<'a>(state: &'a FederationState, binding: &IamRoleBinding) -> Result<&'a Provider, StepError> {
    let name = &binding.spec.federation_ref.name;
    let refuse = |reason, message| Err(StepError::new(ConditionType::FederationReady, reason, message));
    match state {
        FederationState::Usable(provider) => Ok(provider),
        FederationState::Unproven(provider) if binding.is_true(ConditionType::FederationReady) => Ok(provider),
        FederationState::Unproven(_) | FederationState::Unregistered => {
            let message = format!("The OidcFederation {name} is not ready yet; its own conditions say why.");
            refuse(Reason::FederationNotReady, message)
        }
        FederationState::Stalled => {
            let message = format!("The spec of OidcFederation {name} must be corrected first; its conditions say how.");
            refuse(Reason::FederationNotReady, message)
        }
        FederationState::Deleting => {
            let message = format!("The OidcFederation {name} is being deleted; delete this binding too.");
            refuse(Reason::FederationNotReady, message)
        }
    }
}

/// What the binding wants of its federation.
pub fn validate(
    binding: &IamRoleBinding,
    usage: &Usage,
    provider: &Provider,
    cluster: &str,
    limits: Limits,
) -> Result<ValidatedBinding, StepError> {
    let trust = trust(binding, usage, provider)?;
    let document = trust
        .render(limits.trust_characters)
        .map_err(|error| StepError::new(ConditionType::RoleSynced, Reason::TrustPolicyTooLarge, sentence(&error)))?;
    let role = &binding.spec.role;
    let policies = &binding.spec.policies;
    let owner = owner(binding, cluster);
    let tags = role_tags(&owner, &binding.uid().unwrap_or_default(), &usage.tags, &role.tags)
        .map_err(|error| invalid(ConditionType::RoleSynced, "spec.role.tags", &error))?;
    let name = name(binding, &usage.guardrails)?;
    template(binding)?;
    Ok(ValidatedBinding {
        role: DesiredRole {
            name,
            path: usage.role_path.clone(),
            trust: document.as_str().to_owned(),
            tags,
            ignored_tags: usage.guardrails.ignored_tags.clone(),
            tenant_tags: usage.guardrails.allowed_tag_keys.clone(),
            boundary: usage.guardrails.permissions_boundary.clone(),
            description: role.description.clone().unwrap_or_else(|| default_description(&owner)),
            max_session_seconds: whole_seconds(role.max_session_duration),
            managed: managed(&policies.managed, &provider.partition)?,
            inline: inline(binding, limits.inline)?,
            exclusive: policies.exclusive,
            adopt: role.adopt == Adoption::IfTagged,
            owner,
        },
        subjects: trust.subjects.iter().map(Subject::to_string).collect(),
        audiences: trust.audiences.iter().map(Audience::to_string).collect(),
        trust_size: document.size(),
        given_name: role.name.is_some(),
        own_tags: role.tags.keys().cloned().collect(),
        retain: binding.spec.deletion_policy == DeletionPolicy::Retain,
    })
}

impl ValidatedBinding {
    /// Whether the guard-rails allow what the binding wants.
    pub fn admit(&self, guardrails: &Guardrails, labels: &Labels, older_roles: u32) -> Result<(), AdmissionRefusal> {
        let inline = self.role.inline.keys().cloned().collect();
        guardrails.admit(&self.request(&self.role.managed, &inline, labels, older_roles))
    }

    /// Whether the guard-rails allow what the role will have, policies included that it has and that stay.
    pub fn admit_kept(
        &self,
        role: &ObservedRole,
        guardrails: &Guardrails,
        labels: &Labels,
        older_roles: u32,
    ) -> Result<(), AdmissionRefusal> {
        if self.role.exclusive || !self.role.may_take(&role.tags) {
            return Ok(());
        }
        let managed = self.role.managed.union(&role.giving_attached()).cloned().collect();
        let kept = role.giving_inline();
        let inline = self.role.inline.keys().chain(kept.into_keys()).cloned().collect();
        guardrails.admit(&self.request(&managed, &inline, labels, older_roles))
    }

    fn request<'a>(
        &'a self,
        managed: &'a BTreeSet<PolicyArn>,
        inline: &'a BTreeSet<String>,
        namespace_labels: &'a Labels,
        older_roles: u32,
    ) -> AdmissionRequest<'a> {
        AdmissionRequest {
            namespace: &self.role.owner.namespace,
            namespace_labels,
            given_name: self.given_name.then_some(&self.role.name),
            managed,
            inline,
            tag_keys: &self.own_tags,
            retain: self.retain,
            session_seconds: self.role.max_session_seconds,
            audiences: &self.audiences,
            older_roles,
        }
    }
}

/// What the binding wants of each of its ServiceAccounts once the role exists; none with mode `None`. `federations` are the
/// ids of those of this cluster.
pub fn accounts(
    binding: &IamRoleBinding,
    role_arn: &str,
    usage: &Usage,
    federations: Arc<BTreeSet<String>>,
) -> Result<BTreeMap<String, DesiredAccount>, StepError> {
    let mode = binding.spec.service_account_mode;
    let audience = binding.spec.audiences.first().unwrap_or(&usage.default_audience);
    let desired = DesiredAccount {
        binding: binding.name_any(),
        role_arn: role_arn.to_owned(),
        audience: audience.clone(),
        pods: pods(binding, &usage.pods),
        create: mode == ServiceAccountMode::Create,
        template: template(binding)?,
        federations,
    };
    let named = binding
        .spec
        .service_accounts
        .iter()
        .filter(|_| mode != ServiceAccountMode::None);
    Ok(named.map(|account| (account.name.clone(), desired.clone())).collect())
}

/// What the ServiceAccounts that the binding creates carry.
pub fn template(binding: &IamRoleBinding) -> Result<AccountTemplate, StepError> {
    let aspect = ConditionType::ServiceAccountsSynced;
    let Some(template) = &binding.spec.service_account_template else {
        return Ok(AccountTemplate::default());
    };
    if binding.spec.service_account_mode != ServiceAccountMode::Create {
        let message = "spec.serviceAccountTemplate is for ServiceAccounts that are created; set spec.serviceAccountMode: Create, \
                       or leave it out.";
        return Err(StepError::new(aspect, Reason::InvalidSpec, message));
    }
    AccountTemplate::new(
        &template.labels,
        &template.annotations,
        template.automount_service_account_token,
    )
    .map_err(|error| invalid(aspect, "spec.serviceAccountTemplate", &error))
}

/// The trust that the binding needs.
pub fn trust(binding: &IamRoleBinding, usage: &Usage, provider: &Provider) -> Result<TrustPolicy, StepError> {
    let namespace = binding.namespace().unwrap_or_default();
    let role = ConditionType::RoleSynced;
    let mut named = binding.spec.service_accounts.iter();
    if named.any(|account| account.name == CANARY_SERVICE_ACCOUNT) {
        let message = format!("spec.serviceAccounts: {CANARY_SERVICE_ACCOUNT} is never bound; remove it.");
        return Err(StepError::new(role, Reason::InvalidSpec, message));
    }
    let subjects = binding
        .spec
        .service_accounts
        .iter()
        .map(|account| Subject::new(&namespace, &account.name))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(role, "spec.serviceAccounts", &error))?;
    let named = if binding.spec.audiences.is_empty() {
        std::slice::from_ref(&usage.default_audience)
    } else {
        &binding.spec.audiences
    };
    let audiences = named
        .iter()
        .map(Audience::new)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| invalid(role, "spec.audiences", &error))?;
    let empty = |field: &str| {
        StepError::new(
            role,
            Reason::InvalidSpec,
            format!("{field} is empty; name at least one."),
        )
    };
    Ok(TrustPolicy {
        providers: NonEmptySet::one(provider.trust.clone()),
        subjects: NonEmptySet::new(subjects).ok_or_else(|| empty("spec.serviceAccounts"))?,
        audiences: NonEmptySet::new(audiences).ok_or_else(|| empty("spec.audiences"))?,
    })
}

fn name(binding: &IamRoleBinding, guardrails: &Guardrails) -> Result<RoleName, StepError> {
    role_name(binding, &guardrails.role_name_prefix).ok_or_else(|| {
        let message = "spec.role.name is not a role name; use 1 to 64 letters, digits and the characters _+=,.@-.";
        StepError::new(ConditionType::RoleSynced, Reason::InvalidSpec, message)
    })
}

fn managed(names: &[String], partition: &str) -> Result<BTreeSet<PolicyArn>, StepError> {
    names
        .iter()
        .map(|name| PolicyArn::resolve(name, partition))
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(ConditionType::PoliciesSynced, "spec.policies.managed", &error))
}

fn inline(binding: &IamRoleBinding, limits: InlineLimits) -> Result<BTreeMap<String, String>, StepError> {
    let documents: Vec<_> = binding
        .spec
        .policies
        .inline
        .iter()
        .map(|policy| (policy.name.as_str(), serde_json::Value::Object(policy.document.clone())))
        .collect();
    let checked = policy_document::check(documents.iter().map(|(name, document)| (*name, document)), limits).map_err(
        |error| {
            StepError::new(
                ConditionType::PoliciesSynced,
                Reason::MalformedPolicy,
                format!("{error}."),
            )
        },
    )?;
    Ok(checked
        .into_iter()
        .map(|policy| (policy.name, policy.document))
        .collect())
}

fn default_description(owner: &Owner) -> String {
    format!("IamRoleBinding {}/{} of irsa-anywhere", owner.namespace, owner.name)
}

fn invalid(aspect: ConditionType, field: &str, error: &dyn std::error::Error) -> StepError {
    StepError::new(aspect, Reason::InvalidSpec, format!("{field}: {error}."))
}
