//! Fetching of an issuer's documents by STS: anonymously, over TLS, by host name, as any stranger would.

use std::{
    fmt::Debug,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::aws::front::routes::Routes;

/// An issuer slower than this is given up [re:Post "InvalidIdentityToken": more than 5 seconds].
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// AWS publishes no limit [reference 1.5]; this one is UNSOURCED and far beyond 200 keys.
const SIZE_LIMIT: usize = 1 << 20;

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchError {
    #[error("not an https URL")]
    Url,
    #[error("the host cannot be reached")]
    Unreachable,
    #[error("the host's certificate is not trusted")]
    Untrusted,
    #[error("no answer within 5 seconds")]
    TooSlow,
    #[error("the answer breaks off or is too long")]
    Broken,
    #[error("the answer is {0}")]
    Status(StatusCode),
}

/// An answer that is on its way; `None`: the connection was cut.
pub(crate) type Visiting = Pin<Box<dyn Future<Output = Option<Response<Full<Bytes>>>> + Send>>;

/// Who answers requests without a socket.
pub(crate) trait Visit: Debug + Send + Sync {
    /// Answers one request, which names its host in `Host`.
    fn visit(self: Arc<Self>, request: Request<Full<Bytes>>) -> Visiting;
}

/// The way to an issuer.
#[derive(Debug)]
pub(crate) enum Dialer {
    /// By the double's name service, over TLS, trusting the test CA only.
    Sockets {
        routes: Arc<Routes>,
        tls: Arc<ClientConfig>,
    },
    /// Within the process, without sockets: there is no other host then. The request is the same, and anonymous.
    Within(Weak<dyn Visit>),
}

impl Dialer {
    pub(crate) fn new(routes: Arc<Routes>, tls: Arc<ClientConfig>) -> Self {
        Self::Sockets { routes, tls }
    }

    /// GETs a document. Redirects are not followed (UNSOURCED).
    pub(super) async fn get(&self, url: &str) -> Result<Bytes, FetchError> {
        let url: Uri = url.parse().map_err(|_| FetchError::Url)?;
        if url.scheme_str() != Some("https") {
            return Err(FetchError::Url);
        }
        tokio::time::timeout(TIME_LIMIT, self.exchange(&url))
            .await
            .map_err(|_| FetchError::TooSlow)?
    }

    async fn exchange(&self, url: &Uri) -> Result<Bytes, FetchError> {
        let host = url.host().ok_or(FetchError::Url)?;
        let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = Request::get(path)
            .header(header::HOST, host)
            .header(header::ACCEPT, "*/*")
            .header(header::USER_AGENT, "aws-sts")
            .body(Full::<Bytes>::default())
            .map_err(|_| FetchError::Url)?;
        let (routes, tls) = match self {
            Self::Sockets { routes, tls } => (routes, tls),
            Self::Within(host) => {
                let host = host.upgrade().ok_or(FetchError::Unreachable)?;
                let answer = host.visit(request).await.ok_or(FetchError::Unreachable)?;
                let status = answer.status();
                return body(status, answer.into_body()).await;
            }
        };
        let address = routes
            .resolve(host, url.port_u16().unwrap_or(443))
            .map_err(|_| FetchError::Unreachable)?;
        let stream = TcpStream::connect(address).await.map_err(|_| FetchError::Unreachable)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| FetchError::Url)?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await
            .map_err(|error| {
                let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                match tls {
                    Some(rustls::Error::InvalidCertificate(_)) => FetchError::Untrusted,
                    _ => FetchError::Unreachable,
                }
            })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| FetchError::Unreachable)?;
        let driving = tokio::spawn(connection);
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| FetchError::Unreachable)?;
        let status = response.status();
        let document = body(status, response.into_body()).await;
        driving.abort();
        document
    }
}

/// The whole of an answer that is a document.
async fn body<B>(status: StatusCode, body: B) -> Result<Bytes, FetchError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = Limited::new(body, SIZE_LIMIT).collect().await;
    if status != StatusCode::OK {
        return Err(FetchError::Status(status));
    }
    Ok(body.map_err(|_| FetchError::Broken)?.to_bytes())
}
