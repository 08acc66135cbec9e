//! The operator's two controllers, its SDK and its Kubernetes client: all that the binary has but sockets.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use irsa_aws::{NoAnswer, SdkConnect, Settings, StaticCredentials, Wire};
use irsa_controller::{
    binding, clock::Clock, events::Events, federation, instances::Instances, leadership::OnlyReplica, metrics::Metrics,
    reconciler::Driver, watch,
};
use irsa_pipeline::{
    binding::validate::Limits,
    federation::observe::api_servers::{Answer, ApiServers, OwnAudiences, Reading, ServerView},
};
use irsa_testkit::{
    apiserver::{AnswerBody, MemoryApiServer},
    aws::{Credentials, InProcess},
};
use kube::Client;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    actions::ApiFaultKind,
    tokens,
    wishes::{CLUSTER, HOST, OPERATOR_NAMESPACE},
};

/// More calls than this in one history are a loop that never ends; virtual time would stand still for ever.
const MOST_CALLS: usize = 40_000;
/// kube gives a request up after this long without an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(295);

/// What goes wrong with requests to the API server.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    pub(crate) skip: usize,
    pub(crate) times: usize,
    pub(crate) kind: Option<ApiFaultKind>,
    /// How many requests hang.
    pub(crate) hung: usize,
}

/// The world that the operator runs in.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) aws: InProcess,
    pub(crate) api: MemoryApiServer,
    pub(crate) credentials: Credentials,
    pub(crate) trouble: Arc<Mutex<Trouble>>,
    /// The key that the API servers serve.
    pub(crate) served: Arc<Mutex<String>>,
    pub(crate) calls: Arc<AtomicUsize>,
    /// Requests for tokens.
    pub(crate) tokens: Arc<AtomicUsize>,
}

/// One process.
#[derive(Debug)]
pub(crate) struct Operator(Vec<JoinHandle<()>>);

impl Operator {
    pub(crate) fn start(outside: &Outside) -> Self {
        let settings = Settings {
            credentials: Some(StaticCredentials::new(
                &outside.credentials.access_key_id,
                &outside.credentials.secret_access_key,
                None,
            )),
            ..Settings::default()
        };
        let connect = SdkConnect::over(settings, Arc::new(outside.clone()));
        let client = outside.client();
        let metrics = Metrics::default();
        let driver = |controller: &str| {
            let clock = outside.aws.clone();
            let clock = Clock::new(move || clock.clock().now());
            let events = Events::new(client.clone(), controller, None);
            let started = clock.now();
            Driver::new(client.clone(), Arc::new(OnlyReplica), metrics.clone(), events, started).with_clock(clock)
        };
        let inventories = binding::Inventories::default();
        let instances = Instances::new(client.clone(), OPERATOR_NAMESPACE.to_owned());
        let (watch_of_federations, watch_of_bindings) = watch::shared();
        let federations = federation::FederationParts {
            driver: driver("irsa-anywhere-federation"),
            public: connect.public_reader(),
            connect: connect.clone(),
            servers: outside.clone(),
            cluster: CLUSTER.to_owned(),
            namespace: OPERATOR_NAMESPACE.to_owned(),
            concurrency: 4,
            watch: watch_of_federations,
            inventories: inventories.clone(),
            instances: instances.clone(),
        };
        let bindings = binding::BindingParts {
            driver: driver("irsa-anywhere-binding"),
            connect,
            cluster: CLUSTER.to_owned(),
            namespace: OPERATOR_NAMESPACE.to_owned(),
            limits: Limits::default(),
            inventories,
            instances,
            concurrency: 4,
            watch: watch_of_bindings,
            stop_others: Box::new(|| false),
        };
        Self(vec![
            tokio::spawn(federation::run(federations, std::future::pending())),
            tokio::spawn(binding::run(bindings, std::future::pending()).map(|_| ())),
        ])
    }

    /// Dead, at whatever it was doing; nothing that it had in memory is left.
    ///
    /// # Panics
    /// When a controller had ended by itself.
    pub(crate) async fn kill(self) {
        for task in self.0 {
            assert!(
                !task.is_finished(),
                "a controller has ended by itself: {:?}",
                task.await
            );
            task.abort();
            // Cancelled, as it should be.
            let _ = task.await;
        }
    }
}

impl Outside {
    fn client(&self) -> Client {
        let outside = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let outside = outside.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.map_err(io::Error::other)?;
                outside.ask(&Request::from_parts(parts, body)).await
            }
        });
        Client::new(service, OPERATOR_NAMESPACE)
    }

    /// One request to the API server. What is hit by trouble is said once; watches are not, as they last.
    async fn ask(&self, request: &Request<Bytes>) -> io::Result<Response<AnswerBody>> {
        let watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let fault = if watch {
            None
        } else {
            self.trouble.lock().unwrap().take()
        };
        let Some(fault) = fault else {
            return Ok(self.answer(request));
        };
        if matches!(fault, ApiFaultKind::FailedAfter | ApiFaultKind::HangAfter) {
            let _lost = self.answer(request);
        }
        match fault {
            ApiFaultKind::Failed | ApiFaultKind::FailedAfter => Ok(refused(500, "InternalError")),
            ApiFaultKind::Conflict => Ok(refused(409, "Conflict")),
            ApiFaultKind::Hang | ApiFaultKind::HangAfter => {
                self.trouble.lock().unwrap().hung += 1;
                tokio::time::sleep(READ_TIMEOUT).await;
                Err(io::Error::from(io::ErrorKind::TimedOut))
            }
        }
    }
}

impl Outside {
    /// The memory's answer, or a token.
    fn answer(&self, request: &Request<Bytes>) -> Response<AnswerBody> {
        let Some(account) = request.uri().path().strip_suffix("/token") else {
            return self.api.answer(request);
        };
        self.tokens.fetch_add(1, Ordering::Relaxed);
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let (code, answer) = tokens::answer(
            self.api.get(account).as_ref(),
            &body,
            &self.served.lock().unwrap(),
            self.aws.clock().now(),
        );
        let body = AnswerBody::whole(answer.to_string());
        Response::builder().status(code).body(body).unwrap()
    }
}

impl Trouble {
    fn take(&mut self) -> Option<ApiFaultKind> {
        let kind = self.kind.filter(|_| self.times > 0)?;
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times -= 1;
        Some(kind)
    }
}

fn refused(code: u16, reason: &str) -> Response<AnswerBody> {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code,
        "message": "provoked by a test",
    });
    let body = AnswerBody::whole(body.to_string());
    Response::builder().status(code).body(body).unwrap()
}

impl Wire for Outside {
    fn answer(&self, request: Request<Vec<u8>>) -> BoxFuture<'static, Result<Response<Vec<u8>>, NoAnswer>> {
        let outside = self.clone();
        async move {
            if outside.calls.fetch_add(1, Ordering::Relaxed) > MOST_CALLS {
                return std::future::pending().await;
            }
            let answer = outside.aws.answer(request.map(Bytes::from)).await;
            let answer = answer.map_err(|cut| NoAnswer(cut.to_string()))?;
            Ok::<_, NoAnswer>(answer.map(|body| body.to_vec()))
        }
        .boxed()
    }

    fn now(&self) -> SystemTime {
        self.aws.clock().now().into()
    }
}

impl ApiServers for Outside {
    async fn read(&self) -> Reading {
        let kid = self.served.lock().unwrap().clone();
        Reading {
            answers: vec![Answer {
                server: "server".to_owned(),
                view: Ok(ServerView {
                    issuer: format!("https://{HOST}"),
                    jwks: json!({"keys": [tokens::public(&kid)]}).to_string().into_bytes(),
                }),
            }],
            shortfall: None,
        }
    }

    async fn audiences(&self) -> Vec<OwnAudiences> {
        vec![OwnAudiences {
            server: "server".to_owned(),
            audiences: Ok([format!("https://{HOST}")].into()),
        }]
    }
}
