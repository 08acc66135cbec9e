//! What should be, by the objects of the cluster: whose role, through which provider, with which audience.

use irsa_api::{IamRoleBinding, OidcFederation, vocabulary::ConditionType};
use irsa_core::{
    explain::Expectation,
    issuer::IssuerUrl,
    naming::{account_of, partition_of, partition_of_region},
    text::plain,
    trust::{Audience, NonEmptySet, Subject},
};
use irsa_pipeline::{object::Managed, spec::federation_view::connection};
use kube::ResourceExt;

use super::{
    diagnosis::{ExaminedObject, Line, LineResult},
    subject::BoundAccount,
};

/// Whom the diagnosis is about.
pub(super) fn about(subject: &BoundAccount) -> ExaminedObject {
    let binding = subject.binding.as_ref().ok().and_then(Option::as_ref);
    ExaminedObject {
        namespace: Some(subject.namespace.clone()),
        pod: subject
            .pod
            .as_ref()
            .and_then(|pod| Some(pod.pointer("/metadata/name")?.as_str()?.to_owned())),
        service_account: Some(subject.account.clone()),
        binding: binding.map(ResourceExt::name_any),
        ready: binding.map(ready_in_words),
        federation: binding.map(|binding| binding.spec.federation_ref.name.clone()),
        role: binding.and_then(role_arn),
    }
}

/// The role that the operator has made, or has found to be good.
fn role_arn(binding: &IamRoleBinding) -> Option<String> {
    binding.status.as_ref()?.role_arn.clone()
}

/// What is wrong before anything can be checked: there is no role to be asked for.
fn stop(check: &'static str, title: &'static str, message: String, fix: Option<String>) -> Line {
    Line {
        check,
        title,
        result: if fix.is_some() {
            LineResult::Fail
        } else {
            LineResult::Unknown
        },
        message: plain(&message),
        fix,
        stops: true,
    }
}

/// What the objects say should be.
///
/// # Errors
/// What is wrong, or not known, before there is a role to ask for.
pub(super) fn expectation(subject: &BoundAccount) -> Result<Expectation, Line> {
    let (namespace, account) = (&subject.namespace, &subject.account);
    let bound = |message, fix| stop("bound", "An IamRoleBinding names the ServiceAccount", message, fix);
    let binding = match &subject.binding {
        Ok(Some(binding)) => binding,
        Ok(None) => {
            let message = format!("No IamRoleBinding of the namespace {namespace} names the ServiceAccount {account}.");
            let fix = format!(
                "Name {account} in the spec.serviceAccounts of a binding in {namespace}, or have the pod use a ServiceAccount that is."
            );
            return Err(bound(message, Some(fix)));
        }
        Err(unseen) => {
            return Err(bound(
                format!("The bindings of {namespace} cannot be listed: {unseen}."),
                None,
            ));
        }
    };
    let name = &binding.spec.federation_ref.name;
    let there = |message, fix| stop("federation", "The binding's OidcFederation is there", message, fix);
    let federation = match &subject.federation {
        Ok(Some(federation)) => federation,
        Ok(None) => {
            let fix = "Create it, or correct spec.federationRef of the binding.".to_owned();
            return Err(there(format!("There is no OidcFederation {name}."), Some(fix)));
        }
        Err(unseen) => {
            return Err(there(
                format!("The OidcFederation {name} cannot be read: {unseen}."),
                None,
            ));
        }
    };
    let made = |message| {
        let fix = "See to what the condition says; docs/runbooks explains each reason.".to_owned();
        stop("role-made", "The binding has a role", message, Some(fix))
    };
    let Some(role_arn) = role_arn(binding) else {
        return Err(made(format!(
            "The binding {} has no role yet: {}",
            binding.name_any(),
            ready_in_words(binding)
        )));
    };
    let issuer = IssuerUrl::parse(&federation.spec.issuer).map_err(|error| made(format!("{error}.")))?;
    let given = match binding.spec.audiences.as_slice() {
        [] => federation.spec.audiences.iter().take(1).collect::<Vec<_>>(),
        given => given.iter().collect(),
    };
    let audiences = given.into_iter().map(|audience| Audience::new(audience.as_str()));
    let audiences = audiences
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| made(format!("{error}.")))?;
    let first = audiences.first().cloned();
    let (Some(audience), Some(audiences)) = (first, NonEmptySet::new(audiences)) else {
        return Err(made("The federation has no audience.".to_owned()));
    };
    let token_subject = Subject::new(namespace, account).map_err(|error| made(format!("{error}.")))?;
    Ok(Expectation {
        provider_arn: provider_arn(federation, &issuer, Some(&role_arn)).unwrap_or_default(),
        issuer,
        role_arn,
        subject: token_subject,
        audiences,
        audience,
    })
}

/// The condition `Ready` of an object.
pub(super) fn ready_in_words<K: Managed>(object: &K) -> String {
    object.condition(ConditionType::Ready).map_or_else(
        || "the operator has not looked at it.".to_owned(),
        |ready| format!("Ready={}, {}: {}", ready.status, ready.reason, ready.message),
    )
}

/// As registered, or as it would be in the account of this role; `None` where nothing says which account that is.
pub(crate) fn provider_arn(federation: &OidcFederation, issuer: &IssuerUrl, role: Option<&str>) -> Option<String> {
    let registered = federation
        .status
        .as_ref()
        .and_then(|status| status.provider_arn.clone());
    registered.or_else(|| {
        let aws = &federation.spec.aws;
        let assumed = aws.assume_role.as_ref().map(|role| role.arn.as_str());
        let account = role
            .and_then(account_of)
            .or(aws.account_id.as_deref())
            .or(assumed.and_then(account_of))?;
        let region = connection(federation).region;
        let partition = role.and_then(partition_of).unwrap_or(partition_of_region(&region));
        Some(issuer.provider_arn(partition, account))
    })
}

/// The account of a federation, as far as anybody knows.
pub(crate) fn account(federation: &OidcFederation) -> Option<String> {
    let found_out = federation.status.as_ref().and_then(|status| status.account_id.clone());
    let spec = &federation.spec.aws;
    let assumed = spec.assume_role.as_ref().and_then(|role| account_of(&role.arn));
    found_out
        .or_else(|| spec.account_id.clone())
        .or_else(|| assumed.map(str::to_owned))
}
