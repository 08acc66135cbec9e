//! Wiring of the process: clients, controllers and servers are made here and run until they are told to stop; the controllers and their
//! clients anew when all of many bindings are gone.

use std::{sync::Arc, time::Duration};

use futures::{
    FutureExt,
    channel::oneshot,
    future::{Shared, select},
};
use irsa_api::{IamRoleBinding, OidcFederation};
use irsa_aws::{Rate, SdkConnect, SdkPublicReader, Settings, WriteGate};
use irsa_controller::{
    binding,
    events::Events,
    federation::{self, ControlPlane},
    instances::Instances,
    leadership::{gated_client, write_gate},
    metrics::Metrics,
    reconciler::Driver,
    watch::{self, RunEnded},
};
use irsa_pipeline::{binding::validate::Limits, stage::chain};
use irsa_process::{
    kubernetes,
    probes::{self, Readiness},
    signals::stopped,
};
use k8s_openapi::{api::core::v1::Namespace, jiff::Timestamp};
use kube::{Api, Client, Config, Resource, api::ListParams};
use serde::de::DeserializeOwned;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{
    args::Args,
    election::{Replica, Right},
    error::Problem,
    metrics,
};

const CRDS: &str = "the CRDs";
const CONTROLLERS: &str = "the controllers";
/// Between two looks for what is not there yet at the start.
const RETRY: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT; passes that have begun are finished.
///
/// # Errors
/// What keeps it from starting or from going on: the process must end with failure then.
pub(crate) async fn run(args: Args) -> Result<(), Problem> {
    let stop = stopped()?.shared();
    let listener = TcpListener::bind(args.process.metrics_addr).await?;
    let config = kubernetes::config().await?;
    let pod = std::env::var("POD_NAME").ok();
    let lease_client = lease_client(&config)?;
    let replica = Replica::new(&args.election, lease_client, &args.operator_namespace, pod)?;
    let right = Arc::new(replica.right());
    let gate = write_gate(Arc::clone(&right));
    let connect = SdkConnect::new(settings(&args, gate.clone()))?;
    connect.rehearse().await;

    let metrics = Metrics::default();
    let registry = metrics::registry(&metrics, &connect, replica.metrics());
    let readiness = Readiness::waiting_for([CRDS, CONTROLLERS]);
    let probes = probes::serve(listener, readiness.clone(), registry);

    let means = Means {
        config,
        gate,
        connect,
        metrics,
        right,
    };
    let work = lead_and_work(&args, means, replica, &readiness, stop);
    tokio::select! {
        result = work => result,
        result = probes => Err(result.err().map_or_else(|| "the probes' server has ended".into(), Into::into)),
    }
}

/// What the controllers are made of.
struct Means {
    config: Config,
    gate: WriteGate,
    connect: SdkConnect,
    metrics: Metrics,
    right: Arc<Right>,
}

/// Stands by while another replica leads; leads and works when it may. Losing the lease is an error: the process ends, and
/// what it knew with it.
async fn lead_and_work(
    args: &Args,
    means: Means,
    mut replica: Replica,
    readiness: &Readiness,
    stop: Shared<impl Future<Output = ()> + Send + Sync + 'static>,
) -> Result<(), Problem> {
    let elected = async {
        let client = gated_client(&means.config, means.gate.clone())?;
        let cluster = prepare(&client, readiness).await;
        replica.lead(|| readiness.has_come(CONTROLLERS)).await;
        Ok::<_, Problem>(cluster)
    };
    let cluster = tokio::select! {
        cluster = elected => cluster?,
        () = stop.clone() => return Ok(()),
    };
    let work = Box::pin(controllers(args, means, cluster, readiness, stop));
    replica.while_leading(work).await
}

/// Runs the controllers until they are told to stop. When many bindings have come and all are gone both begin again, as after a
/// restart: what was made while those bindings were there is small, lies between their room, and keeps it.
async fn controllers(
    args: &Args,
    means: Means,
    cluster: String,
    readiness: &Readiness,
    stop: Shared<impl Future<Output = ()> + Send + Sync + 'static>,
) -> Result<(), Problem> {
    loop {
        info!(cluster, namespace = args.operator_namespace, "starting the controllers");
        let (federations, bindings) = parts(args, &means, &cluster)?;
        let (leave, left) = oneshot::channel();
        let left = left.map(drop).shared();
        let federations = tokio::spawn(federation::run(
            federations,
            select(stop.clone(), left.clone()).map(drop),
        ));
        let bindings = tokio::spawn(binding::run(bindings, stop.clone()));
        readiness.has_come(CONTROLLERS);
        // One that ends before it was told to has failed, a panic in it included. Told to, both finish what they have begun.
        let (ended, ()) = tokio::try_join!(
            async {
                let ended = bindings.await?;
                if ended == RunEnded::Stopped && stop.peek().is_none() {
                    return Err(ended_by_itself("binding"));
                }
                // Nobody listens any more only when that controller has ended.
                let _ = leave.send(());
                Ok(ended)
            },
            async {
                federations.await?;
                let told = stop.peek().or(left.peek());
                told.copied().ok_or_else(|| ended_by_itself("federation"))
            },
        )?;
        // Asked, not peeked at: nobody may have looked for a while.
        if ended == RunEnded::Stopped || stop.clone().now_or_never().is_some() {
            return Ok(());
        }
        info!("all bindings are gone: the controllers begin again");
        means.connect.forget();
    }
}

fn ended_by_itself(controller: &str) -> Problem {
    format!("the {controller} controller has ended by itself").into()
}

type Federations = federation::FederationParts<SdkConnect, SdkPublicReader, ControlPlane, Right>;
type Bindings = binding::BindingParts<SdkConnect, Right>;

/// What both controllers are made of, with nothing in memory yet and a client of their own.
fn parts(args: &Args, means: &Means, cluster: &str) -> Result<(Federations, Bindings), Problem> {
    let client = gated_client(&means.config, means.gate.clone())?;
    let driver = |controller: &str| {
        let events = Events::new(client.clone(), controller, std::env::var("POD_NAME").ok());
        let connect = means.connect.clone();
        Driver::new(
            client.clone(),
            Arc::clone(&means.right),
            means.metrics.clone(),
            events,
            Timestamp::now(),
        )
        .with_load(move || connect.limiters().load())
    };
    let inventories = binding::Inventories::default();
    let instances = Instances::new(client.clone(), args.operator_namespace.clone());
    let (watch_of_federations, watch_of_bindings) = watch::shared();
    let federations = federation::FederationParts {
        driver: driver("irsa-anywhere-federation"),
        public: means.connect.public_reader(),
        connect: means.connect.clone(),
        servers: ControlPlane::new(means.config.clone(), client.clone(), args.api_server_endpoints.clone()),
        cluster: cluster.to_owned(),
        namespace: args.operator_namespace.clone(),
        concurrency: args.concurrency,
        watch: watch_of_federations,
        inventories: inventories.clone(),
        instances: instances.clone(),
    };
    let bindings = binding::BindingParts {
        driver: driver("irsa-anywhere-binding"),
        connect: means.connect.clone(),
        cluster: cluster.to_owned(),
        namespace: args.operator_namespace.clone(),
        limits: Limits {
            trust_characters: args.trust_policy_quota.into(),
            ..Limits::default()
        },
        inventories,
        instances,
        concurrency: args.concurrency,
        watch: watch_of_bindings,
        stop_others: Box::new(federations.driver.close_if_idle()),
    };
    Ok((federations, bindings))
}

/// Waits for the CRDs and finds out which cluster this is.
async fn prepare(client: &Client, readiness: &Readiness) -> String {
    served::<OidcFederation>(client).await;
    served::<IamRoleBinding>(client).await;
    readiness.has_come(CRDS);
    cluster_uid(client).await
}

async fn served<K>(client: &Client)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = Api::all(client.clone());
    while let Err(error) = api.list_metadata(&ListParams::default().limit(1)).await {
        warn!(error = chain(&error), kind = %K::kind(&()), "the API server does not serve this kind yet");
        tokio::time::sleep(RETRY).await;
    }
}

/// How AWS is reached, as the flags say.
fn settings(args: &Args, gate: WriteGate) -> Settings {
    Settings {
        ca_bundle: args.ca_bundle.clone(),
        allowed_accounts: args.accounts(),
        rate: Rate::of(args.aws_calls_per_second.into()),
        gate,
        user_agent: kubernetes::user_agent(),
        ..Settings::default()
    }
}

/// The UID of the namespace kube-system: what identifies a cluster over its whole life.
async fn cluster_uid(client: &Client) -> String {
    let api: Api<Namespace> = Api::all(client.clone());
    loop {
        match api
            .get_metadata("kube-system")
            .await
            .map(|namespace| namespace.metadata.uid)
        {
            Ok(Some(uid)) => return uid,
            Ok(None) => warn!("the namespace kube-system has no UID"),
            Err(error) => warn!(error = chain(&error), "cannot read the namespace kube-system"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// A client for the lease alone: nobody is asked before it writes, and whoever uses it retries in time by himself.
///
/// # Errors
/// When the configuration's certificates cannot be used.
fn lease_client(config: &Config) -> kube::Result<Client> {
    let mut config = config.clone();
    config.default_retry = false;
    Client::try_from(config)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use irsa_aws::gate::Closed;

    use super::*;

    #[test]
    fn what_the_flags_say_of_aws_reaches_it() {
        let flags = [
            "irsa-anywhere",
            "--ca-bundle=/etc/ca.pem",
            "--allowed-accounts=123456789012",
            "--aws-calls-per-second=7",
        ];
        let closed = WriteGate::new(|| Err(Closed));
        let settings = settings(&Args::try_parse_from(flags).unwrap(), closed);
        assert_eq!(settings.ca_bundle, Some("/etc/ca.pem".into()));
        assert_eq!(settings.allowed_accounts, ["123456789012".to_owned()].into());
        assert_eq!(settings.rate, Rate::of(7.0));
        assert_ne!(settings.rate, Rate::default());
        assert!(settings.gate.ask().is_err(), "the gate is the one that was given");
        assert!(settings.credentials.is_none(), "the SDK's own chain");
    }
}
