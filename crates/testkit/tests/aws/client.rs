//! A raw HTTPS client with its own SigV4 signer: shares nothing with the double or with an SDK.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use irsa_testkit::aws::{AwsDouble, Credentials};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// One request, before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) host: String,
    /// As sent; already encoded.
    pub(crate) path_and_query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: Method, host: &str, path_and_query: &str) -> Self {
        Self {
            method,
            host: host.to_owned(),
            path_and_query: path_and_query.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A query-protocol call.
    pub(crate) fn form<'a>(host: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = parameters
            .into_iter()
            .map(|(key, value)| format!("{key}={}", encode(value)))
            .collect();
        let mut request = Self::new(Method::POST, host, "/");
        request.body = pairs.join("&").into_bytes();
        request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// How a request is to be signed.
#[derive(Debug, Clone)]
pub(crate) struct Signature<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    /// Added to the machine's clock.
    pub(crate) skew: SignedDuration,
    /// Stands for the body; default: its hash.
    pub(crate) payload: Option<&'a str>,
}

impl<'a> Signature<'a> {
    /// Region and service as the host name says them.
    pub(crate) fn for_host(credentials: &'a Credentials, host: &'a str) -> Self {
        let labels: Vec<&str> = host.split('.').collect();
        let s3 = labels.iter().position(|label| label.starts_with("s3"));
        let service = if s3.is_some() { "s3" } else { labels[0] };
        let region = labels
            .get(s3.unwrap_or(0) + 1)
            .copied()
            .filter(|label| label.contains('-'))
            .unwrap_or("us-east-1");
        Self {
            credentials,
            region,
            service,
            skew: SignedDuration::ZERO,
            payload: None,
        }
    }

    /// A presigned request, good for so many seconds; only `host` is signed besides the query.
    pub(crate) fn presign(&self, mut request: Request, seconds: u32) -> Request {
        let stamp = (Timestamp::now() + self.skew).strftime("%Y%m%dT%H%M%SZ").to_string();
        let scope = format!("{}/{}/{}/aws4_request", &stamp[..8], self.region, self.service);
        let credential = format!("{}/{scope}", self.credentials.access_key_id).replace('/', "%2F");
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={stamp}&X-Amz-Expires={seconds}\
             &X-Amz-SignedHeaders=host"
        );
        let canonical = format!(
            "{}\n{}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD",
            request.method, request.path_and_query, request.host
        );
        let text = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let signature = hex(&mac(&self.key(&scope), &text));
        request.path_and_query = format!("{}?{query}&X-Amz-Signature={signature}", request.path_and_query);
        request
    }

    fn key(&self, scope: &str) -> Vec<u8> {
        let start = format!("AWS4{}", self.credentials.secret_access_key).into_bytes();
        scope.split('/').fold(start, |key, part| mac(&key, part))
    }

    pub(crate) fn sign(&self, mut request: Request) -> Request {
        let stamp = (Timestamp::now() + self.skew).strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = &stamp[..8];
        let payload = self
            .payload
            .map_or_else(|| hex(&Sha256::digest(&request.body)), ToOwned::to_owned);
        request = request
            .header("x-amz-date", &stamp)
            .header("x-amz-content-sha256", &payload);
        if let Some(token) = &self.credentials.session_token {
            request = request.header("x-amz-security-token", token);
        }
        let mut headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        headers.push(("host".to_owned(), request.host.clone()));
        headers.sort();
        let names = headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let (path, query) = request
            .path_and_query
            .split_once('?')
            .unwrap_or((&request.path_and_query, ""));
        let mut query: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                if pair.contains('=') {
                    pair.to_owned()
                } else {
                    format!("{pair}=")
                }
            })
            .collect();
        query.sort();
        let canonical = format!(
            "{}\n{path}\n{}\n{lines}\n{names}\n{payload}",
            request.method,
            query.join("&")
        );
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = format!(
            "AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}",
            hex(&Sha256::digest(canonical))
        );
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.credentials.access_key_id,
            hex(&mac(&self.key(&scope), &text))
        );
        request.header("authorization", &authorization)
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Text of the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
    }

    /// `200`, or `400 Code`.
    pub(crate) fn verdict(&self) -> String {
        match self.element("Code") {
            Some(code) if self.status >= 300 => format!("{} {code}", self.status),
            _ => self.status.to_string(),
        }
    }

    /// The credentials in an AssumeRole answer.
    pub(crate) fn credentials(&self) -> Credentials {
        let text = |name| {
            self.element(name)
                .unwrap_or_else(|| panic!("no {name} in {}", self.body))
                .to_owned()
        };
        Credentials {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: Some(text("SessionToken")),
        }
    }
}

/// Opens a tunnel through the proxy. The error text is what the proxy said.
pub(crate) async fn tunnel(aws: &AwsDouble, host: &str, port: u16) -> Result<TcpStream, Failure> {
    let proxy = aws.proxy_url();
    let mut stream = TcpStream::connect(proxy.trim_start_matches("http://")).await?;
    stream
        .write_all(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n").as_bytes())
        .await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head)?;
    if head.starts_with("HTTP/1.1 200 ") {
        Ok(stream)
    } else {
        Err(head.into())
    }
}

/// A TLS connection to `host` through the proxy, checked against the double's CA.
pub(crate) async fn connect(
    aws: &AwsDouble,
    host: &str,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(aws.ca_bundle())?)?;
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tunnel(aws, host, 443).await?;
    let name = ServerName::try_from(host.to_owned())?;
    Ok(tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?)
}

/// Sends a request as it is.
pub(crate) async fn send(aws: &AwsDouble, request: Request) -> Result<Answer, Failure> {
    let stream = connect(aws, &request.host).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let mut builder = http::Request::builder()
        .method(request.method)
        .uri(&request.path_and_query)
        .header("host", &request.host);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let response = sender
        .send_request(builder.body(Full::new(Bytes::from(request.body)))?)
        .await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    driving.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec())?,
    })
}

/// Signs for the request's host, and sends.
pub(crate) async fn call(aws: &AwsDouble, credentials: &Credentials, request: Request) -> Answer {
    let host = request.host.clone();
    let what = format!("{} {host}{}", request.method, request.path_and_query);
    let signed = Signature::for_host(credentials, &host).sign(request);
    send(aws, signed)
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}
