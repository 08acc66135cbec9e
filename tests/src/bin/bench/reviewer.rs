//! A client of the webhook that takes little of the machine itself: one connection, one review after the other.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use irsa_tests::world::Problem;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const SERVER: &str = "irsa-anywhere-webhook.irsa-anywhere-system.svc";

#[derive(Clone)]
pub(crate) struct Reviewer {
    address: SocketAddr,
    connector: TlsConnector,
    request: Arc<[u8]>,
}

impl Reviewer {
    /// One that trusts these authorities (in base64) and asks about this pod.
    pub(crate) fn new(address: SocketAddr, bundle: &str, pod: &Value) -> Result<Self, Problem> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&STANDARD.decode(bundle)?) {
            roots.add(certificate?)?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            address,
            connector: TlsConnector::from(Arc::new(config)),
            request: request_about(pod)?.into(),
        })
    }

    /// One that asks about another pod.
    pub(crate) fn about(&self, pod: &Value) -> Result<Self, Problem> {
        let request = request_about(pod)?.into();
        Ok(Self {
            request,
            ..self.clone()
        })
    }

    /// Asks so often, on one connection, and reads no answer for so long.
    pub(crate) async fn ask_and_not_read(&self, times: usize, pause: Duration) -> Result<(), Problem> {
        let stream = TcpStream::connect(self.address).await?;
        let mut stream = self.connector.connect(ServerName::try_from(SERVER)?, stream).await?;
        let asking = async {
            for _ in 0..times {
                // Who reads nothing is hung up on.
                if stream.write_all(&self.request).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let _ = tokio::time::timeout(pause, asking).await;
        Ok(())
    }

    /// How long each review took, connections apart.
    pub(crate) async fn ask(&self, connections: usize, reviews: usize) -> Result<Vec<Duration>, Problem> {
        let mut times = Vec::with_capacity(connections * reviews);
        for _ in 0..connections {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let mut stream = self.connector.connect(ServerName::try_from(SERVER)?, stream).await?;
            let mut answer = vec![0; 64 << 10];
            let mut first = Vec::new();
            for _ in 0..reviews {
                let begun = Instant::now();
                stream.write_all(&self.request).await?;
                let length = read_answer(&mut stream, &mut answer).await?;
                times.push(begun.elapsed());
                let answer = body(answer.get(..length).unwrap_or_default());
                if first.is_empty() && contains(answer, b"\"patchType\":\"JSONPatch\"") {
                    first = answer.to_vec();
                }
                // One question has one answer.
                if first.is_empty() || answer != first {
                    return Err("a review was answered without a patch, or otherwise than the one before".into());
                }
            }
        }
        Ok(times)
    }
}

/// A review of the pod, as an API server asks for it.
fn request_about(pod: &Value) -> Result<Vec<u8>, Problem> {
    let namespace = pod.pointer("/metadata/namespace").cloned().unwrap_or_default();
    let review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "operation": "CREATE", "namespace": namespace,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod, "oldObject": null, "dryRun": false,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        },
    });
    let body = serde_json::to_vec(&review)?;
    let mut request = format!(
        "POST /mutate?timeout=5s HTTP/1.1\r\nHost: {SERVER}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend(body);
    Ok(request)
}

/// Reads one answer of HTTP/1.1 that says how long it is.
async fn read_answer(stream: &mut TlsStream<TcpStream>, answer: &mut [u8]) -> Result<usize, Problem> {
    let mut length = 0;
    loop {
        let room = answer.get_mut(length..).ok_or("too long an answer")?;
        let read = stream.read(room).await?;
        if read == 0 {
            return Err("the webhook has hung up".into());
        }
        length += read;
        let read = answer.get(..length).unwrap_or_default();
        let Some(head) = read.len().checked_sub(body(read).len()).filter(|head| *head > 0) else {
            continue;
        };
        let head = std::str::from_utf8(read.get(..head).unwrap_or_default())?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(head.lines().next().unwrap_or_default().to_owned().into());
        }
        let whole = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body(read).len() >= whole.ok_or("an answer without its length")? {
            return Ok(length);
        }
    }
}

/// What comes after the head; all of it while the head has not ended.
fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    end.and_then(|end| answer.get(end + 4..)).unwrap_or(answer)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
