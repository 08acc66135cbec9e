//! The front: everything between a socket and a service.
//!
//! One request goes through: host name → service; body; latency; signature; throttle; fault; service; rendering; log.

mod auth;
mod body;
pub mod controls;
mod hosts;
pub mod in_process;
pub(crate) mod interlude;
mod listener;
pub mod log;
pub(crate) mod observer;
mod operation;
mod proxy;
mod refusal;
pub(crate) mod routes;
mod sigv4;
pub(crate) mod tls;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use percent_encoding::percent_decode_str;

use self::{
    controls::{Controls, Fault},
    hosts::Endpoint,
    interlude::Interludes,
    log::{Entry, RequestLog},
    observer::Observer,
    operation::Operation,
};
pub(crate) use self::{
    hosts::endpoint,
    listener::{listen, serve_site},
    proxy::proxy,
};
use super::{
    policy::Gate,
    sts::{
        self,
        fetch::{Dialer, Visit, Visiting},
    },
    wire::{AwsError, Call, Caller, Outcome, Reply, Service},
    world::World,
};

/// The largest body that S3 takes in one PutObject is 5 GB; the double's memory ends sooner (UNSOURCED).
const BODY_LIMIT: usize = 64 << 20;

/// Headers that the log leaves out.
const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization", "x-amz-security-token"];

/// No answer: the connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the connection is cut")]
pub struct Cut;

/// The double's front and everything behind it.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) world: World,
    pub(crate) controls: Arc<Controls>,
    pub(crate) log: RequestLog,
    pub(crate) dialer: Dialer,
    pub(crate) observer: Observer,
    pub(crate) interludes: Interludes,
}

impl Visit for Front {
    fn visit(self: Arc<Self>, request: Request<Full<Bytes>>) -> Visiting {
        // A future in a future of its own kind: STS is served by this front too.
        Box::pin(async { self.serve(request).await.ok() })
    }
}

impl Front {
    /// Serves one request.
    pub(crate) async fn serve<B>(self: Arc<Self>, request: Request<B>) -> Result<Response<Full<Bytes>>, Cut>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let host = host_of(&parts.headers, &parts.uri).ok_or(Cut)?;
        let endpoint = endpoint(&host).ok_or(Cut)?;
        let service = endpoint.service;
        if self.controls.is_stopped(service) {
            return Err(Cut);
        }
        let sent = Limited::new(body, BODY_LIMIT)
            .collect()
            .await
            .map_err(|_| Cut)?
            .to_bytes();
        let latency = self.controls.latency(service);
        if latency > Duration::ZERO {
            tokio::time::sleep(latency).await;
        }
        let mut call = Call {
            service,
            region: endpoint.region.clone(),
            method: parts.method,
            host,
            raw_path: parts.uri.path().to_owned(),
            query: query_of(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            body: sent.clone(),
            caller: Caller::Anonymous,
            now: self.world.clock.now(),
            request_id: request_id(),
        };
        let admitted = self.admit(&mut call, &sent, &endpoint);
        let operation = operation::name(&call, endpoint.partition);
        let account = account_of(&call);
        let outcome = match admitted {
            Ok(())
                if !self
                    .controls
                    .admit(service, account.as_deref().unwrap_or_default(), call.now) =>
            {
                Err(refusal::throttled(service))
            }
            Ok(()) => {
                let Some(outcome) = self.dispatch_with_faults(&call, &operation, account.as_deref()).await else {
                    self.record(&call, operation, account, None, None);
                    return Err(Cut);
                };
                outcome
            }
            Err(error) => Err(error),
        };
        let response = render(&call, &outcome);
        let code = outcome.err().map(|error| error.code);
        self.record(&call, operation, account, Some(response.status().as_u16()), code);
        Ok(response)
    }

    /// Signature, then body: fills in the caller and the decoded body.
    fn admit(&self, call: &mut Call, sent: &Bytes, endpoint: &Endpoint) -> Result<(), AwsError> {
        let signed = auth::find(call.service, &call.headers, &call.query)?;
        if let Some(signed) = &signed {
            signed.region().clone_into(&mut call.region);
            let caller = auth::check(signed, call, sent, endpoint, &self.world.lock())?;
            call.caller = caller;
        }
        if matches!(call.service, Service::S3 | Service::S3Control) {
            call.body = body::decode(&mut call.headers, sent.clone())?;
            body::verify(&call.headers, &call.body)?;
        } else if signed.is_none() && !is_open(call) {
            return Err(refusal::of(call.service, refusal::Refusal::Missing));
        }
        Ok(())
    }

    /// `None`: cut, or left hanging until the caller went away.
    async fn dispatch_with_faults(&self, call: &Call, operation: &Operation, account: Option<&str>) -> Option<Outcome> {
        match self.controls.take_fault(&operation.name, account, &operation.resource) {
            None => Some(self.effect(call, operation).await),
            Some(Fault::ErrorBefore(error)) => Some(Err(error)),
            Some(Fault::ErrorAfter(error)) => {
                let _ = self.effect(call, operation).await;
                Some(Err(error))
            }
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                Some(self.effect(call, operation).await)
            }
            Some(Fault::Hang) => {
                self.record(call, operation.clone(), account.map(ToOwned::to_owned), None, None);
                std::future::pending().await
            }
            Some(Fault::HangAfter) => {
                let _ = self.effect(call, operation).await;
                self.record(call, operation.clone(), account.map(ToOwned::to_owned), None, None);
                std::future::pending().await
            }
            Some(Fault::CutBefore) => None,
            Some(Fault::CutAfter) => {
                let _ = self.effect(call, operation).await;
                None
            }
        }
    }

    /// What the call does, told to whoever watches before anything else happens.
    async fn effect(&self, call: &Call, operation: &Operation) -> Outcome {
        if let Some(act) = self.interludes.take(&operation.name) {
            act(&mut self.world.lock().s3);
        }
        let outcome = match self.interludes.check(call, operation) {
            Ok(()) => self.dispatch(call).await,
            Err(error) => Err(error),
        };
        self.observer.tell(call, operation, &outcome);
        outcome
    }

    async fn dispatch(&self, call: &Call) -> Outcome {
        if call.service == Service::Sts {
            return sts::handle(&self.world, &self.dialer, call).await;
        }
        let mut state = self.world.lock();
        let gate = match &call.caller {
            Caller::Anonymous => Gate::anonymous(),
            Caller::Principal(_) => state.iam.gate(&call.caller),
        };
        match call.service {
            Service::Iam => state.iam.handle(call, &gate),
            _ => state.s3.handle(call, &gate),
        }
    }

    fn record(
        &self,
        call: &Call,
        operation: Operation,
        account: Option<String>,
        status: Option<u16>,
        error: Option<String>,
    ) {
        let caller = match &call.caller {
            Caller::Anonymous => None,
            Caller::Principal(principal) => Some(principal.arn.clone()),
        };
        self.log.push(Entry {
            service: call.service,
            operation: operation.name,
            account,
            anonymous: auth::find(call.service, &call.headers, &call.query) == Ok(None),
            caller,
            resource: operation.resource,
            status,
            error,
            access: operation.access,
            host: call.host.clone(),
            user_agent: call.header("user-agent").unwrap_or_default().to_owned(),
            headers: call
                .headers
                .iter()
                .filter(|(name, _)| !SECRET_HEADERS.contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
                .collect(),
            at: call.now,
        });
    }
}

/// Calls that need no signature: "calling AssumeRoleWithWebIdentity does not require the use of AWS security
/// credentials" [STS-model].
fn is_open(call: &Call) -> bool {
    call.service == Service::Sts
        && call
            .form()
            .get("Action")
            .is_some_and(|action| action == "AssumeRoleWithWebIdentity")
}

/// The account that a call is charged to.
fn account_of(call: &Call) -> Option<String> {
    match &call.caller {
        Caller::Principal(principal) => Some(principal.account.clone()),
        Caller::Anonymous if is_open(call) => call
            .form()
            .get("RoleArn")
            .and_then(|arn| arn.split(':').nth(4))
            .map(ToOwned::to_owned),
        Caller::Anonymous => None,
    }
}

fn host_of(headers: &HeaderMap, uri: &http::Uri) -> Option<String> {
    let host = match headers.get(header::HOST) {
        Some(value) => value.to_str().ok()?,
        None => uri.host()?,
    };
    Some(host.split(':').next().unwrap_or_default().to_ascii_lowercase())
}

fn query_of(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// A UUID, as AWS's query services answer.
fn request_id() -> String {
    let bits: u128 = rand::random();
    let hex = format!("{bits:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

fn render(call: &Call, outcome: &Outcome) -> Response<Full<Bytes>> {
    let s3 = matches!(call.service, Service::S3 | Service::S3Control);
    let (status, headers, body) = match outcome {
        Ok(Reply { status, headers, body }) => (*status, headers.clone(), body.clone()),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut headers: Vec<_> = error
                .extra
                .iter()
                .filter(|(name, _)| refusal::is_header(name))
                .cloned()
                .collect();
            // A refusal of HEAD, and 304, have no body [HTTP]; S3 says the code in the status alone.
            if call.method == http::Method::HEAD || status == StatusCode::NOT_MODIFIED {
                (status, headers, Bytes::new())
            } else {
                headers.push((
                    "content-type".to_owned(),
                    if s3 { "application/xml" } else { "text/xml" }.to_owned(),
                ));
                (
                    status,
                    headers,
                    Bytes::from(refusal::body(call.service, error, &call.request_id)),
                )
            }
        }
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    // The double's own time: SDKs correct their clock by it.
    let date = call.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response = response.header(header::DATE, date);
    response = if s3 {
        response
            .header("x-amz-request-id", &call.request_id)
            .header("x-amz-id-2", &call.request_id)
            .header(header::SERVER, "AmazonS3")
    } else {
        response.header("x-amzn-requestid", &call.request_id)
    };
    response.body(Full::new(body)).unwrap_or_else(|_| {
        // Only a service that answers a header with a line break gets here.
        let mut broken = Response::new(Full::default());
        *broken.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}
