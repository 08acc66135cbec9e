//! Leader election between replicas, of which one works: flags, identity, and the way from standing by to the end.

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use clap::Args;
use irsa_controller::leadership::{
    Claim, ElectionMetrics, Elector, Leadership, NotLeader, OnlyReplica, Permit,
    lease::{Terms, TermsError},
};
use kube::Client;

use crate::error::Problem;

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(10);

/// Which of several replicas works, and how soon another takes over.
#[derive(Debug, Clone, Args)]
pub(crate) struct ElectionArgs {
    /// Work only while this replica holds the lease. Without it there must never be two replicas side by side.
    #[arg(
        long,
        env = "LEADER_ELECT",
        default_value_t = true,
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) leader_elect: bool,

    /// The Lease, in the operator's namespace; the Role irsa-anywhere-leader names it too.
    #[arg(long, env = "LEASE_NAME", default_value = "irsa-anywhere", value_name = "NAME", value_parser = name)]
    pub(crate) lease_name: String,

    /// How long a replica that died keeps the others waiting; whole seconds, at most 10m.
    #[arg(long, env = "LEASE_DURATION", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease_duration: Duration,

    /// How long the leader may write after its last renewal; a fifth of the lease's duration less than that, or more.
    ///
    /// An AWS call that is under way at its end is given up. With 16s or more above the retry period none ever is while the
    /// API server answers.
    #[arg(long, env = "LEASE_RENEW_DEADLINE", default_value = "20s", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease_renew_deadline: Duration,

    /// From one renewal to the next, and how often those that wait look; 500ms or more, a third of the deadline or less.
    #[arg(long, env = "LEASE_RETRY_PERIOD", default_value = "4s", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease_retry_period: Duration,
}

impl ElectionArgs {
    /// The terms of the lease.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn terms(&self) -> Result<Terms, TermsError> {
        Terms::new(self.lease_duration, self.lease_renew_deadline, self.lease_retry_period)
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = text
        .parse::<irsa_api::Duration>()
        .map_err(|error| error.to_string())?
        .get();
    if (SHORTEST..=LONGEST).contains(&duration) {
        Ok(duration)
    } else {
        Err("write a duration from 500ms to 10m".to_owned())
    }
}

fn name(text: &str) -> Result<String, String> {
    let of_words = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let fits = (1..=253).contains(&text.len()) && text.bytes().all(of_words);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "a name has 1 to 253 lower-case letters, digits, - and .".to_owned())
}

/// This process among its like.
pub(crate) enum Replica {
    /// There is no other.
    Only,
    /// It campaigns for a lease.
    Elected(Box<Elector>),
}

/// Who may write: everybody, or who holds the claim.
#[derive(Debug, Clone)]
pub(crate) enum Right {
    Only(OnlyReplica),
    Claimed(Claim),
}

impl Leadership for Right {
    fn permit(&self) -> Result<Permit, NotLeader> {
        match self {
            Self::Only(only) => only.permit(),
            Self::Claimed(claim) => claim.permit(),
        }
    }
}

impl Replica {
    /// As the flags say. `client` is for the lease alone; `pod` is for people to recognise the holder by.
    ///
    /// # Errors
    /// When the terms do not fit together.
    pub(crate) fn new(
        election: &ElectionArgs,
        client: Client,
        namespace: &str,
        pod: Option<String>,
    ) -> Result<Self, TermsError> {
        if !election.leader_elect {
            return Ok(Self::Only);
        }
        let elector = Elector::new(
            client,
            namespace,
            &election.lease_name,
            identity(pod),
            election.terms()?,
        );
        Ok(Self::Elected(Box::new(elector)))
    }

    /// The right that controllers ask for before they write.
    pub(crate) fn right(&self) -> Right {
        match self {
            Self::Only => Right::Only(OnlyReplica),
            Self::Elected(elector) => Right::Claimed(elector.claim()),
        }
    }

    pub(crate) fn metrics(&self) -> ElectionMetrics {
        match self {
            Self::Only => ElectionMetrics::default(),
            Self::Elected(elector) => elector.metrics(),
        }
    }

    /// Waits until this replica leads. `standing_by` is called when another does.
    pub(crate) async fn lead(&mut self, standing_by: impl FnOnce() + Send) {
        if let Self::Elected(elector) = self {
            elector.lead(standing_by).await;
        }
    }

    /// Does `work` while this replica leads, and gives the lease free when it has ended well: then nothing is under way any
    /// more. After anything else the lease expires.
    ///
    /// # Errors
    /// The work's own, and [`Lost`](irsa_controller::leadership::Lost): the work was dropped, and nothing of it may go on.
    pub(crate) async fn while_leading(
        &mut self,
        work: impl Future<Output = Result<(), Problem>>,
    ) -> Result<(), Problem> {
        let Self::Elected(elector) = self else {
            return work.await;
        };
        tokio::select! {
            biased;
            lost = elector.hold() => return Err(lost.into()),
            done = work => done?,
        };
        elector.release().await;
        Ok(())
    }
}

/// Of this process and no other: a container that starts again in the same pod is another holder.
fn identity(pod: Option<String>) -> String {
    let pod = pod.unwrap_or_else(|| "irsa-anywhere".to_owned());
    // The standard library seeds each `RandomState` anew.
    format!("{pod}_{:016x}", RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_of_a_pod_is_another_holder() {
        let (one, other) = (identity(Some("pod-1".to_owned())), identity(Some("pod-1".to_owned())));
        assert!(one.starts_with("pod-1_") && one != other, "{one} {other}");
    }
}
