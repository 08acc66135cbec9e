//! Finding out whether this cluster is the only one of its UID that works on a federation's things, and standing back while
//! it may not be. The judgement is [`irsa_core::instance`]'s.

use std::time::Duration;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{
    documents,
    history::{Advance, KeyRecord},
    instance::{Fresh, Instance, Look, Move, Phase, Seen as SeenObject},
    naming::FederationOwner,
    plan::federation::{FederationPlan, FederationStep, ObservedDocument, ObservedFederation},
    published::is_known,
    vocabulary::{CLAIM, ConditionType, OBJECT_METADATA_INSTANCE, Reason},
};
use irsa_pipeline::{
    federation::{
        conclude::{Comparison, fill_status},
        execute::Done,
        observe::{api_servers::ApiServers, cluster::ObservedCluster},
        plan::scope,
        validate::ValidatedFederation,
    },
    object::ObjectKey,
    step_error::{Draft, StepError},
};
use kube::ResourceExt;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;

use super::{federations::DOCUMENT_CHECK, federations::Federations};
use crate::{instances::InstanceVerdict, leadership::Leadership};

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    pub(super) async fn judge_instance(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        record: Option<&KeyRecord>,
        found: &ObservedFederation,
        advance: &Advance,
    ) -> Result<Move, StepError> {
        let instance = record.and_then(|record| record.instance.as_ref());
        let object = found
            .jwks
            .as_ref()
            .filter(|object| found.established || validated.location.owner.owns_document(&object.metadata));
        let scope = scope(&validated.location.owner);
        let diverted = found.discovery.as_ref().is_some_and(|discovery| {
            let ours = documents::discovery(&validated.location.issuer, &advance.published);
            keys_address(&discovery.bytes) != keys_address(&ours)
        });
        let object = object.map(|object| SeenObject {
            label: label_of(object),
            bytes: &object.bytes,
            trusted: is_known(&object.bytes, &advance.keys),
            diverted,
        });
        let challenge = instance.and_then(|instance| match &instance.phase {
            Phase::Challenging { challenge } => Some(challenge),
            Phase::Alone | Phase::Objecting { .. } | Phase::Yielding { .. } => None,
        });
        let stands = challenge.filter(|_| {
            let asked = instance
                .zip(object)
                .map(|(instance, object)| instance.label(&scope, object.bytes));
            asked.is_some() && asked.as_deref() == object.and_then(|object| object.label)
        });
        let waited = stands.is_some_and(|challenge| {
            let since = self.memory.challenge_stands(&ObjectKey::of(federation), challenge);
            since >= patience(federation)
        });
        let continuous = self.instances.is_alone(&federation.name_any());
        let look = Look {
            federation: &scope,
            record: instance,
            servers: self.instances.servers().await?,
            continuous,
            seen: object,
            waited,
            claim: federation.annotations().get(CLAIM).map(String::as_str),
        };
        Ok(look.judge(&fresh()?))
    }

    /// Does the little that may be done while somebody else may work on the same things, and says so; `None` where nobody
    /// does.
    pub(super) async fn stand_back(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        seen: &ObservedCluster,
        aws: &C::Aws,
        compared: &Comparison,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Option<StepError> {
        let name = federation.name_any();
        let decided = &compared.instance;
        let instance = decided.instance();
        if decided.proceeds() {
            self.instances.conclude(&name, InstanceVerdict::Alone);
            return None;
        }
        let failure = StepError::new(ConditionType::Published, Reason::ClusterCopied, in_words(instance));
        let verdict = InstanceVerdict::Doubtful {
            message: failure.message.clone(),
            contender: instance.contender().to_owned(),
        };
        self.instances.conclude(&name, verdict);
        draft.look_again = Some(DOCUMENT_CHECK);
        let steps = match self.steps_while_in_doubt(federation, compared) {
            Ok(steps) => steps,
            Err(failure) => return Some(failure),
        };
        let mut done = Done::default();
        let executor = self.executor(aws, &validated.location, &seen.stored);
        let executed = executor.execute(&steps, &mut done).await;
        if matches!(decided, Move::Defend(_)) {
            self.announce_tampering(federation, compared, &done).await;
            // What was written is what the next pass takes for ours.
            let failed = done.failed(&steps, &executed);
            fill_status(&mut draft.status, &validated.location, compared, &done, failed);
        }
        Some(executed.err().unwrap_or(failure))
    }

    fn steps_while_in_doubt(
        &self,
        federation: &OidcFederation,
        compared: &Comparison,
    ) -> Result<Vec<FederationStep>, StepError> {
        let marking = |label| FederationPlan::marking(&compared.desired, &compared.found, label);
        Ok(match &compared.instance {
            Move::Defend(_) => self.plan(federation, compared)?.documents_only().steps,
            Move::Challenge(asking) => {
                let scope = scope(&compared.desired.owner);
                let present = compared.found.jwks.as_ref();
                marking(present.map(|object| asking.label(&scope, &object.bytes)))
            }
            Move::Proceed(_) | Move::Hold(_) => marking(None),
        })
    }
}

/// A deletion is no time to ask: another's mark on the key set stops it.
pub(super) fn check_mark(
    federation: &OidcFederation,
    record: Option<&KeyRecord>,
    owner: &FederationOwner,
    found: &ObservedFederation,
) -> Result<(), StepError> {
    let ours = record.and_then(|record| record.instance.as_ref());
    let (Some(ours), Some(object)) = (ours, &found.jwks) else {
        return Ok(());
    };
    let seen = SeenObject {
        label: label_of(object),
        bytes: &object.bytes,
        trusted: true,
        diverted: false,
    };
    let Some(rival) = ours.rival(&scope(owner), &seen) else {
        return Ok(());
    };
    if federation.annotations().get(CLAIM).is_some_and(|claim| claim == rival) {
        return Ok(());
    }
    let other = Instance {
        phase: Phase::Objecting {
            rival: rival.to_owned(),
        },
        ..ours.clone()
    };
    Err(StepError::new(
        ConditionType::Published,
        Reason::ClusterCopied,
        in_words(&other),
    ))
}

fn label_of(object: &ObservedDocument) -> Option<&str> {
    object.metadata.get(OBJECT_METADATA_INSTANCE).map(String::as_str)
}

/// Where a discovery document says the keys are.
fn keys_address(discovery: &[u8]) -> Option<String> {
    let discovery: Value = serde_json::from_slice(discovery).ok()?;
    discovery.get("jwks_uri")?.as_str().map(str::to_owned)
}

fn fresh() -> Result<Fresh, StepError> {
    let random = SystemRandom::new();
    let (mut secret, mut nonce) = ([0; 32], [0; 8]);
    let filled = random.fill(&mut secret).and_then(|()| random.fill(&mut nonce));
    let unavailable = "The operating system gives no random numbers; it is asked again.";
    filled.map_err(|_| StepError::new(ConditionType::Published, Reason::ApiServerUnavailable, unavailable))?;
    Ok(Fresh::new(secret, nonce))
}

/// For how long a challenge must stand: the other looks at least once per interval, and a minute's look may come late.
fn patience(federation: &OidcFederation) -> Duration {
    let interval = federation.spec.interval.get();
    interval
        .saturating_mul(2)
        .saturating_add(DOCUMENT_CHECK.saturating_mul(2))
}

fn in_words(instance: &Instance) -> String {
    let contender = instance.contender();
    match &instance.phase {
        Phase::Alone | Phase::Challenging { .. } => format!(
            "This cluster's API servers are others than before, so it may be a copy: it has asked by a mark on the key set, and \
             changes nothing in AWS until nobody has objected for two intervals and two minutes. If you know that no other \
             lives, set the annotation {CLAIM}={contender}."
        ),
        Phase::Objecting { .. } => format!(
            "Another operator with this cluster's kube-system UID has written to the key set: a copy of the cluster. Nothing but \
             the documents is changed in AWS. Stop the operator there; then set the annotation {CLAIM}={contender} here."
        ),
        Phase::Yielding { .. } => format!(
            "Another operator with this cluster's kube-system UID was here first, so this is the copy, and it changes nothing in \
             AWS. Stop the operator here or give this cluster an issuer of its own; if this one is to go on instead, stop the \
             other and set the annotation {CLAIM}={contender}."
        ),
    }
}
