//! The server: reviews over TLS, with the certificate that is held when a connection is made.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use axum_server::{Handle, accept::NoDelayAcceptor, tls_rustls::RustlsConfig};
use hyper_util::rt::TokioTimer;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::sync::Mutex;
use tracing::warn;

use crate::{accounts::BoundAccounts, drain::Drain, metrics::ReviewMetrics, review::review};

/// Where reviews are asked for; `config/webhook` names the same.
pub(crate) const PATH: &str = "/mutate";
/// Longer than any pod that can be stored (etcd takes 1.5 MiB).
const LONGEST_REVIEW: usize = 2 << 20;
/// Reviews that are longer go one at a time: what is read of a pod may take many times the room that it is written in.
const LONG_REVIEW: usize = 64 << 10;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may say nothing. Longer than API servers keep one (90 s: Go's `http.DefaultTransport`), so that it is they who hang
/// up: a review that met a connection just being closed would be a pod without credentials.
const SILENCE: Duration = Duration::from_mins(3);
/// What has begun when the server ends may take so long: longer than any API server waits (`timeoutSeconds`).
const GRACE: Duration = Duration::from_secs(10);

/// The certificate that is shown now; none before the first.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShownCertificate(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

impl ShownCertificate {
    /// From now on this one is shown; connections that there are go on.
    pub(crate) fn show(&self, certificate: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certificate));
    }
}

impl ResolvesServerCert for ShownCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a review needs.
#[derive(Debug, Clone)]
pub(crate) struct Reviewer {
    pub(crate) accounts: Arc<BoundAccounts>,
    pub(crate) metrics: ReviewMetrics,
    pub(crate) drain: Drain,
    /// Whose turn it is of the long reviews.
    pub(crate) long: Arc<Mutex<()>>,
}

/// Serves reviews until the drain is over.
///
/// # Errors
/// When the listener cannot be used.
pub(crate) async fn serve(
    listener: TcpListener,
    certificate: ShownCertificate,
    reviewer: Reviewer,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let handle = Handle::<SocketAddr>::new();
    let ending = {
        let (handle, drain) = (handle.clone(), reviewer.drain.clone());
        async move {
            drain.over().await;
            handle.graceful_shutdown(Some(GRACE));
            std::future::pending::<()>().await;
        }
    };
    let mut server = axum_server::from_tcp_rustls(listener, tls(certificate))?
        // The end of an answer follows its beginning at once, and not when that was acknowledged.
        .map(|tls| tls.handshake_timeout(HANDSHAKE).acceptor(NoDelayAcceptor::new()))
        .handle(handle);
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE);
    tokio::select! {
        result = server.serve(routes(reviewer).into_make_service()) => result,
        () = ending => Ok(()),
    }
}

/// HTTP/1.1 only: API servers ask for nothing else, so that their requests spread over the replicas.
fn tls(certificate: ShownCertificate) -> RustlsConfig {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    RustlsConfig::from_config(Arc::new(config))
}

fn routes(reviewer: Reviewer) -> Router {
    Router::new()
        .route(PATH, post(reviewed))
        .layer(DefaultBodyLimit::max(LONGEST_REVIEW))
        .with_state(reviewer)
}

async fn reviewed(State(reviewer): State<Reviewer>, body: Bytes) -> Response {
    let _turn = if body.len() > LONG_REVIEW {
        Some(reviewer.long.lock().await)
    } else {
        None
    };
    let mut response = match review(&body, &reviewer.accounts) {
        Ok((answer, verdict)) => {
            reviewer.metrics.count(verdict);
            ([(CONTENT_TYPE, "application/json")], answer).into_response()
        }
        Err(problem) => {
            reviewer.metrics.count_unreadable();
            warn!(%problem, "refused a review");
            (StatusCode::BAD_REQUEST, problem.to_string()).into_response()
        }
    };
    if reviewer.drain.has_begun() {
        // The next review goes to another replica.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
