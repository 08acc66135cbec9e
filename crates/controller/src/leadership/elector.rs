//! The campaign for a Lease: reads it, asks [`lease`](super::lease) what to do, does it.

use std::time::Duration;

use irsa_aws::gate::within;
use irsa_core::{refusal::ApiRequest, vocabulary::LEASE_FIELD_MANAGER};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, api::PostParams};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use irsa_pipeline::{
    kube_errors::{ROLE, refusal},
    stage::chain,
};

use super::{
    Claim, ElectionMetrics,
    lease::{Election, LeaseStep, Terms},
};

const REQUEST: ApiRequest<'static> = ApiRequest {
    action: "read or write",
    object: "the Lease",
    role: ROLE,
    remedy: Some("that rule must let it"),
};
/// Longest that giving the Lease free may take; the others take it anyhow once it has expired.
const RELEASE: Duration = Duration::from_secs(5);

/// Why a replica no longer leads. It must not write any more, and has nothing else to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The Lease could not be renewed in time.
    #[error("the lease could not be renewed for {0:?}; another replica may take over")]
    Expired(Duration),
    /// The Lease is somebody else's, or was taken away by hand.
    #[error("the lease was taken by another holder")]
    Taken,
}

/// One replica's part in the election.
pub struct Elector {
    api: Api<Lease>,
    name: String,
    terms: Terms,
    election: Election,
    claim: Claim,
    metrics: ElectionMetrics,
    /// The Lease as it was last written by us, for a renewal without a look.
    ours: Option<Lease>,
    /// Whom we wait for, so that it is logged once.
    waits_for: Option<String>,
}

/// How a look at the Lease ended.
#[derive(Debug, PartialEq, Eq)]
enum Round {
    Leads,
    Waits,
    Lost,
}

impl Elector {
    /// A candidate for the Lease `name` of `namespace`.
    ///
    /// # Assumptions
    /// `client` does not ask the claim before its writes, and does not retry by itself: that is done here, in time.
    pub fn new(client: Client, namespace: &str, name: &str, identity: String, terms: Terms) -> Self {
        let claim = Claim::default();
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            terms,
            election: Election::new(identity, name.to_owned(), terms),
            metrics: ElectionMetrics::of(claim.clone()),
            claim,
            ours: None,
            waits_for: None,
        }
    }

    /// The claim, to ask before writes.
    pub fn claim(&self) -> Claim {
        self.claim.clone()
    }

    /// What there is to see from outside.
    pub fn metrics(&self) -> ElectionMetrics {
        self.metrics.clone()
    }

    /// Waits for the claim. `standing_by` is called once the Lease has been seen, whoever has it.
    pub async fn lead(&mut self, standing_by: impl FnOnce() + Send) {
        let mut standing_by = Some(standing_by);
        loop {
            let begun = Instant::now();
            match self.round().await {
                Ok(Round::Leads) => return info!(lease = self.name, "leads"),
                Ok(_) => {
                    if let Some(standing_by) = standing_by.take() {
                        standing_by();
                    }
                }
                Err(error) => self.failed(&error),
            }
            sleep_until(begun + self.terms.retry_period).await;
        }
    }

    /// Renews the claim until it is lost; never returns while it is held.
    ///
    /// # Guarantees
    /// When this returns the claim is over. It ends by itself too, so a caller that does not poll this loses it.
    pub async fn hold(&mut self) -> Lost {
        let lost = loop {
            let Some(until) = self.claim.until() else {
                break Lost::Expired(self.terms.renew_deadline);
            };
            let next = Instant::now() + self.terms.retry_period;
            if within(until, sleep_until(next)).await.is_err() {
                continue;
            }
            // At the claim's end there is no answer, and the loop sees it.
            if let Ok(Some(lost)) = within(until, self.renew()).await {
                break lost;
            }
        };
        self.claim.give_up();
        lost
    }

    /// One renewal, again and again until it succeeds.
    async fn renew(&mut self) -> Option<Lost> {
        loop {
            let begun = Instant::now();
            match self.round().await {
                Ok(Round::Leads) => return None,
                Ok(Round::Waits | Round::Lost) => return Some(Lost::Taken),
                Err(error) => self.failed(&error),
            }
            sleep_until(begun + self.terms.retry_period).await;
        }
    }

    /// Gives the Lease free, so that another replica need not wait for its end.
    ///
    /// # Assumptions
    /// Nothing is being written any more.
    pub async fn release(&mut self) {
        if self.claim.until().is_none() {
            return;
        }
        // Before anybody else can have it.
        self.claim.give_up();
        let end = Instant::now() + RELEASE;
        match timeout_at(end, self.try_release()).await {
            Ok(Ok(())) => info!(lease = self.name, "gave the lease free"),
            Ok(Err(error)) => warn!(
                error = chain(&error),
                lease = self.name,
                "could not give the lease free; it expires"
            ),
            Err(_) => warn!(lease = self.name, "could not give the lease free in time; it expires"),
        }
    }

    async fn try_release(&mut self) -> kube::Result<()> {
        loop {
            let Some(lease) = self.api.get_opt(&self.name).await? else {
                return Ok(());
            };
            let Some(free) = self.election.released(&lease, Timestamp::now()) else {
                return Ok(());
            };
            match self.api.replace(&self.name, &parameters(), &free).await {
                // A renewal that was still on its way.
                Err(kube::Error::Api(status)) if status.is_conflict() => sleep(RELEASE / 20).await,
                result => return result.map(drop),
            }
        }
    }

    /// Looks at the Lease and does what there is to do. After a lost race it looks again, to know at once who won it.
    async fn round(&mut self) -> Result<Round, RoundError> {
        let renews = self.ours.is_some();
        match self.attempt().await {
            Err(RoundError::Kubernetes(kube::Error::Api(status))) if renews && is_raced(&status) => {
                self.attempt().await
            }
            result => result,
        }
    }

    async fn attempt(&mut self) -> Result<Round, RoundError> {
        let limit = self.terms.request_timeout();
        let lease = match self.ours.take() {
            Some(ours) => Some(ours),
            None => timeout(limit, self.api.get_opt(&self.name)).await??,
        };
        self.look_at(lease.as_ref());
        let sent = Instant::now();
        let written = match self.election.observe(lease.as_ref(), sent, Timestamp::now()) {
            LeaseStep::Wait => return Ok(Round::Waits),
            LeaseStep::StepDown => return Ok(Round::Lost),
            LeaseStep::Create(lease) => timeout(limit, self.api.create(&parameters(), &lease)).await??,
            LeaseStep::Replace(lease) => timeout(limit, self.api.replace(&self.name, &parameters(), &lease)).await??,
        };
        let until = self
            .election
            .claimed_at(sent, &written)
            .ok_or(RoundError::NothingWritten)?;
        self.claim.extend(until);
        self.metrics.seen(&written);
        self.ours = Some(written);
        Ok(Round::Leads)
    }

    fn look_at(&mut self, lease: Option<&Lease>) {
        let Some(lease) = lease else { return };
        self.metrics.seen(lease);
        let holder = self.election.stranger(lease).map(str::to_owned);
        if holder != self.waits_for {
            if let Some(holder) = &holder {
                info!(lease = self.name, holder, "stands by while another replica leads");
            }
            self.waits_for = holder;
        }
    }

    fn failed(&self, error: &RoundError) {
        self.metrics.failed();
        let lease = self.name.as_str();
        let error_chain = chain(error);
        match error {
            RoundError::Kubernetes(refused) => {
                let refusal = refusal(refused);
                let reason = refusal.reason().as_str();
                let message = refusal.in_words(&REQUEST);
                warn!(
                    reason,
                    refusal = message,
                    error = error_chain,
                    lease,
                    "could not read or write the lease"
                );
            }
            RoundError::TimedOut(_) | RoundError::NothingWritten => {
                warn!(error = error_chain, lease, "could not read or write the lease");
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("the Kubernetes API")]
    Kubernetes(#[from] kube::Error),
    #[error("no answer in time")]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("the renewal changed nothing")]
    NothingWritten,
}

/// Somebody else wrote, or took the Lease away or made it, between our look and our write.
fn is_raced(status: &kube::core::Status) -> bool {
    status.is_conflict() || status.is_not_found() || status.is_already_exists()
}

fn parameters() -> PostParams {
    PostParams {
        field_manager: Some(LEASE_FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}
