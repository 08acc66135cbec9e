//! The question once more, for whoever sends: leadership as a gate for AWS, and a Kubernetes client with one.

use std::{
    future::ready,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Method, Request};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use irsa_aws::{
    WriteGate,
    gate::{Closed, TimedBody, within},
};
use kube::{
    Client, Config,
    client::{Body, ConfigExt, retry::RetryPolicy},
};
use tower::{BoxError, Service, ServiceBuilder, retry::Retry};

use super::Leadership;

/// kube's own policy goes on for up to 15 retries and a quarter of an hour; a pass has less, and is repeated anyhow.
const RETRIES: u32 = 4;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// How long a connection waits for its next request. A rush leaves as many behind as there were requests at a time, each with
/// buffers of its own.
const IDLE_CONNECTION: Duration = Duration::from_secs(15);

/// The buffer that a connection reads into grows with what comes, and never becomes smaller: what a watch keeps would be as large
/// as the list that once came over its connection. A record of TLS has no more than this. It is also the most that the head of
/// an answer may have.
const READ_AT_A_TIME: usize = 16 * 1024;

/// Leadership as a gate that whoever sends asks.
pub fn write_gate<L: Leadership>(leadership: Arc<L>) -> WriteGate {
    WriteGate::new(move || match leadership.permit() {
        Ok(permit) => Ok(permit.until()),
        Err(_) => Err(Closed),
    })
}

/// A client that asks the gate for each attempt of a request that is no read, retries (429, 503, 504) included.
///
/// It is put together from the parts of kube's own, because the gate has its place between them: inside the retries, and
/// outside the connection, whose task must not send what was handed to it too late.
///
/// # Assumptions
/// The configuration names no proxy.
///
/// # Errors
/// When the configuration's certificates or credentials cannot be used.
pub fn gated_client(config: &Config, gate: WriteGate) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let sender = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .http1_max_buf_size(READ_AT_A_TIME)
        .build(connector);
    let sender = ServiceBuilder::new()
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .service(Gated::new(sender, gate));
    let stack = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .service(retried(sender));
    Ok(Client::new(stack, config.default_namespace.clone()))
}

/// Retries around a sender.
pub(super) fn retried<S>(sender: S) -> Retry<RetryPolicy, S> {
    Retry::new(
        RetryPolicy::new(FIRST_RETRY, LAST_RETRY, RETRIES, true).unwrap_or_default(),
        sender,
    )
}

/// What sends, behind the gate.
#[derive(Debug, Clone)]
pub(super) struct Gated<S> {
    sender: S,
    gate: WriteGate,
}

impl<S> Gated<S> {
    pub(super) fn new(sender: S, gate: WriteGate) -> Self {
        Self { sender, gate }
    }
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<TimedBody<Body>>>,
    S::Response: Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.sender.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let until = match self.gate.ask() {
            _ if reads => None,
            Ok(until) => until,
            Err(closed) => return Box::pin(ready(Err(closed.into()))),
        };
        let attempt = self.sender.call(request.map(|body| TimedBody::new(body, until)));
        Box::pin(async move { within(until, attempt).await?.map_err(Into::into) })
    }
}
