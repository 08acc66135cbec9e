//! Making a federation true.

use std::time::Duration;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{CallerIdentity, Connect, PublicReader};
use irsa_core::{
    plan::federation::{FederationPlan, FederationStep, ObservedBucket},
    vocabulary::{ConditionType, Reason},
};
use irsa_pipeline::{
    federation::{
        aws_errors::step_error,
        conclude::{Comparison, fill_status, hold_aspects},
        execute::Done,
        keys,
        observe::{api_servers::ApiServers, aws, cluster::ObservedCluster, facts::PublishFacts},
        plan,
        publish::external::External,
        roles,
        validate::{ValidatedFederation, account::check_account, conflicts, validate},
        verify::{Expected, PublicCopy, public_in_words},
    },
    object::{Managed, ObjectKey},
    spec::target::PublishTarget,
    stage::Stage,
    step_error::{Draft, StepError},
};
use tokio::time::Instant;

use super::{
    federations::{DOCUMENT_CHECK, Federations, is_about_provider},
    memory::FullPass,
    unchanged::verdict,
};
use crate::leadership::Leadership;

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// The five steps. Returns what is now true, in a sentence.
    pub(super) async fn make_true(
        &self,
        federation: &OidcFederation,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<String, StepError> {
        if let Some(findings) = self.inventories.findings(federation) {
            roles::note(&findings, federation.spec.interval.get(), draft);
        }
        let validated = Stage::Validate.of(|| validate(federation, &self.cluster))?;
        let looking = self.observe_cluster(federation, &validated, draft);
        let seen = Stage::Observe.run(looking).await;
        Stage::Observe
            .run(Box::pin(self.check_cluster(federation, draft)))
            .await;
        let seen = seen?;
        let unchanged = self.find_unchanged(federation, &validated, &seen);
        if let Some(ended) = Stage::Observe.run(unchanged).await {
            draft.look_again = Some(DOCUMENT_CHECK);
            draft.unchanged = true;
            return ended;
        }
        self.memory.doubt(&ObjectKey::of(federation));

        let (aws, compared) = Stage::Observe
            .run(self.compare(federation, &validated, &seen, draft))
            .await?;
        if let Some(failure) = self
            .stand_back(federation, &validated, &seen, &aws, &compared, draft)
            .await
        {
            return Err(failure);
        }
        let plan = Stage::Plan.of(|| self.plan(federation, &compared))?;
        let working = self.execute(federation, &validated, &seen, &aws, &compared, &plan, draft);
        let written = Stage::Execute.run(working).await?;
        let reading = self.check_public(&validated, &aws, &compared, &written, draft);
        let served = Stage::Conclude.run(reading).await?;
        self.count_public_read(federation);
        compared.check_provider()?;
        self.conclude(federation, &validated, &seen, &compared, served, draft)
    }

    /// The API servers and the record of keys. What they lack is noted; only what must not be published from ends the
    /// pass, so that the issuer can be switched while everything else is ready.
    async fn observe_cluster(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<ObservedCluster, StepError> {
        let reading = self.servers.read().await;
        let stored = self.records().load(&validated.location.record_name).await?;
        let seen = ObservedCluster::new(reading, stored)?;
        self.memory.see(&ObjectKey::of(federation), seen.clone());
        match seen.check_issuer(&validated.location) {
            Ok(()) => draft.holds(
                ConditionType::IssuerMatched,
                format!("The API servers sign tokens as {}.", validated.location.issuer),
            ),
            Err(failure) => draft.note(&failure),
        }
        if let Err(failure) = seen.check_complete() {
            draft.note(&failure);
        }
        Ok(seen)
    }

    async fn compare(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        seen: &ObservedCluster,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<(C::Aws, Comparison), StepError> {
        let aws = self.connect(federation, validated, draft).await?;
        let compared = self.observe_aws(federation, validated, seen, &aws).await?;
        Ok((aws, compared))
    }

    async fn connect(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<C::Aws, StepError> {
        let connected = self.connect.connect(&validated.location.connection).await;
        let aws = connected.map_err(|error| step_error(ConditionType::Published, &error))?;
        let account = aws.caller().account.clone();
        check_account(federation, &account)?;
        let all = self.store.state();
        conflicts::check(federation, &account, all.iter().filter_map(|decoded| decoded.outline()))?;
        draft.status.account_id = Some(account);
        Ok(aws)
    }

    async fn observe_aws(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        seen: &ObservedCluster,
        aws: &C::Aws,
    ) -> Result<Comparison, StepError> {
        let established = federation
            .status
            .as_ref()
            .is_some_and(|status| status.published.is_some());
        let facts = PublishFacts::of(&validated.location, seen.record.as_ref(), established);
        let mut found = aws::read(aws, &validated.location, facts).await?;
        found.record.clone_from(&seen.stored.text);
        let published = found.jwks.as_ref().map(|document| document.bytes.as_slice());
        let advance = keys::advance(federation, validated, seen, published, self.driver.now())?;
        let mut record = advance.record.clone();
        if found.bucket == ObservedBucket::Missing {
            record.made_bucket = validated.location.target.bucket_name().map(str::to_owned);
        }
        let instance = self
            .judge_instance(federation, validated, seen.record.as_ref(), &found, &advance)
            .await?;
        record.instance = Some(instance.instance().clone());
        let record = record.to_json();
        let desired = plan::desired(
            &validated.location,
            federation,
            aws.caller(),
            &advance.published,
            record,
            Some(instance.instance()),
        )?;
        let external = match validated.location.target {
            PublishTarget::S3(_) => None,
            PublishTarget::External => Some(External::check(&self.public, &validated.location, &advance.keys).await),
        };
        Ok(Comparison {
            advance,
            desired,
            found,
            external,
            instance,
        })
    }

    #[allow(clippy::too_many_arguments, reason = "everything that a pass has found")]
    async fn execute(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        seen: &ObservedCluster,
        aws: &C::Aws,
        compared: &Comparison,
        plan: &FederationPlan,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<Done, StepError> {
        let executor = self.executor(aws, &validated.location, &seen.stored);
        let mut done = Done::default();
        let creates = |step: &FederationStep| matches!(step, FederationStep::CreateProvider { .. });
        let executed = executor.execute(&plan.steps, &mut done);
        let key = ObjectKey::of(federation);
        let executed = self
            .propagation
            .during(&key, plan.steps.iter().any(creates), executed)
            .await;
        self.announce(federation, compared, plan.cause, &done).await;
        let failed = done.failed(&plan.steps, &executed);
        fill_status(&mut draft.status, &validated.location, compared, &done, failed);
        hold_aspects(draft, &validated.location, compared, aws.caller(), seen, &done, failed);
        let wrote = done.steps.iter().any(is_about_provider);
        if executed.is_ok() {
            self.memory.made(&key, compared.desired.fingerprint(), wrote);
        }
        executed.map(|()| done)
    }

    async fn check_public(
        &self,
        validated: &ValidatedFederation,
        aws: &C::Aws,
        compared: &Comparison,
        written: &Done,
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<[PublicCopy; 2], StepError> {
        let readable = ConditionType::PubliclyReadable;
        let target = match &validated.location.target {
            PublishTarget::S3(target) => target,
            PublishTarget::External => return check_external(compared, draft),
        };
        let opened = |step: &FederationStep| {
            matches!(
                step,
                FederationStep::PutBucketPolicy { .. } | FederationStep::PutDocument { .. }
            )
        };
        let expected = Expected {
            location: &validated.location,
            target,
            desired: &compared.desired,
            known: &compared.advance.keys,
            fresh: written.steps.iter().any(opened),
        };
        let served = expected.check(&self.public, aws).await;
        let served = served.inspect_err(|failure| draft.note(failure))?;
        draft.holds(readable, public_in_words());
        Ok(served)
    }

    fn conclude(
        &self,
        federation: &OidcFederation,
        validated: &ValidatedFederation,
        seen: &ObservedCluster,
        compared: &Comparison,
        served: [PublicCopy; 2],
        draft: &mut Draft<OidcFederationStatus>,
    ) -> Result<String, StepError> {
        let provider = &compared.desired.provider.arn;
        let ended = verdict(validated, seen, &compared.advance).map(|()| {
            format!(
                "{} is published and registered as {provider}.",
                validated.location.issuer
            )
        });
        let until_expiry = compared.advance.next_expiry.map(|expiry| {
            let left = expiry.duration_since(self.driver.now());
            Duration::try_from(left).unwrap_or_default().max(Duration::from_secs(1))
        });
        draft.look_again = Some(until_expiry.map_or(DOCUMENT_CHECK, |left| left.min(DOCUMENT_CHECK)));
        let full = FullPass {
            generation: federation.generation(),
            requested_at: federation.requested_at().map(str::to_owned),
            at: Instant::now(),
            served,
            ended: ended.clone(),
        };
        self.memory.remember(&ObjectKey::of(federation), full);
        ended
    }
}

/// What somebody else publishes was read before anything was written.
fn check_external(
    compared: &Comparison,
    draft: &mut Draft<OidcFederationStatus>,
) -> Result<[PublicCopy; 2], StepError> {
    let readable = ConditionType::PubliclyReadable;
    match &compared.external {
        Some(Ok(external)) => {
            draft.holds(ConditionType::Published, external.in_words());
            draft.holds(readable, "Anybody can read both documents.");
            Ok(external.served.clone())
        }
        Some(Err(failure)) => {
            draft.note(failure);
            Err(failure.clone())
        }
        None => Err(StepError::new(
            readable,
            Reason::Progressing,
            "Nothing is published yet.",
        )),
    }
}
