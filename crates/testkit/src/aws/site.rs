//! A static HTTPS site, for issuers that are not in S3.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::{net::TcpListener, runtime::Handle, task::JoinHandle};

use super::front::serve_site;

/// What a path answers.
#[derive(Debug, Clone)]
struct Document {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: Bytes,
}

type Documents = Arc<Mutex<HashMap<String, Document>>>;

/// A static HTTPS site on 127.0.0.1. Stops when dropped.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    documents: Documents,
    server: JoinHandle<()>,
}

impl Site {
    /// Starts an empty site on the double's runtime, so that a test may block while somebody reads it.
    pub(crate) async fn start(runtime: &Handle, tls: Arc<ServerConfig>) -> io::Result<Self> {
        let bound = runtime.spawn(TcpListener::bind(("127.0.0.1", 0))).await;
        let listener = bound.map_err(io::Error::other)??;
        let address = listener.local_addr()?;
        let documents = Documents::default();
        let shared = Arc::clone(&documents);
        let server = runtime.spawn(serve_site(listener, tls, move |request| answer(&shared, request)));
        Ok(Self {
            address,
            documents,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `body` at `path`.
    pub fn put(&self, path: &str, body: impl Into<Bytes>) {
        self.set(path, StatusCode::OK, &[("content-type", "application/json")], body);
    }

    /// Answers `path` with this status, headers and body.
    pub fn set(&self, path: &str, status: StatusCode, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let document = Document {
            status,
            headers,
            body: body.into(),
        };
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned(), document);
    }

    /// Takes `path` away: 404.
    pub fn remove(&self, path: &str) {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(path);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn answer(documents: &Documents, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let documents = documents.lock().unwrap_or_else(PoisonError::into_inner);
    let found = documents
        .get(request.uri().path())
        .cloned()
        .unwrap_or_else(|| Document {
            status: StatusCode::NOT_FOUND,
            headers: Vec::new(),
            body: Bytes::from_static(b"not found"),
        });
    let mut response = Response::builder().status(found.status);
    for (name, value) in found.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(found.body)).unwrap_or_default()
}
