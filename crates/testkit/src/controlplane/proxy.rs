//! A proxy in front of an API server that sees every call and can make any of them fail: refused, cut or left hanging,
//! before or after its effect.

mod tls;

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::{Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsConnector, server::TlsStream};

use self::tls::{acceptor, connect, connector};
use super::{ControlPlaneError, files::Pki};

/// One call to the API server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiCall {
    /// As RBAC and audit name it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`; `get` for other paths.
    pub verb: String,
    /// Plural, with its subresource: `iamrolebindings/status`; another path as it is.
    pub resource: String,
    /// Name of the object; empty where the call has none.
    pub name: String,
}

/// What happens to a call instead of, or besides, its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFault {
    /// Refused with this status; nothing happens.
    Refuse(u16),
    /// Never answered; nothing happens.
    Hang,
    /// Everything happens, and then there is no answer.
    HangAfter,
    /// The connection is closed without an answer; nothing happens.
    CutBefore,
    /// Everything happens, and then the connection is closed without an answer.
    CutAfter,
}

/// A fault for one call: the one after `skip` others like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRule {
    /// Which call.
    pub call: ApiCall,
    /// How many like it pass first.
    pub skip: usize,
    /// What happens to it.
    pub fault: ApiFault,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<ApiCall>,
    rules: Vec<ApiRule>,
    /// Calls that a rule has hit.
    hit: usize,
    /// Nothing is answered any more.
    isolated: bool,
}

/// The proxy. Dropping it closes every connection through it.
#[derive(Debug)]
pub struct ApiProxy {
    port: u16,
    state: Arc<Mutex<State>>,
    isolated: Arc<Notify>,
    task: JoinHandle<()>,
}

impl ApiProxy {
    /// In front of the API server on this port, with that server's own certificate.
    pub(super) async fn start(pki: &Pki, upstream: u16) -> Result<Self, ControlPlaneError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(ControlPlaneError::io("binding a proxy"))?;
        let port = listener
            .local_addr()
            .map_err(ControlPlaneError::io("binding a proxy"))?
            .port();
        let (acceptor, connector) = (acceptor(pki)?, connector(pki)?);
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let isolated = Arc::<Notify>::default();
        let cut = Arc::clone(&isolated);
        let task = tokio::spawn(async move {
            // Connections end with the proxy.
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = cut.notified() => {
                        connections.abort_all();
                        continue;
                    }
                };
                let Ok((stream, _)) = accepted else { return };
                let (acceptor, connector) = (acceptor.clone(), connector.clone());
                let state = Arc::clone(&shared);
                connections.spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &connector, upstream, state).await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            port,
            state,
            isolated,
            task,
        })
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every call so far, in the order in which they arrived.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.state().calls.clone()
    }

    /// How many calls there have been: a place to count from.
    pub fn mark(&self) -> usize {
        self.state().calls.len()
    }

    /// Sets a fault.
    pub fn add(&self, rule: ApiRule) {
        self.state().rules.push(rule);
    }

    /// Cuts the client off for good: open connections are closed, and no call is answered or passed on any more.
    pub fn isolate(&self) {
        self.state().isolated = true;
        self.isolated.notify_one();
    }

    /// Takes all faults back and forgets what they have hit.
    pub fn clear(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.hit = 0;
    }

    /// How many calls were hit since the faults were last cleared.
    pub fn hits(&self) -> usize {
        self.state().hit
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ApiCall {
    /// What a request asks for (kubernetes/apiserver, `RequestInfo`).
    fn of(method: &Method, uri: &Uri) -> Self {
        let path = uri.path().trim_matches('/');
        let mut parts = path.split('/').peekable();
        let versions = match parts.peek() {
            Some(&"api") => 2,
            Some(&"apis") => 3,
            _ => 0,
        };
        let mut parts: Vec<&str> = parts.skip(versions).collect();
        if versions == 0 || parts.is_empty() {
            return Self {
                verb: method.as_str().to_lowercase(),
                resource: format!("/{path}"),
                name: String::new(),
            };
        }
        if parts.first() == Some(&"namespaces") && parts.len() > 2 {
            parts.drain(..2);
        }
        let mut parts = parts.into_iter();
        let resource = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default();
        let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ if watches => "watch",
            _ if name.is_empty() => "list",
            _ => "get",
        };
        let subresource = parts.next().map(|sub| format!("/{sub}")).unwrap_or_default();
        Self {
            verb: verb.to_owned(),
            resource: format!("{resource}{subresource}"),
            name: name.to_owned(),
        }
    }
}

impl State {
    /// Notes a call; the fault that hits it, if any, is spent.
    fn note(&mut self, call: ApiCall) -> Option<ApiFault> {
        let at = self.rules.iter_mut().position(|rule| {
            let matches = rule.call == call;
            let now = matches && rule.skip == 0;
            if matches && !now {
                rule.skip -= 1;
            }
            now
        });
        self.calls.push(call);
        if self.isolated {
            return Some(ApiFault::Hang);
        }
        let rule = self.rules.remove(at?);
        self.hit += 1;
        Some(rule.fault)
    }
}

type Answer = Response<Either<Incoming, Full<Bytes>>>;

async fn serve(stream: TlsStream<TcpStream>, connector: &TlsConnector, upstream: u16, state: Arc<Mutex<State>>) {
    let Some(sender) = connect(connector, upstream).await else {
        return;
    };
    // HTTP/1.1: one request after the other, so one connection behind each.
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let service = service_fn(|request: Request<Incoming>| {
        let (sender, state) = (Arc::clone(&sender), Arc::clone(&state));
        async move { answer(request, &sender, &state).await }
    });
    // A cut is an error here on purpose.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// An error closes the connection.
async fn answer(
    request: Request<Incoming>,
    sender: &tokio::sync::Mutex<SendRequest<Incoming>>,
    state: &Mutex<State>,
) -> Result<Answer, Cut> {
    let call = ApiCall::of(request.method(), request.uri());
    let fault = state.lock().unwrap_or_else(PoisonError::into_inner).note(call);
    match fault {
        Some(ApiFault::Hang) => never().await,
        Some(ApiFault::CutBefore) => return Err(Cut),
        Some(ApiFault::Refuse(status)) => return Ok(refusal(status)),
        None | Some(ApiFault::HangAfter | ApiFault::CutAfter) => {}
    }
    let answer = sender.lock().await.send_request(request).await.map_err(|_| Cut)?;
    match fault {
        Some(ApiFault::HangAfter) => {
            let _ = answer.into_body().collect().await;
            never().await
        }
        Some(ApiFault::CutAfter) => {
            let _ = answer.into_body().collect().await;
            Err(Cut)
        }
        _ => Ok(answer.map(Either::Left)),
    }
}

async fn never<T>() -> T {
    match std::future::pending::<Infallible>().await {}
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault")]
struct Cut;

fn refusal(status: u16) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status,
        "reason": "InternalError", "message": "refused by a fault",
    });
    let mut answer = Response::new(Either::Right(Full::from(body.to_string())));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_as_audit_names_it() {
        for (method, uri, verb, resource, name) in [
            (
                "GET",
                "/api/v1/namespaces/kube-system",
                "get",
                "namespaces",
                "kube-system",
            ),
            ("GET", "/api/v1/namespaces?watch=true&x=y", "watch", "namespaces", ""),
            ("GET", "/openid/v1/jwks", "get", "/openid/v1/jwks", ""),
            (
                "PATCH",
                "/apis/g.dev/v1/namespaces/n/bindings/app/status?fieldManager=x",
                "patch",
                "bindings/status",
                "app",
            ),
            (
                "POST",
                "/api/v1/namespaces/n/serviceaccounts/app/token",
                "create",
                "serviceaccounts/token",
                "app",
            ),
            ("GET", "/apis/g.dev/v1/bindings?limit=1", "list", "bindings", ""),
            (
                "DELETE",
                "/api/v1/namespaces/n/configmaps/c",
                "delete",
                "configmaps",
                "c",
            ),
            ("PUT", "/apis/g.dev/v1/federations/f", "update", "federations", "f"),
        ] {
            let call = ApiCall::of(&method.parse().unwrap(), &uri.parse().unwrap());
            let expected = ApiCall {
                verb: verb.to_owned(),
                resource: resource.to_owned(),
                name: name.to_owned(),
            };
            assert_eq!(call, expected, "{method} {uri}");
        }
    }

    #[test]
    fn a_rule_hits_the_call_after_those_that_it_lets_pass_and_is_spent() {
        let call = |name: &str| ApiCall {
            verb: "get".to_owned(),
            resource: "configmaps".to_owned(),
            name: name.to_owned(),
        };
        let mut state = State::default();
        state.rules.push(ApiRule {
            call: call("a"),
            skip: 1,
            fault: ApiFault::Hang,
        });
        let hits: Vec<_> = ["a", "b", "a", "a"]
            .iter()
            .map(|name| state.note(call(name)).is_some())
            .collect();
        assert_eq!(hits, [false, false, true, false]);
        assert_eq!(state.hit, 1);
    }
}
