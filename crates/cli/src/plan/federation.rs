//! The operator's own plan for a federation, without a write.

use irsa_api::OidcFederation;
use irsa_aws::{Aws, CallerIdentity, Connect as _, Connection, SdkConnect};
use irsa_core::{
    history::{Advance, KeyRecord},
    instance::Seen,
    naming::FederationOwner,
    plan::{
        Step as _,
        federation::{DesiredFederation, FederationPlan, FederationStep, ObservedBucket, ObservedFederation},
    },
    vocabulary::{CLAIM, ConditionType, OBJECT_METADATA_INSTANCE, Reason},
};
use irsa_pipeline::{
    federation::{
        aws_errors::step_error,
        keys,
        observe::{aws::read, cluster::ObservedCluster, facts::PublishFacts},
        plan::{desired, scope},
        publish::external::External,
        validate::{ValidatedFederation, account::check_account, conflicts, validate},
    },
    spec::target::PublishTarget,
    step_error::StepError,
};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    report::{Made, ShownStep, in_words},
    surroundings::Live,
};
use crate::cluster::Cluster;

/// The steps for a federation. What an API server other than the one that was asked serves is not known: the operator may publish more,
/// and takes no key out that this does not.
///
/// # Errors
/// Why there are none, as the operator would say it.
pub(super) async fn of_federation(
    cluster: &Cluster,
    connect: &SdkConnect,
    live: &Live,
    federation: &OidcFederation,
    operator: &str,
) -> Result<Made, StepError> {
    let validated = validate(federation, &live.cluster)?;
    let location = &validated.location;
    let stored = cluster.key_record(operator, &location.record_name).await?;
    if stored.text.is_none() && is_published(federation) {
        let message = format!(
            "There is no ConfigMap {} in {operator}, although the federation is published; say where the operator is with \
             --operator-namespace.",
            location.record_name
        );
        return Err(StepError::new(
            ConditionType::KeysObserved,
            Reason::Progressing,
            message,
        ));
    }
    let seen = ObservedCluster::new(cluster.reading().await, stored)?;
    let own = Connection {
        // The role that the operator takes is not the role of whoever asks.
        assume_role: None,
        ..location.connection.clone()
    };
    let connected = connect.connect(&own).await;
    let aws = connected.map_err(|error| step_error(ConditionType::Published, &error))?;
    check_account(federation, &aws.caller().account)?;
    conflicts::check(federation, &aws.caller().account, &live.federations)?;
    let found = found(&aws, federation, &validated, &seen).await?;
    let published = found.jwks.as_ref().map(|document| document.bytes.as_slice());
    let advance = keys::advance(federation, &validated, &seen, published, Timestamp::now())?;
    check_alone(federation, &location.owner, seen.record.as_ref(), &found)?;
    let wanted = wanted(federation, &validated, &aws, &seen, &found, &advance)?;
    let external = match location.target {
        PublishTarget::S3(_) => None,
        PublishTarget::External => Some(External::check(&connect.public_reader(), location, &advance.keys).await),
    };
    let plan = FederationPlan::apply(&wanted, &found, None)
        .map_err(|refusal| StepError::new(refusal.aspect(), refusal.reason(), refusal.to_string()))?;
    let unpublished = external.as_ref().is_some_and(Result::is_err);
    let plan = if found.provider.is_none() && unpublished {
        plan.without_registration()
    } else {
        plan
    };
    let open = [
        seen.check(location).err(),
        external.and_then(Result::err),
        keys::check_any_left(&advance).err(),
        mismatch(&wanted, &found),
    ];
    Ok(Made {
        steps: plan.steps.iter().map(|step| shown(step, &found)).collect(),
        refused: open.iter().flatten().map(in_words).collect(),
        kept: Vec::new(),
    })
}

fn is_published(federation: &OidcFederation) -> bool {
    let status = federation.status.as_ref();
    status.is_some_and(|status| status.published.is_some())
}

/// What there is; without a bucket that is to be made there is nothing in it.
async fn found(
    aws: &impl Aws,
    federation: &OidcFederation,
    validated: &ValidatedFederation,
    seen: &ObservedCluster,
) -> Result<ObservedFederation, StepError> {
    let facts = PublishFacts::of(&validated.location, seen.record.as_ref(), is_published(federation));
    let mut found = read(aws, &validated.location, facts).await?;
    found.record.clone_from(&seen.stored.text);
    Ok(found)
}

fn wanted(
    federation: &OidcFederation,
    validated: &ValidatedFederation,
    aws: &impl Aws,
    seen: &ObservedCluster,
    found: &ObservedFederation,
    advance: &Advance,
) -> Result<DesiredFederation, StepError> {
    let mut record = advance.record.clone();
    if found.bucket == ObservedBucket::Missing {
        record.made_bucket = validated.location.target.bucket_name().map(str::to_owned);
    }
    // The first pass makes up a mark of the cluster's instance; it is not made up here.
    record.instance = seen.record.as_ref().and_then(|record| record.instance.clone());
    let instance = record.instance.clone();
    let location = &validated.location;
    desired(
        location,
        federation,
        aws.caller(),
        &advance.published,
        record.to_json(),
        instance.as_ref(),
    )
}

/// Whether the key set has another instance's mark: the operator stands back then.
fn check_alone(
    federation: &OidcFederation,
    owner: &FederationOwner,
    record: Option<&KeyRecord>,
    found: &ObservedFederation,
) -> Result<(), StepError> {
    let instance = record.and_then(|record| record.instance.as_ref());
    let (Some(instance), Some(object)) = (instance, &found.jwks) else {
        return Ok(());
    };
    let seen = Seen {
        label: object.metadata.get(OBJECT_METADATA_INSTANCE).map(String::as_str),
        bytes: &object.bytes,
        trusted: true,
        diverted: false,
    };
    let Some(rival) = instance.rival(&scope(owner), &seen) else {
        return Ok(());
    };
    if federation.annotations().get(CLAIM).is_some_and(|claim| claim == rival) {
        return Ok(());
    }
    let message =
        "Another instance of this cluster has put its mark on the key set; see the federation's condition Published.";
    Err(StepError::new(ConditionType::Published, Reason::ClusterCopied, message))
}

/// What is wrong with a provider that somebody else keeps.
fn mismatch(wanted: &DesiredFederation, found: &ObservedFederation) -> Option<StepError> {
    let mismatch = wanted.provider.check_existing(found.provider.as_ref()).err()?;
    let aspect = ConditionType::ProviderRegistered;
    Some(StepError::new(aspect, Reason::ProviderMismatch, mismatch.to_string()))
}

/// A step, with what it writes and what is there now. The record of keys has a secret of the cluster's instance in it, and is not shown.
fn shown(step: &FederationStep, found: &ObservedFederation) -> ShownStep {
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    let (after, before) = match step {
        FederationStep::PutDocument { kind, document, .. } => {
            let before = found.document(*kind);
            (parsed(&document.bytes), before.and_then(|before| parsed(&before.bytes)))
        }
        FederationStep::PutBucketPolicy { policy } => {
            let before = found.bucket_policy.as_ref();
            (
                parsed(policy.as_bytes()),
                before.and_then(|before| parsed(before.as_bytes())),
            )
        }
        FederationStep::CreateProvider {
            client_ids,
            thumbprints,
            tags,
        } => (
            Some(json!({"clientIds": client_ids, "thumbprints": thumbprints, "tags": tags})),
            None,
        ),
        _ => (None, None),
    };
    ShownStep {
        what: format!("{} {step}", step.action()),
        after,
        before,
    }
}
