//! The question once more, for whoever sends: leadership as a gate for AWS, and a Kubernetes client with one.

use std::{
    future::ready,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use irsa_aws::{
    WriteGate,
    gate::{Closed, within},
};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, retry::RetryPolicy},
};
use tower::{BoxError, Service, buffer::Buffer, layer::layer_fn, retry::Retry};

use super::Leadership;

/// kube's own policy goes on for up to 15 retries and a quarter of an hour; a pass has less, and is repeated anyhow.
const RETRIES: u32 = 4;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// Requests that wait for the client's task; kube uses the same number.
const QUEUE: usize = 1024;

/// Leadership as a gate that whoever sends asks.
pub fn write_gate<L: Leadership>(leadership: Arc<L>) -> WriteGate {
    WriteGate::new(move || match leadership.permit() {
        Ok(permit) => Ok(permit.until()),
        Err(_) => Err(Closed),
    })
}

/// A client that asks the gate for each attempt of a request that is no read, retries (429, 503, 504) included.
///
/// # Errors
/// When the configuration's certificates cannot be used.
pub fn gated_client(mut config: Config, gate: WriteGate) -> kube::Result<Client> {
    // Ours are around the gate.
    config.default_retry = false;
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&layer_fn(|stack| layered(stack, gate.clone())))
        .build())
}

/// Retries around the gate around what sends.
pub(super) fn layered<S, R>(stack: S, gate: WriteGate) -> Retried<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    let retries = RetryPolicy::new(FIRST_RETRY, LAST_RETRY, RETRIES, true).unwrap_or_default();
    // A request is cloned to be sent again, and so must be what sends it: a queue can be.
    let queue = Buffer::new(Gated { inner: stack, gate }, QUEUE);
    Retry::new(retries, queue)
}

type Retried<S> = Retry<RetryPolicy, Buffer<Request<Body>, <Gated<S> as Service<Request<Body>>>::Future>>;

/// What sends, behind the gate.
#[derive(Debug)]
pub(super) struct Gated<S> {
    inner: S,
    gate: WriteGate,
}

impl<S> Service<Request<Body>> for Gated<S>
where
    S: Service<Request<Body>, Error = BoxError>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        if reads {
            return Box::pin(self.inner.call(request));
        }
        match self.gate.ask() {
            Ok(None) => Box::pin(self.inner.call(request)),
            Ok(Some(until)) => {
                let attempt = self.inner.call(request);
                Box::pin(async move { within(until, attempt).await? })
            }
            Err(closed) => Box::pin(ready(Err(closed.into()))),
        }
    }
}
