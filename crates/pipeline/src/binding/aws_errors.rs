//! From errors of AWS and Kubernetes to what a binding's conditions say of them.

use irsa_aws::{AwsError, Kind};
use irsa_core::{
    naming::RoleName,
    plan::{Step, binding::RoleStep},
    refusal::ApiRequest,
    vocabulary::{ConditionType, Reason},
};

use crate::{
    aws_errors,
    kube_errors::{self, CLUSTER_ROLE},
    step_error::StepError,
};

/// The quota on a trust policy as IAM names it in a refusal.
const TRUST_QUOTA: &str = "ACLSizePerRole";

/// Whether the quota that a step met is the trust policy's: a creation may meet the account's number of roles, too.
fn is_of_trust(step: &RoleStep, error: &AwsError) -> bool {
    match step {
        RoleStep::UpdateTrust { .. } => true,
        RoleStep::CreateRole { .. } => error.message.contains(TRUST_QUOTA),
        _ => false,
    }
}

/// A call that failed for a reason that has nothing to do with what it was about.
pub fn step_error(aspect: ConditionType, error: &AwsError) -> StepError {
    let reason = match error.kind() {
        // Whose account is wrong is the federation's to say.
        Kind::WrongAccount => Reason::FederationNotReady,
        Kind::DeleteConflict => Reason::RoleInUse,
        kind => aws_errors::reason(kind),
    };
    StepError::new(aspect, reason, aws_errors::in_words(error))
}

/// A step that AWS refused: what it was about says more than the error alone.
pub fn refused(role: &RoleName, step: &RoleStep, error: &AwsError) -> StepError {
    explained(role, step, error).unwrap_or_else(|| step_error(step.aspect(), error))
}

fn explained(role: &RoleName, step: &RoleStep, error: &AwsError) -> Option<StepError> {
    let (reason, message) = match (error.kind(), step) {
        (Kind::AlreadyExists, RoleStep::CreateRole { .. }) => {
            let message = format!("The role {role} exists, and IAM does not show it everywhere yet.");
            (Reason::Propagating, message)
        }
        (
            Kind::NotFound,
            RoleStep::CreateRole {
                boundary: Some(arn), ..
            }
            | RoleStep::PutBoundary { arn },
        ) => {
            let message = format!(
                "The permissions boundary {arn} does not exist; whoever owns the federation must create it or correct \
                 spec.bindings.permissionsBoundary."
            );
            (Reason::FederationNotReady, message)
        }
        (Kind::NotFound, RoleStep::Attach { arn }) if error.message.contains(arn.as_str()) => {
            let message = format!("spec.policies.managed: the policy {arn} does not exist; correct it or create it.");
            (Reason::InvalidSpec, message)
        }
        (Kind::NotFound, _) => {
            let message = format!("IAM does not show the role {role} everywhere yet, or somebody has just deleted it.");
            (Reason::Propagating, message)
        }
        (Kind::MalformedPolicy, RoleStep::PutInline { name, .. }) => (
            Reason::MalformedPolicy,
            format!("spec.policies.inline: AWS refuses the policy {name}: {error}."),
        ),
        (Kind::MalformedPolicy, _) => (
            Reason::InvalidSpec,
            format!("AWS refuses the trust policy of role {role}: {error}."),
        ),
        (Kind::LimitExceeded, step) if is_of_trust(step, error) => {
            let message = format!(
                "The trust policy is over the account's quota; bind fewer ServiceAccounts, or lower the operator's \
                 --trust-policy-quota to it: {error}."
            );
            (Reason::TrustPolicyTooLarge, message)
        }
        (Kind::DeleteConflict, RoleStep::DeleteRole) => {
            let message = format!(
                "AWS does not delete the role {role} while something else uses it, an instance profile for example; \
                 remove it from there: {error}."
            );
            (Reason::RoleInUse, message)
        }
        _ => return None,
    };
    Some(StepError::new(step.aspect(), reason, message))
}

/// The Kubernetes API refused something about a ServiceAccount, or could not be reached.
pub fn kubernetes_error(action: &str, account: &str, error: kube::Error) -> StepError {
    let object = format!("the ServiceAccount {account}");
    let remedy = if action == "create" {
        "give it by spec.serviceAccountTemplate what that rule asks for"
    } else {
        "have the ServiceAccount meet that rule; one that this binding made, by spec.serviceAccountTemplate"
    };
    let request = ApiRequest {
        action,
        object: &object,
        role: CLUSTER_ROLE,
        remedy: Some(remedy),
    };
    kube_errors::step_error(ConditionType::ServiceAccountsSynced, &request, error)
}

#[cfg(test)]
mod tests {
    use irsa_core::naming::{PolicyArn, Tags};

    use super::*;

    fn refusal(kind: Kind, message: &str, step: &RoleStep) -> StepError {
        let error = AwsError {
            operation: "iam:Call",
            resource: "p-ns.app".to_owned(),
            code: "Code".to_owned(),
            message: message.to_owned(),
            kind,
        };
        refused(&RoleName::new("p-ns.app").unwrap(), step, &error)
    }

    fn attach() -> RoleStep {
        RoleStep::Attach {
            arn: PolicyArn::observed("arn:aws:iam::aws:policy/X"),
        }
    }

    #[test]
    fn a_missing_policy_is_the_specs_fault_and_a_missing_role_is_not() {
        let missing = refusal(
            Kind::NotFound,
            "Policy arn:aws:iam::aws:policy/X does not exist",
            &attach(),
        );
        assert_eq!(
            (missing.reason, missing.aspect),
            (Reason::InvalidSpec, ConditionType::PoliciesSynced)
        );
        let hidden = refusal(
            Kind::NotFound,
            "The role with name p-ns.app cannot be found.",
            &attach(),
        );
        assert_eq!(hidden.reason, Reason::Propagating);
    }

    #[test]
    fn a_missing_boundary_is_the_federations_fault() {
        let step = RoleStep::PutBoundary {
            arn: "arn:b".to_owned(),
        };
        let failure = refusal(Kind::NotFound, "", &step);
        assert_eq!(
            (failure.reason, failure.aspect),
            (Reason::FederationNotReady, ConditionType::RoleSynced)
        );
        assert!(failure.message.contains("arn:b"), "{}", failure.message);
    }

    #[test]
    fn a_creation_tells_the_quota_of_its_trust_policy_from_that_of_roles() {
        let create = RoleStep::CreateRole {
            path: String::new(),
            trust: String::new(),
            tags: Tags::new(),
            boundary: None,
            description: String::new(),
            max_session_seconds: 3600,
        };
        let reason = |quota: &str| {
            let message = format!("Cannot exceed quota for {quota}: 1");
            refusal(Kind::LimitExceeded, &message, &create).reason
        };
        assert_eq!(reason("ACLSizePerRole"), Reason::TrustPolicyTooLarge);
        assert_eq!(reason("RolesPerAccount"), Reason::QuotaExceeded);
    }

    #[test]
    fn documents_that_aws_refuses_are_told_apart() {
        let inline = RoleStep::PutInline {
            name: "p".to_owned(),
            document: String::new(),
        };
        let trust = RoleStep::UpdateTrust { trust: String::new() };
        assert_eq!(
            refusal(Kind::MalformedPolicy, "", &inline).reason,
            Reason::MalformedPolicy
        );
        assert_eq!(refusal(Kind::MalformedPolicy, "", &trust).reason, Reason::InvalidSpec);
        assert_eq!(
            refusal(Kind::LimitExceeded, "", &trust).reason,
            Reason::TrustPolicyTooLarge
        );
        assert_eq!(refusal(Kind::LimitExceeded, "", &inline).reason, Reason::QuotaExceeded);
    }

    #[test]
    fn a_refused_call_names_action_resource_and_remedy() {
        let message = "because no identity-based policy allows the iam:Call action";
        let failure = refusal(Kind::AccessDenied, message, &attach());
        assert_eq!(
            failure.message,
            "AWS refused iam:Call on p-ns.app: Code (because no identity-based policy allows the iam:Call action); allow \
             iam:Call in the operator's IAM policy (docs/iam-policy.md)."
        );
        let above = "with an explicit deny in a service control policy";
        let failure = refusal(Kind::AccessDenied, above, &attach());
        assert_eq!(failure.reason, Reason::AccessDenied);
        assert!(
            failure.message.contains("organisation's service control policies"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn an_answer_that_is_not_awss_is_the_endpoints_trouble() {
        let message = "the endpoint answered 405 with text/html, which is no answer of IAM's";
        for step in [attach(), RoleStep::UpdateTrust { trust: String::new() }] {
            let failure = refusal(Kind::NotAws, message, &step);
            assert_eq!(failure.reason, Reason::AwsUnavailable);
            assert!(failure.message.contains("AWS_ENDPOINT_URL"), "{}", failure.message);
        }
    }
}
