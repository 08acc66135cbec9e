//! Making a federation true.

use std::time::Duration;

use irsa_api::{OidcFederation, OidcFederationStatus};
use irsa_aws::{CallerIdentity, Connect, PublicReader};
use irsa_core::{
    documents,
    history::Advance,
    plan::{
        binding::Cause,
        federation::{FederationPlan, FederationStep, ObservedBucket},
    },
    published::judge_external,
    vocabulary::{ConditionType, Reason},
};
use tokio::time::Instant;

use super::{
    Federations,
    aws_errors::halt,
    cluster::{Records, Seen},
    execute::Done,
    external::External,
    home::check_home,
    keys,
    last_look::public_in_words,
    memory::{Full, Served},
    observe,
    public::{self, Expected},
    report::{Comparison, fill_status, hold_aspects, made_before},
    roles,
    servers::ApiServers,
    siblings,
    validate::{Wanted, validate},
};
use crate::{
    halt::{Halt, Progress},
    leadership::Leadership,
    log::Step,
    object::{Managed, ObjectKey},
};

/// How often the documents and the API servers' keys are looked at.
pub(super) const DOCUMENT_CHECK: Duration = Duration::from_mins(1);

impl<C: Connect, P: PublicReader, A: ApiServers, L: Leadership> Federations<C, P, A, L> {
    /// The five steps. Returns what is now true, in a sentence.
    pub(super) async fn make_true(
        &self,
        federation: &OidcFederation,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<String, Halt> {
        if let Some(findings) = self.inventories.findings(federation) {
            roles::note(&findings, federation.spec.interval.get(), progress);
        }
        let wanted = Step::Validate.of(|| validate(federation, &self.cluster))?;
        let looking = self.observe_cluster(federation, &wanted, progress);
        let seen = Step::Observe.run(looking).await;
        Step::Observe
            .run(Box::pin(self.look_around(federation, progress)))
            .await;
        let seen = seen?;
        let unchanged = self.find_unchanged(federation, &wanted, &seen);
        if let Some(ended) = Step::Observe.run(unchanged).await {
            progress.look_again = Some(DOCUMENT_CHECK);
            progress.unchanged = true;
            return ended;
        }
        self.memory.doubt(&ObjectKey::of(federation));

        let (aws, compared) = Step::Observe
            .run(self.compare(federation, &wanted, &seen, progress))
            .await?;
        if let Some(halt) = self
            .stand_back(federation, &wanted, &seen, &aws, &compared, progress)
            .await
        {
            return Err(halt);
        }
        let plan = Step::Plan.of(|| self.plan(federation, &compared))?;
        let working = self.execute(federation, &wanted, &seen, &aws, &compared, &plan, progress);
        let written = Step::Execute.run(working).await?;
        let reading = self.check_public(&wanted, &aws, &compared, &written, progress);
        let served = Step::Conclude.run(reading).await?;
        self.count_public_read(federation);
        compared.check_provider()?;
        self.conclude(federation, &wanted, &seen, &compared, served, progress)
    }

    /// The API servers and the record of keys. What they lack is noted; only what must not be published from ends the
    /// pass, so that the issuer can be switched while everything else is ready.
    async fn observe_cluster(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<Seen, Halt> {
        let reading = self.servers.read().await;
        let stored = self.records().load(&wanted.record_name).await?;
        let seen = Seen::new(reading, stored)?;
        self.memory.see(ObjectKey::of(federation), seen.clone());
        match seen.check_issuer(wanted) {
            Ok(()) => progress.holds(
                ConditionType::IssuerMatched,
                format!("The API servers sign tokens as {}.", wanted.issuer),
            ),
            Err(halt) => progress.note(&halt),
        }
        if let Err(halt) = seen.check_complete() {
            progress.note(&halt);
        }
        Ok(seen)
    }

    /// How the last full pass ended, if that still stands: same spec, same keys, same public documents, the API servers
    /// as they were, and not older than the interval.
    async fn find_unchanged(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        seen: &Seen,
    ) -> Option<Result<String, Halt>> {
        let full = self.memory.full(&ObjectKey::of(federation))?;
        let same_request = full.generation == federation.generation()
            && full.requested_at.as_deref() == federation.requested_at()
            && full.at.elapsed() < federation.spec.interval.get();
        if !same_request || seen.record.is_none() {
            return None;
        }
        let advance = keys::advance(federation, wanted, seen, None, self.shell.now()).ok()?;
        if verdict(wanted, seen, &advance) != full.ended.clone().map(|_| ()) {
            return None;
        }
        let [_, jwks] = &full.served;
        let good = match wanted.s3 {
            Some(_) => documents::jwks(&advance.published) == jwks.bytes,
            None => judge_external(&jwks.bytes, &advance.keys).is_ok(),
        };
        let same_keys = good && seen.stored.text.as_ref() == Some(&advance.record.to_json());
        if !same_keys || !public::is_unchanged(&self.public, &full.served).await {
            return None;
        }
        self.count_public_read(federation);
        Some(full.ended)
    }

    async fn compare(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        seen: &Seen,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<(C::Aws, Comparison), Halt> {
        let aws = self.connect(federation, wanted, progress).await?;
        let compared = self.observe_aws(federation, wanted, seen, &aws).await?;
        Ok((aws, compared))
    }

    async fn connect(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<C::Aws, Halt> {
        let connected = self.connect.connect(&wanted.connection).await;
        let aws = connected.map_err(|error| halt(ConditionType::Published, &error))?;
        let account = aws.caller().account.clone();
        check_home(federation, &account)?;
        siblings::check(federation, &account, &self.siblings)?;
        progress.status.account_id = Some(account);
        Ok(aws)
    }

    async fn observe_aws(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        seen: &Seen,
        aws: &C::Aws,
    ) -> Result<Comparison, Halt> {
        let established = federation
            .status
            .as_ref()
            .is_some_and(|status| status.published.is_some());
        let mut found = observe::aws(aws, wanted, wanted.known(seen, established)).await?;
        found.record.clone_from(&seen.stored.text);
        let published = found.jwks.as_ref().map(|document| document.bytes.as_slice());
        let advance = keys::advance(federation, wanted, seen, published, self.shell.now())?;
        let mut record = advance.record.clone();
        if found.bucket == ObservedBucket::Missing {
            record.made_bucket = wanted.s3.as_ref().map(|s3| s3.bucket.clone());
        }
        let instance = self
            .judge_instance(federation, wanted, seen.record.as_ref(), &found, &advance)
            .await?;
        record.instance = Some(instance.instance().clone());
        let record = record.to_json();
        let desired = wanted.desired(
            federation,
            aws.caller(),
            &advance.published,
            record,
            Some(instance.instance()),
        )?;
        let external = match wanted.s3 {
            Some(_) => None,
            None => Some(External::check(&self.public, wanted, &advance.keys).await),
        };
        Ok(Comparison {
            advance,
            desired,
            found,
            external,
            instance,
        })
    }

    pub(super) fn plan(&self, federation: &OidcFederation, compared: &Comparison) -> Result<FederationPlan, Halt> {
        let Comparison { desired, found, .. } = compared;
        let key = ObjectKey::of(federation);
        let applied = self.memory.applied(&key).or_else(|| made_before(federation, desired));
        let mut plan = FederationPlan::apply(desired, found, applied)
            .map_err(|refusal| Halt::new(refusal.aspect(), refusal.reason(), refusal.to_string()))?;
        // What somebody else publishes decides whom the provider would let in: it is made only once that is right.
        if found.provider.is_none() && compared.external.as_ref().is_some_and(Result::is_err) {
            plan = plan.without_registration();
        }
        // Right after our own write IAM may still show what was before.
        if plan.cause == Cause::Drift && self.memory.settles_in(&key).is_some() {
            plan.steps.retain(|step| !is_about_provider(step));
        }
        Ok(plan)
    }

    #[allow(clippy::too_many_arguments, reason = "everything that a pass has found")]
    async fn execute(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        seen: &Seen,
        aws: &C::Aws,
        compared: &Comparison,
        plan: &FederationPlan,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<Done, Halt> {
        let executor = self.executor(aws, wanted, &seen.stored);
        let mut done = Done::default();
        let creates = |step: &FederationStep| matches!(step, FederationStep::CreateProvider { .. });
        let executed = executor.execute(&plan.steps, &mut done);
        let key = ObjectKey::of(federation);
        let executed = self.births.during(&key, plan.steps.iter().any(creates), executed).await;
        self.announce(federation, compared, plan.cause, &done).await;
        let failed = done.failed(&plan.steps, &executed);
        fill_status(&mut progress.status, wanted, compared, &done, failed);
        hold_aspects(progress, wanted, compared, aws.caller(), seen, &done, failed);
        let wrote = done.steps.iter().any(is_about_provider);
        if executed.is_ok() {
            self.memory.made(key, compared.desired.fingerprint(), wrote);
        }
        executed.map(|()| done)
    }

    async fn check_public(
        &self,
        wanted: &Wanted,
        aws: &C::Aws,
        compared: &Comparison,
        written: &Done,
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<[Served; 2], Halt> {
        let readable = ConditionType::PubliclyReadable;
        let (Some(s3), Some(bucket)) = (&wanted.s3, wanted.bucket(aws.caller())) else {
            return match &compared.external {
                Some(Ok(external)) => {
                    progress.holds(ConditionType::Published, external.in_words());
                    progress.holds(readable, "Anybody can read both documents.");
                    Ok(external.served.clone())
                }
                Some(Err(halt)) => {
                    progress.note(halt);
                    Err(halt.clone())
                }
                None => Err(Halt::new(readable, Reason::Progressing, "Nothing is published yet.")),
            };
        };
        let opened = |step: &FederationStep| {
            matches!(
                step,
                FederationStep::PutBucketPolicy { .. } | FederationStep::PutDocument { .. }
            )
        };
        let expected = Expected {
            wanted,
            s3,
            desired: &compared.desired,
            known: &compared.advance.keys,
            fresh: written.steps.iter().any(opened),
        };
        let served = expected.check(&self.public, aws, &bucket).await;
        let served = served.inspect_err(|halt| progress.note(halt))?;
        progress.holds(readable, public_in_words());
        Ok(served)
    }

    fn conclude(
        &self,
        federation: &OidcFederation,
        wanted: &Wanted,
        seen: &Seen,
        compared: &Comparison,
        served: [Served; 2],
        progress: &mut Progress<OidcFederationStatus>,
    ) -> Result<String, Halt> {
        let provider = &compared.desired.provider.arn;
        let ended = verdict(wanted, seen, &compared.advance)
            .map(|()| format!("{} is published and registered as {provider}.", wanted.issuer));
        let until_expiry = compared.advance.next_expiry.map(|expiry| {
            let left = expiry.duration_since(self.shell.now());
            Duration::try_from(left).unwrap_or_default().max(Duration::from_secs(1))
        });
        progress.look_again = Some(until_expiry.map_or(DOCUMENT_CHECK, |left| left.min(DOCUMENT_CHECK)));
        let full = Full {
            generation: federation.generation(),
            requested_at: federation.requested_at().map(str::to_owned),
            at: Instant::now(),
            served,
            ended: ended.clone(),
        };
        self.memory.remember(ObjectKey::of(federation), full);
        ended
    }

    pub(super) fn count_public_read(&self, federation: &OidcFederation) {
        let objects = &self.shell.metrics.objects;
        objects.read_publicly(ObjectKey::of(federation), self.shell.now());
    }

    pub(super) fn records(&self) -> Records {
        Records::new(self.shell.client.clone(), &self.namespace)
    }
}

/// Whether the API servers and their keys are as they must be, once everything in AWS is.
fn verdict(wanted: &Wanted, seen: &Seen, advance: &Advance) -> Result<(), Halt> {
    seen.check(wanted)?;
    keys::check_any_left(advance)
}

fn is_about_provider(step: &FederationStep) -> bool {
    step.aspect() == ConditionType::ProviderRegistered
}
