//! The gate in front of a Kubernetes client.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Method, Request, Response};
use hyper_util::{client::legacy, rt::TokioExecutor};
use irsa_aws::{
    WriteGate,
    gate::{Closed, TimedBody},
};
use kube::{Config, client::Body};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};
use tower::{BoxError, Service, ServiceExt};

use super::seconds;
use crate::leadership::{
    Claim, OnlyReplica,
    gate::{Gated, gated_client, retried},
    write_gate,
};

fn request(method: &Method) -> Request<Body> {
    Request::builder().method(method).body(Body::empty()).unwrap()
}

/// A client over a server that answers this, and how many requests have come to it.
fn over(
    gate: WriteGate,
    code: u16,
) -> (
    impl Service<Request<Body>, Response = Response<Body>, Error = BoxError>,
    Arc<AtomicUsize>,
) {
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&arrived);
    let server = tower::service_fn(move |_: Request<TimedBody<Body>>| {
        counter.fetch_add(1, Ordering::Relaxed);
        let response = Response::builder().status(code).body(Body::empty());
        std::future::ready(Ok::<_, Infallible>(response.unwrap()))
    });
    (retried(Gated::new(server, gate)), arrived)
}

#[tokio::test(start_paused = true)]
async fn behind_a_closed_gate_requests_that_write_are_not_sent() {
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let (client, arrived) = over(WriteGate::new(|| Err(Closed)), 200);
        let refused = client.oneshot(request(&method)).await.unwrap_err();
        assert!(refused.to_string().contains("not the leader"), "{refused}");
        assert_eq!(arrived.load(Ordering::Relaxed), 0, "{method}");
    }
    let (client, arrived) = over(WriteGate::new(|| Err(Closed)), 200);
    assert_eq!(client.oneshot(request(&Method::GET)).await.unwrap().status(), 200);
    assert_eq!(arrived.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn each_retry_asks_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let gate = WriteGate::new(move || match counter.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Ok(None),
        _ => Err(Closed),
    });
    let (client, arrived) = over(gate, 503);
    assert!(client.oneshot(request(&Method::PATCH)).await.is_err());
    assert_eq!(arrived.load(Ordering::Relaxed), 2);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn retries_end() {
    let (client, arrived) = over(WriteGate::default(), 503);
    assert_eq!(client.oneshot(request(&Method::PATCH)).await.unwrap().status(), 503);
    assert_eq!(arrived.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_given_up() {
    let until = Instant::now() + seconds(1);
    let gate = WriteGate::new(move || Ok(Some(until)));
    let server =
        tower::service_fn(|_: Request<TimedBody<Body>>| std::future::pending::<Result<Response<Body>, Infallible>>());
    let client = retried(Gated::new(server, gate));
    assert!(client.oneshot(request(&Method::PUT)).await.is_err());
    assert_eq!(Instant::now(), until);
}

/// What comes over the wire of a request that its connection takes late, or not.
async fn on_the_wire(method: &Method, body: &'static str, late: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let length = stream.read(&mut read).await.unwrap();
        String::from_utf8(read[..length].to_vec()).unwrap()
    });
    let client = legacy::Client::builder(TokioExecutor::new()).build_http();
    let now = Instant::now();
    let until = if late { now } else { now + seconds(60) };
    let body = TimedBody::new(Body::from(body.as_bytes().to_vec()), until);
    let request = Request::builder().method(method).uri(uri).body(body).unwrap();
    let sent = client.request(request).await;
    assert!(sent.is_err(), "nobody answers");
    served.await.unwrap()
}

#[tokio::test]
async fn of_a_request_that_its_connection_takes_too_late_not_even_the_head_is_sent() {
    for (method, body) in [(Method::POST, "text"), (Method::DELETE, "")] {
        assert_eq!(on_the_wire(&method, body, true).await, "", "{method}");
        let sent = on_the_wire(&method, body, false).await;
        assert!(sent.starts_with(method.as_str()) && sent.ends_with(body), "{sent}");
    }
}

/// A rush leaves many behind.
#[tokio::test]
async fn a_connection_that_nobody_uses_is_closed() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        assert!(stream.read(&mut read).await.unwrap() > 0);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.read(&mut read).await.unwrap()
    });
    let client = gated_client(&Config::new(uri.parse().unwrap()), WriteGate::default()).unwrap();
    client
        .request_text(Request::get("/version").body(Vec::new()).unwrap())
        .await
        .unwrap();
    // From here on time passes whenever nobody has anything to do.
    tokio::time::pause();
    let closed = tokio::time::timeout(seconds(60), served).await;
    assert_eq!(closed.expect("it is still open").unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn leadership_is_the_gate() {
    assert_eq!(write_gate(Arc::new(OnlyReplica)).ask(), Ok(None));
    let claim = Arc::new(Claim::default());
    let gate = write_gate(Arc::clone(&claim));
    assert_eq!(gate.ask(), Err(Closed));
    let until = Instant::now() + seconds(1);
    claim.extend(until);
    assert_eq!(gate.ask(), Ok(Some(until)));
    tokio::time::advance(seconds(1)).await;
    assert_eq!(gate.ask(), Err(Closed));
}
