//! The server: reviews over TLS, with the certificate that is held when a connection is made.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use hyper_util::rt::TokioTimer;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tracing::warn;

use crate::{
    accounts::BoundAccounts,
    drain::Drain,
    limits::{NotTaken, ReviewLimits, Room},
    metrics::ReviewMetrics,
    review::{ReviewError, review},
};

/// Where reviews are asked for; `config/webhook` names the same.
pub(crate) const PATH: &str = "/mutate";
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may say nothing. Longer than API servers keep one (90 s: Go's `http.DefaultTransport`), so that it is they who hang
/// up: a review that met a connection just being closed would be a pod without credentials.
const SILENCE: Duration = Duration::from_mins(3);
/// What a connection keeps to read and to write in.
const BUFFER: usize = 16 << 10;
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
    pub(crate) limits: ReviewLimits,
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
        .map(|tls| tls.handshake_timeout(HANDSHAKE).acceptor(reviewer.limits.acceptor()))
        .handle(handle)
        // Whatever a client begins with: HTTP/2 would buffer what nobody has counted.
        .http1_only();
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(BUFFER)
        .header_read_timeout(SILENCE);
    tokio::select! {
        result = server.serve(routes(reviewer).into_make_service()) => result,
        () = ending => Ok(()),
    }
}

/// HTTP/1.1 is all that is offered: so API servers' requests spread over the replicas.
fn tls(certificate: ShownCertificate) -> RustlsConfig {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    RustlsConfig::from_config(Arc::new(config))
}

fn routes(reviewer: Reviewer) -> Router {
    Router::new().route(PATH, post(reviewed)).with_state(reviewer)
}

async fn reviewed(State(reviewer): State<Reviewer>, request: Request) -> Response {
    let mut response = answered(&reviewer, request).await.unwrap_or_else(|(code, problem)| {
        reviewer.metrics.count_unreadable();
        warn!(%problem, "refused a review");
        (code, problem).into_response()
    });
    if reviewer.drain.has_begun() {
        // The next review goes to another replica.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answered(reviewer: &Reviewer, request: Request) -> Result<Response, (StatusCode, String)> {
    let refused = |refusal: ReviewError| {
        let code = match refusal {
            ReviewError::NotTaken(NotTaken::TooLong) => StatusCode::PAYLOAD_TOO_LARGE,
            ReviewError::NotTaken(NotTaken::TooSlow | NotTaken::TooMany) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        (code, refusal.to_string())
    };
    let arrived = reviewer.limits.take(request.into_body()).await;
    let arrived = arrived.map_err(|refusal| refused(refusal.into()))?;
    let reviewed = review(&arrived.body, &reviewer.accounts, &reviewer.limits)
        .await
        .map_err(refused)?;
    reviewer.metrics.count(reviewed.verdict);
    let answer = Bytes::from_owner(UnreadAnswer {
        json: reviewed.answer,
        _room: reviewed.room,
    });
    Ok(([(CONTENT_TYPE, "application/json")], answer).into_response())
}

/// An answer, with its room until all of it is written.
struct UnreadAnswer {
    json: Vec<u8>,
    _room: Option<Room>,
}

impl AsRef<[u8]> for UnreadAnswer {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use irsa_core::{
        injection::InjectionSettings,
        vocabulary::{EKS_ROLE_ARN, INJECT_LABEL, INJECT_LABEL_MANUAL},
    };
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
    };
    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
        net::{TcpSocket, TcpStream},
        time::Instant,
    };
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::*;
    use crate::{connections::READING_PATIENCE, drain::drain};

    const NAME: &str = "irsa-anywhere-webhook.irsa-anywhere-system.svc";

    /// What the server says to one who speaks no TLS: nothing, if it has not taken the connection.
    async fn answer_to_garbage(mut connection: TcpStream) -> Vec<u8> {
        let mut answer = Vec::new();
        // Either may fail where the server has hung up already.
        let _ = connection.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
        let _ = connection.read_to_end(&mut answer).await;
        answer
    }

    struct Bench {
        address: SocketAddr,
        accounts: Arc<BoundAccounts>,
        limits: ReviewLimits,
        server: tokio::task::JoinHandle<std::io::Result<()>>,
        /// What it shows.
        certificate: CertificateDer<'static>,
    }

    impl Bench {
        /// A server with so many places.
        fn new(connections: usize) -> Self {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let issued = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
            let certificate = issued.cert.der().clone();
            let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()).into();
            let provider = rustls::crypto::ring::default_provider();
            let shown = ShownCertificate::default();
            shown.show(CertifiedKey::from_der(vec![certificate.clone()], key, &provider).unwrap());

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let (stopper, drain) = drain(Duration::ZERO);
            let reviewer = Reviewer {
                accounts: Arc::default(),
                metrics: ReviewMetrics::default(),
                drain,
                limits: ReviewLimits::new(connections),
            };
            let (accounts, limits) = (Arc::clone(&reviewer.accounts), reviewer.limits.clone());
            let serving = async move {
                let _stopper = stopper;
                serve(listener, shown, reviewer).await
            };
            Self {
                address,
                accounts,
                limits,
                server: tokio::spawn(serving),
                certificate,
            }
        }

        /// For whom the kernel keeps little that he has not read.
        async fn tcp(&self) -> TcpStream {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_recv_buffer_size(8 << 10).unwrap();
            socket.connect(self.address).await.unwrap()
        }

        /// In real time: a clock that stands still jumps to the next deadline whenever nobody has anything to do, also in the midst of a
        /// handshake.
        async fn tls(&self) -> TlsStream<TcpStream> {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            let client = ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = ServerName::try_from(NAME).unwrap();
            let connecting = TlsConnector::from(Arc::new(client)).connect(name, self.tcp().await);
            connecting.await.unwrap()
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            self.server.abort();
        }
    }

    #[tokio::test]
    async fn a_connection_too_many_waits_a_moment_and_is_ended() {
        let bench = Bench::new(2);
        let (first, _second) = (bench.tcp().await, bench.tcp().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(answer_to_garbage(bench.tcp().await).await, b"", "not taken");
        // One that waits gets the place of one that ends.
        let waiting = tokio::spawn(answer_to_garbage(bench.tcp().await));
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(first);
        assert_ne!(waiting.await.unwrap(), b"", "taken: TLS says that this is none");
    }

    /// How long it takes until the server hangs up.
    async fn hung_up_after(mut connection: impl AsyncRead + Unpin) -> Duration {
        let begun = Instant::now();
        let _ = connection.read_to_end(&mut Vec::new()).await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_ended_before_and_after_its_handshake() {
        let bench = Bench::new(1);
        let silent = hung_up_after(bench.tcp().await).await;
        assert!((HANDSHAKE..HANDSHAKE * 2).contains(&silent), "{silent:?}");

        // Its only place is free again.
        tokio::time::resume();
        let connection = bench.tls().await;
        tokio::time::pause();
        let silent = hung_up_after(connection).await;
        assert!((SILENCE..SILENCE + HANDSHAKE).contains(&silent), "{silent:?}");
    }

    #[tokio::test]
    async fn who_reads_nothing_of_his_answers_keeps_neither_their_room_nor_his_place() {
        let bench = Bench::new(1);
        let labels = BTreeMap::from([(INJECT_LABEL.to_owned(), INJECT_LABEL_MANUAL.to_owned())]);
        let role = format!("arn:aws:iam::123456789012:role/{}", "a".repeat(600));
        let annotations = BTreeMap::from([(EKS_ROLE_ARN.to_owned(), role)]);
        let settings = InjectionSettings::of_service_account("", &labels, &annotations);
        bench.accounts.put("team", "app", settings);
        let containers: Vec<Value> = (0..1000).map(|_| json!({"name": "a"})).collect();
        let body = json!({"apiVersion": "admission.k8s.io/v1", "request": {
            "uid": "1", "operation": "CREATE", "namespace": "team", "resource": {"group": "", "resource": "pods"},
            "object": {"spec": {"serviceAccountName": "app", "containers": containers}}}})
        .to_string();
        let request = format!(
            "POST {PATH} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );

        // Answers of eight megabytes: more than the sender's kernel keeps.
        let mut connection = bench.tls().await;
        connection.write_all(request.repeat(6).as_bytes()).await.unwrap();
        let stuck = || bench.limits.taken(1).1 > 0;
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if stuck() {
                break;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(stuck());

        tokio::time::pause();
        let begun = Instant::now();
        while bench.limits.taken(1) != (0, 0) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(begun.elapsed() < READING_PATIENCE * 2, "{:?}", bench.limits.taken(1));
        }
        assert!(begun.elapsed() > READING_PATIENCE / 2);
        drop(connection);
    }
}
