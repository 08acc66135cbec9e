//! The few HTTPS requests that a test makes itself, without a Kubernetes client library.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ControlPlaneError;

/// As long as the API server itself works on a request.
const TIMEOUT: Duration = Duration::from_mins(1);

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Connection = SendRequest<Full<Bytes>>;

/// Talks to one API server as one user. A connection per request: tests restart servers under it.
#[derive(Clone)]
pub struct ApiClient {
    port: u16,
    tls: TlsConnector,
    token: Option<String>,
    /// Connections that wait for their next request, where they are kept.
    kept: Option<Arc<Mutex<Vec<Connection>>>>,
}

impl std::fmt::Debug for ApiClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ApiClient")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// An answer of the API server, refused or not.
#[derive(Debug, Clone)]
pub struct ApiReply {
    /// HTTP status code.
    pub status: u16,
    /// The body as JSON; a body that is not JSON is one string.
    pub body: Value,
    /// The body as it came.
    pub bytes: Bytes,
}

impl ApiReply {
    /// The API server's sentence about a refusal, or the body when it is no `Status` object.
    pub fn message(&self) -> String {
        match self.body.get("message").and_then(Value::as_str) {
            Some(message) => message.to_owned(),
            None => String::from_utf8_lossy(&self.bytes).into_owned(),
        }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl ApiClient {
    pub(super) fn new(port: u16, ca_pem: &str, token: Option<String>) -> Result<Self, ControlPlaneError> {
        let unusable = |reason: String| ControlPlaneError::Crypto {
            what: "a TLS client",
            reason,
        };
        let authority =
            CertificateDer::from_pem_slice(ca_pem.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority).map_err(|error| unusable(error.to_string()))?;
        // Named, not the process default: a test may have installed none yet.
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            port,
            tls: TlsConnector::from(Arc::new(config)),
            token,
            kept: None,
        })
    }

    /// The same client, which keeps its connections as kubectl does: for who makes many requests and measures what they cost.
    ///
    /// # Assumptions
    /// The server is not restarted meanwhile.
    #[must_use]
    pub fn keeping_connections(&self) -> Self {
        Self {
            kept: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// The same server as another user; `None` is anonymous.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self {
            token: token.map(str::to_owned),
            ..self.clone()
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<ApiReply, ControlPlaneError> {
        self.request(Method::GET, path, None, None).await
    }

    /// POST of a JSON object.
    pub async fn post(&self, path: &str, body: &Value) -> Result<ApiReply, ControlPlaneError> {
        self.request(Method::POST, path, Some(body), None).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<ApiReply, ControlPlaneError> {
        self.request(Method::DELETE, path, None, None).await
    }

    /// PATCH as an RFC 7396 merge.
    pub async fn merge_patch(&self, path: &str, body: &Value) -> Result<ApiReply, ControlPlaneError> {
        self.request(Method::PATCH, path, Some(body), Some("application/merge-patch+json"))
            .await
    }

    /// PATCH as an RFC 6902 list of operations.
    pub async fn json_patch(&self, path: &str, body: &Value) -> Result<ApiReply, ControlPlaneError> {
        self.request(Method::PATCH, path, Some(body), Some("application/json-patch+json"))
            .await
    }

    /// PATCH as a server-side apply; `path` names the field manager.
    pub async fn apply(&self, path: &str, body: &Value) -> Result<ApiReply, ControlPlaneError> {
        self.request(Method::PATCH, path, Some(body), Some("application/apply-patch+yaml"))
            .await
    }

    /// GET or POST that must succeed; a refusal becomes [`ControlPlaneError::Refused`].
    pub async fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ControlPlaneError> {
        let reply = self.request(method.clone(), path, body, None).await?;
        if reply.is_success() {
            return Ok(reply.body);
        }
        Err(ControlPlaneError::Refused {
            method: method.to_string(),
            path: path.to_owned(),
            status: reply.status,
            message: reply.message(),
        })
    }

    /// Any request; the content type is `application/json` unless given.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        content_type: Option<&str>,
    ) -> Result<ApiReply, ControlPlaneError> {
        let failed = |reason: String| ControlPlaneError::Transport {
            method: method.to_string(),
            path: path.to_owned(),
            reason,
        };
        match tokio::time::timeout(TIMEOUT, self.exchange(&method, path, body, content_type)).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("no answer in {TIMEOUT:?}"))),
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        content_type: Option<&str>,
    ) -> Result<ApiReply, Failure> {
        let mut sender = match self.take_kept().await {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, format!("127.0.0.1:{}", self.port))
            .header(header::USER_AGENT, "irsa-testkit")
            .header(header::ACCEPT, "application/json, */*");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let payload = match body {
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, content_type.unwrap_or("application/json"));
                Bytes::from(serde_json::to_vec(value)?)
            }
            None => Bytes::new(),
        };
        let response = sender.send_request(request.body(Full::new(payload))?).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await?.to_bytes();
        if let Some(kept) = &self.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        }
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(ApiReply { status, body, bytes })
    }

    async fn take_kept(&self) -> Option<Connection> {
        let kept = self.kept.as_ref()?;
        loop {
            let mut one = kept.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            // One that was closed meanwhile is dropped.
            if one.ready().await.is_ok() {
                return Some(one);
            }
        }
    }

    /// A connection, which lasts until it is dropped.
    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await?;
        // The body follows its head at once, and not when the head was acknowledged.
        stream.set_nodelay(true)?;
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        let stream = self.tls.connect(name, stream).await?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
