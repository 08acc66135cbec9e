//! From errors of AWS and Kubernetes to what a binding's conditions say of them.

use irsa_aws::{AwsError, Kind};
use irsa_core::{
    naming::RoleName,
    plan::binding::BindingStep,
    vocabulary::{ConditionType, Reason},
};

use super::halt::Halt;

/// A call that failed for a reason that has nothing to do with what it was about.
pub(crate) fn halt(aspect: ConditionType, error: &AwsError) -> Halt {
    Halt::new(aspect, reason(error.kind()), format!("{error}."))
}

const fn reason(kind: Kind) -> Reason {
    match kind {
        Kind::AccessDenied => Reason::AccessDenied,
        Kind::WrongAccount => Reason::FederationNotReady,
        Kind::Throttled => Reason::Throttled,
        Kind::LimitExceeded => Reason::QuotaExceeded,
        Kind::Conflict | Kind::NotFound | Kind::AlreadyExists | Kind::PreconditionFailed => Reason::WriteConflict,
        Kind::DeleteConflict => Reason::RoleInUse,
        Kind::MalformedPolicy => Reason::MalformedPolicy,
        Kind::InvalidInput => Reason::InvalidSpec,
        _ => Reason::AwsUnavailable,
    }
}

/// A step that AWS refused: what it was about says more than the error alone.
pub(crate) fn refused(role: &RoleName, step: &BindingStep, error: &AwsError) -> Halt {
    explained(role, step, error).unwrap_or_else(|| halt(step.aspect(), error))
}

fn explained(role: &RoleName, step: &BindingStep, error: &AwsError) -> Option<Halt> {
    let (reason, message) = match (error.kind(), step) {
        (Kind::AlreadyExists, BindingStep::CreateRole { .. }) => {
            let message = format!("The role {role} exists, and IAM does not show it everywhere yet.");
            (Reason::Propagating, message)
        }
        (
            Kind::NotFound,
            BindingStep::CreateRole {
                boundary: Some(arn), ..
            }
            | BindingStep::PutBoundary { arn },
        ) => {
            let message = format!(
                "The permissions boundary {arn} does not exist; whoever owns the federation must create it or correct \
                 spec.bindings.permissionsBoundary."
            );
            (Reason::FederationNotReady, message)
        }
        (Kind::NotFound, BindingStep::Attach { arn }) if error.to_string().contains(arn.as_str()) => {
            let message = format!("spec.policies.managed: the policy {arn} does not exist; correct it or create it.");
            (Reason::InvalidSpec, message)
        }
        (Kind::NotFound, _) => {
            let message = format!("IAM does not show the role {role} everywhere yet, or somebody has just deleted it.");
            (Reason::Propagating, message)
        }
        (Kind::MalformedPolicy, BindingStep::PutInline { name, .. }) => (
            Reason::MalformedPolicy,
            format!("spec.policies.inline: AWS refuses the policy {name}: {error}."),
        ),
        (Kind::MalformedPolicy, _) => (
            Reason::InvalidSpec,
            format!("AWS refuses the trust policy of role {role}: {error}."),
        ),
        (Kind::LimitExceeded, BindingStep::UpdateTrust { .. }) => {
            let message = format!("The trust policy is over the account's quota; bind fewer ServiceAccounts: {error}.");
            (Reason::TrustPolicyTooLarge, message)
        }
        (Kind::DeleteConflict, BindingStep::DeleteRole) => {
            let message = format!(
                "AWS does not delete the role {role} while something else uses it, an instance profile for example; \
                 remove it from there: {error}."
            );
            (Reason::RoleInUse, message)
        }
        _ => return None,
    };
    Some(Halt::new(step.aspect(), reason, message))
}

/// The Kubernetes API refused something about a ServiceAccount, or could not be reached.
pub(crate) fn kubernetes_halt(account: &str, error: &kube::Error) -> Halt {
    let aspect = ConditionType::ServiceAccountsSynced;
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            let message = format!(
                "The Kubernetes API does not let the operator change the ServiceAccount {account}: {}; extend the \
                 operator's ClusterRole.",
                status.message.trim_end_matches('.')
            );
            Halt::new(aspect, Reason::AccessDenied, message)
        }
        kube::Error::Api(status) if status.is_conflict() => {
            let message = format!("The ServiceAccount {account} was changed by somebody else at the same moment.");
            Halt::new(aspect, Reason::WriteConflict, message)
        }
        _ => {
            let message = format!("The Kubernetes API could not be asked about the ServiceAccount {account}.");
            Halt::new(aspect, Reason::ApiServerUnavailable, message)
        }
    }
}
