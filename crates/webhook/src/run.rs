//! Wiring of the process: the watch, the certificate and both servers are made here and run until they are told to stop.

use std::{error::Error, net::TcpListener, sync::Arc};

use irsa_process::{
    kubernetes,
    probes::{self, Readiness},
    signals::stopped,
};
use kube::Client;

use crate::{
    accounts::{self, BoundAccounts},
    args::WebhookArgs,
    certificate::{self, Keeper},
    drain::drain,
    limits::{CONNECTIONS, ReviewLimits},
    metrics::{CertificateMetrics, ReviewMetrics, registry},
    server::{self, Reviewer, ShownCertificate},
};

const ACCOUNTS: &str = "the bound ServiceAccounts";
const CERTIFICATE: &str = "a certificate that the API servers trust";

type Problem = Box<dyn Error + Send + Sync>;

/// Runs until SIGTERM or SIGINT, and a while longer for the API servers that do not know yet.
///
/// # Errors
/// What keeps it from starting or from going on.
pub(crate) async fn run(args: WebhookArgs) -> Result<(), Problem> {
    let stop = stopped()?;
    let reviews = TcpListener::bind(args.listen_addr)?;
    let metrics_listener = tokio::net::TcpListener::bind(args.process.metrics_addr).await?;
    let client = Client::try_from(kubernetes::config().await?)?;

    let bound = Arc::new(BoundAccounts::default());
    let review_metrics = ReviewMetrics::default();
    let certificate_metrics = CertificateMetrics::default();
    let registry = registry(&review_metrics, &certificate_metrics, Arc::clone(&bound));
    let readiness = Readiness::waiting_for([ACCOUNTS, CERTIFICATE]);
    let probes = probes::serve(metrics_listener, readiness.clone(), registry);

    let shown = ShownCertificate::default();
    let (stopper, drain) = drain(args.shutdown_delay.unsigned_abs());
    let reviewer = Reviewer {
        accounts: Arc::clone(&bound),
        metrics: review_metrics,
        drain,
        limits: ReviewLimits::new(CONNECTIONS),
    };
    let server = server::serve(reviews, shown.clone(), reviewer);
    let following = accounts::follow(client.clone(), &bound, || readiness.has_come(ACCOUNTS));
    let holding = hold(&args, client, shown, certificate_metrics, || {
        readiness.has_come(CERTIFICATE);
    });
    let stopping = async {
        stop.await;
        stopper.stop();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = server => result.map_err(Into::into),
        result = probes => Err(result.err().map_or_else(|| "the probes' server has ended".into(), Into::into)),
        () = following => Err("the watch of ServiceAccounts has ended by itself".into()),
        () = holding => Err("the certificate's keeper has ended by itself".into()),
        () = stopping => Ok(()),
    }
}

/// Holds the certificate, as the flags say.
async fn hold(
    args: &WebhookArgs,
    client: Client,
    shown: ShownCertificate,
    metrics: CertificateMetrics,
    trusted: impl FnMut(),
) {
    if let Some(directory) = &args.certificate_directory {
        return certificate::follow(directory, &args.names().server(), shown, metrics, trusted).await;
    }
    let keeper = Keeper {
        client,
        names: args.names(),
        overlap: args.certificate_overlap,
        shown,
        metrics,
    };
    keeper.keep(trusted).await;
}
