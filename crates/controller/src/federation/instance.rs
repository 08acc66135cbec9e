//! Finding out whether this cluster is the only one of its UID that works on a federation's things, and standing back while
//! it may not be. The judgement is [`irsa_core::instance`]'s.

use std::time::Duration;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{Connect, PublicReader};
use irsa_core::{
    documents::sha256_hex,
    history::{KeyRecord, KnownKey},
    instance::{Instance, Look, Move, Phase, Seen as SeenObject},
    plan::federation::{FederationPlan, FederationStep, ObservedFederation},
    published::is_known,
    vocabulary::{CLAIM, ConditionType, OBJECT_METADATA_INSTANCE, Reason},
};
use kube::ResourceExt;

use super::{
    Federations,
    apply::DOCUMENT_CHECK,
    cluster::Seen,
    execute::{Done, Executor},
    report::Comparison,
    servers::ApiServers,
    validate::Wanted,
};
use crate::{
    halt::{Halt, Progress},
    instances::Verdict,
    leadership::Leadership,
    object::ObjectKey,
};

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    pub(super) async fn judge_instance(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        record: Option<&KeyRecord>,
        found: &ObservedFederation,
        known: &[KnownKey],
    ) -> Move {
        let instance = record.and_then(|record| record.instance.as_ref());
        let object = found
            .jwks
            .as_ref()
            .filter(|object| found.established || wanted.owner.owns_document(&object.metadata));
        let mark = object.and_then(|object| object.metadata.get(OBJECT_METADATA_INSTANCE));
        let challenge = instance.and_then(|instance| match &instance.phase {
            Phase::Challenging { challenge } => Some(challenge),
            Phase::Alone | Phase::Objecting { .. } | Phase::Yielding { .. } => None,
        });
        let stands = challenge.filter(|challenge| mark == Some(challenge));
        let waited = stands.is_some_and(|challenge| {
            let since = self.memory.challenge_stands(&ObjectKey::of(federation), challenge);
            since >= patience(federation)
        });
        let look = Look {
            record: instance,
            servers: self.instances.servers().await,
            continuous: self.instances.is_alone(&federation.name_any()),
            seen: object.map(|object| SeenObject {
                mark: mark.map(String::as_str),
                trusted: is_known(&object.bytes, known),
            }),
            waited,
            claim: federation.annotations().get(CLAIM).map(String::as_str),
        };
        look.judge(
            &mark_of(&[&self.cluster, &federation.name_any()]),
            &self.fresh_mark(federation),
        )
    }

    /// A mark that nobody has ever used: no two processes are the same at the same nanosecond.
    fn fresh_mark(&self, federation: &OidcFederation) -> String {
        let nanoseconds = self.shell.now().as_nanosecond();
        let process = format!("{}/{:?}", std::process::id(), std::thread::current().id());
        mark_of(&[
            &self.cluster,
            &federation.name_any(),
            &nanoseconds.to_string(),
            &process,
        ])
    }

    /// Does the little that may be done while somebody else may work on the same things, and says so; `None` where nobody
    /// does.
    pub(super) async fn stand_back(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        seen: &Seen,
        aws: &C::Aws,
        compared: &Comparison,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Option<Halt> {
        let name = federation.name_any();
        let decided = &compared.instance;
        let instance = decided.instance();
        if decided.proceeds() {
            self.instances.conclude(&name, Verdict::Alone);
            return None;
        }
        let halt = Halt::new(ConditionType::Published, Reason::ClusterCopied, in_words(instance));
        let verdict = Verdict::Doubtful {
            message: halt.message.clone(),
            contender: instance.contender().to_owned(),
        };
        self.instances.conclude(&name, verdict);
        progress.look_again = Some(DOCUMENT_CHECK);
        let steps = match self.steps_while_in_doubt(federation, compared) {
            Ok(steps) => steps,
            Err(halt) => return Some(halt),
        };
        let executor = Executor {
            aws,
            leadership: self.shell.leadership.as_ref(),
            records: &self.records(),
            stored: &seen.stored,
            wanted,
        };
        match executor.execute(&steps, &mut Done::default()).await {
            Ok(()) => Some(halt),
            Err(failed) => Some(failed),
        }
    }

    fn steps_while_in_doubt(
        &self,
        federation: &OidcFederation,
        compared: &Comparison,
    ) -> Result<Vec<FederationStep>, Halt> {
        let marking = |write| FederationPlan::marking(&compared.desired, &compared.found, write);
        Ok(match &compared.instance {
            Move::Defend(_) => self.plan(federation, compared)?.documents_only().steps,
            Move::Challenge(_) => marking(true),
            Move::Proceed(_) | Move::Hold(_) => marking(false),
        })
    }
}

/// A deletion is no time to ask: another's mark on the key set stops it.
pub(super) fn check_mark(
    federation: &OidcFederation,
    record: Option<&KeyRecord>,
    found: &ObservedFederation,
) -> Result<(), Halt> {
    let ours = record.and_then(|record| record.instance.as_ref());
    let mark = found
        .jwks
        .as_ref()
        .and_then(|object| object.metadata.get(OBJECT_METADATA_INSTANCE));
    let (Some(ours), Some(mark)) = (ours, mark) else {
        return Ok(());
    };
    let claimed = federation.annotations().get(CLAIM) == Some(mark);
    if claimed || mark == ours.shown() || *mark == ours.mark {
        return Ok(());
    }
    let other = Instance {
        phase: Phase::Objecting { rival: mark.clone() },
        ..ours.clone()
    };
    Err(Halt::new(
        ConditionType::Published,
        Reason::ClusterCopied,
        in_words(&other),
    ))
}

fn mark_of(parts: &[&str]) -> String {
    sha256_hex(parts.join("/").as_bytes()).chars().take(16).collect()
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
