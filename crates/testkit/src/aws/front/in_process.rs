//! A double without sockets, threads and a time of its own, for tests in virtual time.
//!
//! Everything between a parsed request and its answer is the same as over the wire: signatures, throttles, faults, the
//! log. Only TLS, the proxy and connections are missing: a cut is an error, a hang is a future that never ends.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;

use super::{
    Cut, Front,
    controls::{Controls, FaultRule, Throttle},
    log::{Entry, Mark, RequestLog},
    observer::{Effect, Observer},
};
use crate::aws::{
    account::Account,
    clock::Clock,
    s3::S3,
    sts::fetch::{Dialer, Visit},
    wire::Service,
    world::World,
};

/// A double that is called like a function. Clones are the same double.
#[derive(Debug, Clone)]
pub struct InProcess {
    front: Arc<Front>,
}

impl InProcess {
    /// An empty double whose clock shows `began` now and follows tokio's time from here on.
    pub fn new(began: Timestamp) -> Self {
        let front = Arc::new_cyclic(|front| Front {
            world: World::with_clock(Clock::following_tokio(began)),
            controls: Arc::new(Controls::default()),
            log: RequestLog::default(),
            dialer: Dialer::Within(Weak::clone(front) as Weak<dyn Visit>),
            observer: Observer::default(),
            interludes: super::interlude::Interludes::default(),
        });
        Self { front }
    }

    /// Answers one request, which names its host in `Host` or in its URI, as the endpoint of that name would.
    ///
    /// # Errors
    /// The connection was cut, or the host is none of AWS's.
    pub async fn answer(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        // What an HTTP/1.1 client adds on its way to a socket, and a signature covers.
        let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let length = HeaderValue::from(request.body().len());
        let headers = request.headers_mut();
        if let Some(host) = host.and_then(|host| HeaderValue::try_from(host).ok()) {
            headers.entry(header::HOST).or_insert(host);
        }
        headers.entry(header::CONTENT_LENGTH).or_insert(length);
        let answer = Arc::clone(&self.front).serve(request.map(Full::new)).await?;
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        parts.headers.entry(header::CONTENT_LENGTH).or_insert(body.len().into());
        Ok(Response::from_parts(parts, body))
    }

    /// Tells `watcher` of every call that took effect, at that moment: the world is as the call left it, and nothing else
    /// happens meanwhile. The first watcher stays.
    pub fn watch(&self, watcher: impl Fn(&Effect<'_>) + Send + Sync + 'static) {
        self.front.observer.set(watcher);
    }

    /// The double's time.
    pub fn clock(&self) -> &Clock {
        &self.front.world.clock
    }

    /// A handle on one account, to seed and inspect it.
    pub fn account(&self, id: &str) -> Account<'_> {
        Account {
            world: &self.front.world,
            id: id.to_owned(),
        }
    }

    /// S3's state. The lock is held meanwhile: do not call the double from within.
    pub fn s3<T>(&self, with: impl FnOnce(&mut S3) -> T) -> T {
        with(&mut self.front.world.lock().s3)
    }

    /// This place in the log.
    pub fn mark(&self) -> Mark {
        self.front.log.mark()
    }

    /// The calls since then.
    pub fn since(&self, mark: Mark) -> Vec<Entry> {
        self.front.log.since(mark)
    }

    /// Takes a service off the network, or puts it back.
    pub fn set_reachable(&self, service: Service, reachable: bool) {
        if reachable {
            self.front.controls.start(service);
        } else {
            self.front.controls.stop(service);
        }
    }

    /// Throttles a service per account; `None` lifts it.
    pub fn set_throttle(&self, service: Service, throttle: Option<Throttle>) {
        self.front.controls.set_throttle(service, throttle);
    }

    /// Adds a fault. Rules are tried in the order in which they were added; each call takes the first that matches.
    pub fn add_fault(&self, rule: FaultRule) {
        self.front.controls.add_fault(rule);
    }

    /// Removes all faults. What hangs goes on hanging.
    pub fn clear_faults(&self) {
        self.front.controls.clear_faults();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use http::StatusCode;
    use jiff::SignedDuration;

    use super::*;
    use crate::aws::{
        Fault,
        s3::{BucketOptions, PublicAccessBlock},
    };

    const ACCOUNT: &str = "111122223333";

    fn double() -> InProcess {
        let double = InProcess::new(Timestamp::from_second(1_800_000_000).unwrap());
        let open =
            BucketOptions::in_region("eu-central-1").with_public_access_block(Some(PublicAccessBlock::ACLS_ONLY));
        let everybody = serde_json::json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-irsa/*"}]});
        double
            .account(ACCOUNT)
            .create_bucket("acme-irsa", open.with_policy(everybody));
        double
    }

    fn get(key: &str) -> Request<Bytes> {
        Request::get(format!("https://acme-irsa.s3.eu-central-1.amazonaws.com/{key}"))
            .body(Bytes::new())
            .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_answered_logged_and_told_without_a_socket() {
        let double = double();
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        double.watch(move |effect| {
            assert_eq!((effect.operation, effect.caller), ("s3:GetObject", None));
            count.fetch_add(1, Ordering::Relaxed);
        });
        let answer = double.answer(get("nothing")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert_eq!(told.load(Ordering::Relaxed), 1);
        assert_eq!(double.since(Mark::default()).len(), 1);
        let elsewhere = Request::get("https://example.com/").body(Bytes::new()).unwrap();
        assert!(double.answer(elsewhere).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_delays_takes_virtual_time_and_one_that_hides_the_effect_is_told_first() {
        let double = double();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        double.watch(move |effect| note.lock().unwrap().push(effect.outcome.is_ok()));
        double.add_fault(FaultRule::new("s3:*", 1, Fault::Delay(Duration::from_hours(1))));
        double.add_fault(FaultRule::new("s3:*", 1, Fault::CutAfter));
        double.answer(get("nothing")).await.unwrap();
        let began = Timestamp::from_second(1_800_000_000).unwrap();
        assert_eq!(double.clock().now(), began + SignedDuration::from_hours(1));
        assert!(double.answer(get("nothing")).await.is_err());
        assert_eq!(*seen.lock().unwrap(), [false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_else_in_the_account_changes_it_past_the_front() {
        let double = double();
        let account = double.account(ACCOUNT);
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}"#;
        account
            .call_iam(
                "CreateRole",
                &[
                    ("RoleName", "theirs"),
                    ("AssumeRolePolicyDocument", trust),
                    ("Tags.member.1.Key", "team"),
                    ("Tags.member.1.Value", "a"),
                ],
            )
            .unwrap();
        let again = account.call_iam(
            "CreateRole",
            &[("RoleName", "THEIRS"), ("AssumeRolePolicyDocument", trust)],
        );
        assert_eq!(again.unwrap_err().code, "EntityAlreadyExists");
        let roles = account.roles();
        assert_eq!(roles["theirs"].trust, trust);
        assert_eq!(roles["theirs"].tags["team"], "a");
        assert!(double.since(Mark::default()).is_empty(), "not a call of a client");
    }
}
