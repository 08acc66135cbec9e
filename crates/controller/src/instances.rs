//! Whether this is the only instance of the cluster, as both controllers ask it: the one of federations finds out, the one
//! of bindings must not change a role of somebody else's meanwhile.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use irsa_core::{
    history::KeyRecord,
    instance::{Look, Standing},
    vocabulary::{CLAIM, ConditionType, KEY_HISTORY_PREFIX, Reason},
};
use irsa_pipeline::{
    federation::observe::{api_servers::Shortfall, cluster::Records},
    step_error::StepError,
};
use kube::Client;
use tokio::sync::OnceCell;

use crate::{federation::server_addresses, memory::Locked};

/// What is known of each federation. Clones share it.
#[derive(Clone, Default)]
pub struct Instances(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cluster: Option<(Client, String)>,
    servers: OnceCell<BTreeSet<String>>,
    known: Locked<HashMap<String, InstanceVerdict>>,
}

/// What the last look at a federation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InstanceVerdict {
    /// Nobody else works on its things.
    Alone,
    /// Somebody may.
    Doubtful {
        /// In a sentence.
        message: String,
        /// The mark that a claim must name.
        contender: String,
    },
}

impl Instances {
    /// Asks `client`; records are in `namespace`.
    pub fn new(client: Client, namespace: String) -> Self {
        Self(Arc::new(Inner {
            cluster: Some((client, namespace)),
            ..Inner::default()
        }))
    }

    /// The addresses of the API servers when this process began to look; none when they cannot be known.
    ///
    /// # Errors
    /// [`Reason::ApiServerUnavailable`]: they could not be read this time, and nothing is concluded from that.
    pub(crate) async fn servers(&self) -> Result<&BTreeSet<String>, StepError> {
        let ask = async || {
            let Some((client, _)) = &self.0.cluster else {
                return Ok(BTreeSet::new());
            };
            match server_addresses(client).await {
                Ok(addresses) => Ok(addresses.into_iter().collect()),
                Err(Shortfall::Forbidden | Shortfall::NoAddress) => Ok(BTreeSet::new()),
                Err(shortfall) => Err(StepError::new(
                    ConditionType::Published,
                    Reason::ApiServerUnavailable,
                    format!("Whether this cluster is a copy cannot be told: {shortfall}."),
                )),
            }
        };
        self.0.servers.get_or_try_init(ask).await
    }

    /// Whether this process has found itself alone.
    pub(crate) fn is_alone(&self, federation: &str) -> bool {
        self.known(federation) == Some(InstanceVerdict::Alone)
    }

    /// Takes note of what a pass found.
    pub(crate) fn conclude(&self, federation: &str, verdict: InstanceVerdict) {
        self.0.known.lock().insert(federation.to_owned(), verdict);
    }

    /// Whether what is there in AWS may be changed or deleted. Before the first pass of this process what the cluster itself
    /// shows must do: a restart must not keep anybody waiting whose federation is unwell.
    ///
    /// # Errors
    /// [`Reason::ClusterCopied`]; [`Reason::ApiServerUnavailable`].
    pub(crate) async fn check(&self, federation: &str, claim: Option<&str>) -> Result<(), StepError> {
        let verdict = match self.known(federation) {
            Some(verdict) => verdict,
            None => self.look(federation).await?,
        };
        match verdict {
            InstanceVerdict::Doubtful { message, contender } if claim != Some(&contender) => {
                Err(StepError::new(ConditionType::Published, Reason::ClusterCopied, message))
            }
            InstanceVerdict::Alone | InstanceVerdict::Doubtful { .. } => Ok(()),
        }
    }

    async fn look(&self, federation: &str) -> Result<InstanceVerdict, StepError> {
        let Some((client, namespace)) = &self.0.cluster else {
            return Ok(InstanceVerdict::Alone);
        };
        let records = Records::new(client.clone(), namespace);
        let stored = records.load(&format!("{KEY_HISTORY_PREFIX}{federation}")).await?;
        // One that cannot be read is told of by its federation, and nothing is known of a copy by it.
        let record = stored.text.and_then(|text| KeyRecord::from_json(&text).ok());
        let instance = record.and_then(|record| record.instance);
        let look = Look {
            federation,
            record: instance.as_ref(),
            servers: self.servers().await?,
            continuous: false,
            seen: None,
            waited: false,
            claim: None,
        };
        Ok(match (look.standing(), &instance) {
            (Standing::Doubtful | Standing::Contested, Some(instance)) => {
                let contender = instance.contender().to_owned();
                InstanceVerdict::Doubtful {
                    message: format!(
                        "This cluster may be a copy: whether another one works on the same things in AWS is being found out. \
                         {CLAIM}={contender} on the OidcFederation ends the wait."
                    ),
                    contender,
                }
            }
            _ => InstanceVerdict::Alone,
        })
    }

    fn known(&self, federation: &str) -> Option<InstanceVerdict> {
        self.0.known.lock().get(federation).cloned()
    }
}

#[cfg(test)]
impl Instances {
    /// A process that finds the API servers there.
    pub(crate) fn behind(servers: &[&str], client: Client, namespace: &str) -> Self {
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        Self(Arc::new(Inner {
            cluster: Some((client, namespace.to_owned())),
            servers: OnceCell::new_with(Some(servers)),
            known: Locked::default(),
        }))
    }
}
