//! The handle on a running double.

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Handle, sync::oneshot};

use super::{
    account::Account,
    credentials::Credentials,
    front::{
        Front,
        controls::{Controls, FaultRule, Throttle},
        interlude::Interludes,
        listen,
        log::{Entry, Mark, RequestLog},
        observer::Observer,
        proxy,
        routes::Routes,
        tls::{Authority, TlsError, client_config, server_config},
    },
    s3::{Object, S3},
    site::Site,
    sts::fetch::Dialer,
    wire::Service,
    world::World,
};

/// Why a double could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No socket, thread or file.
    #[error("cannot start the AWS double: {0}")]
    Io(#[from] io::Error),
    /// No certificate.
    #[error("cannot start the AWS double: {0}")]
    Tls(#[from] TlsError),
}

/// How a double is to be started.
#[derive(Debug, Default)]
pub struct Builder {
    proxy_port: u16,
}

impl Builder {
    /// A fixed port for the proxy on 127.0.0.1. Default: any free one.
    #[must_use]
    pub fn proxy_port(mut self, port: u16) -> Self {
        self.proxy_port = port;
        self
    }

    /// Starts a double on 127.0.0.1.
    ///
    /// # Guarantees
    /// It runs on a thread and runtime of its own: a test may block while a child process talks to it, and paused time
    /// in the test does not reach it. When this returns, it answers.
    pub async fn start(self) -> Result<AwsDouble, StartError> {
        let authority = Arc::new(Authority::new()?);
        let directory = tempfile::Builder::new().prefix("aws-double-").tempdir()?;
        let ca_bundle = directory.path().join("ca.pem");
        std::fs::write(&ca_bundle, authority.pem())?;

        let controls = Arc::new(Controls::default());
        let routes = Arc::new(Routes::new(Arc::clone(&controls)));
        let front = Arc::new(Front {
            world: World::default(),
            controls,
            log: RequestLog::default(),
            dialer: Dialer::new(Arc::clone(&routes), client_config(&authority)?),
            observer: Observer::default(),
            interludes: Interludes::default(),
        });
        let tls = server_config(&authority)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = oneshot::channel();
        let task = Serving {
            front: Arc::clone(&front),
            routes: Arc::clone(&routes),
            tls,
            port: self.proxy_port,
        };
        let thread = std::thread::Builder::new()
            .name("aws-double".to_owned())
            .spawn(move || {
                let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return drop(ready.send(Err(error))),
                };
                runtime.block_on(async {
                    let bound = task.bind().await.map(|address| (address, Handle::current()));
                    let failed = bound.is_err();
                    if ready.send(bound).is_ok() && !failed {
                        // An error means that the handle is gone, which also ends the double.
                        let _ = stopped.await;
                    }
                });
                runtime.shutdown_timeout(Duration::from_millis(200));
            })?;
        let gone = |_| io::Error::other("the double's thread ended");
        let (proxy, runtime) = started.await.map_err(gone)??;
        Ok(AwsDouble {
            front,
            routes,
            authority,
            directory,
            ca_bundle,
            proxy,
            runtime,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

struct Serving {
    front: Arc<Front>,
    routes: Arc<Routes>,
    tls: Arc<rustls::ServerConfig>,
    port: u16,
}

impl Serving {
    async fn bind(self) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let proxy_listener = TcpListener::bind(("127.0.0.1", self.port)).await?;
        let address = proxy_listener.local_addr()?;
        self.routes.set_listener(listener.local_addr()?);
        tokio::spawn(listen(self.front, listener, self.tls));
        tokio::spawn(proxy(self.routes, proxy_listener));
        Ok(address)
    }
}

/// A running double. Stops when dropped.
#[derive(Debug)]
pub struct AwsDouble {
    front: Arc<Front>,
    routes: Arc<Routes>,
    authority: Arc<Authority>,
    directory: TempDir,
    ca_bundle: PathBuf,
    proxy: SocketAddr,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl AwsDouble {
    /// A double with the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `http://127.0.0.1:<port>`, for `HTTPS_PROXY`.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    /// A PEM file with the test CA, for `AWS_CA_BUNDLE`. It lives as long as the double.
    pub fn ca_bundle(&self) -> &Path {
        &self.ca_bundle
    }

    pub(crate) fn world(&self) -> &World {
        &self.front.world
    }

    /// The double's time.
    pub fn clock(&self) -> &super::clock::Clock {
        &self.front.world.clock
    }

    /// A handle on one account, to seed and inspect it. An account exists once it is named.
    pub fn account(&self, id: &str) -> Account<'_> {
        Account {
            world: &self.front.world,
            id: id.to_owned(),
        }
    }

    /// S3's state, to seed, inspect or change it as another administrator would. The lock is held meanwhile: do not call
    /// the double from within.
    pub fn s3<T>(&self, with: impl FnOnce(&mut S3) -> T) -> T {
        with(&mut self.front.world.lock().s3)
    }

    /// Puts an object past every check, as its owner would; false when there is no such bucket.
    pub fn put_object(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> bool {
        let object = Object::new(body, self.front.world.clock.now());
        self.s3(|s3| s3.put_object_directly(bucket, key, object))
    }

    /// The environment of a child process that calls AWS with these credentials. It replaces whatever of AWS's own
    /// variables and files the parent has.
    pub fn env(&self, credentials: &Credentials, region: &str) -> Vec<(String, String)> {
        let mut env = self.env_without_credentials(region);
        let mut set = |name: &str, value: &str| env.push((name.to_owned(), value.to_owned()));
        set("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
        set("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key);
        if let Some(token) = &credentials.session_token {
            set("AWS_SESSION_TOKEN", token);
        }
        env
    }

    /// The same for a child process that finds its credentials by itself (`AWS_WEB_IDENTITY_TOKEN_FILE`).
    pub fn env_without_credentials(&self, region: &str) -> Vec<(String, String)> {
        let nowhere = self.directory.path().join("none");
        let nowhere = nowhere.to_string_lossy();
        let (proxy, bundle) = (self.proxy_url(), self.ca_bundle.to_string_lossy());
        [
            ("HTTPS_PROXY", proxy.as_str()),
            ("https_proxy", &proxy),
            ("NO_PROXY", "127.0.0.1,localhost,::1"),
            ("no_proxy", "127.0.0.1,localhost,::1"),
            ("AWS_CA_BUNDLE", &bundle),
            ("AWS_REGION", region),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", &nowhere),
            ("AWS_SHARED_CREDENTIALS_FILE", &nowhere),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// Every call so far, in the order of the answers.
    pub fn requests(&self) -> Vec<Entry> {
        self.front.log.all()
    }

    /// This place in the log.
    pub fn mark(&self) -> Mark {
        self.front.log.mark()
    }

    /// The calls since then.
    pub fn since(&self, mark: Mark) -> Vec<Entry> {
        self.front.log.since(mark)
    }

    /// Takes a service off the network: new connections are refused, open ones are cut.
    pub fn stop(&self, service: Service) {
        self.front.controls.stop(service);
    }

    /// Puts it back.
    pub fn start(&self, service: Service) {
        self.front.controls.start(service);
    }

    /// Makes every call of a service take this much longer (real time).
    pub fn set_latency(&self, service: Service, latency: Duration) {
        self.front.controls.set_latency(service, latency);
    }

    /// Throttles a service per account; `None` lifts it.
    pub fn set_throttle(&self, service: Service, throttle: Option<Throttle>) {
        self.front.controls.set_throttle(service, throttle);
    }

    /// Adds a fault. Rules are tried in the order in which they were added; each call takes the first that matches.
    pub fn add_fault(&self, rule: FaultRule) {
        self.front.controls.add_fault(rule);
    }

    /// How many faults have not hit a single call yet.
    pub fn faults_unmet(&self) -> usize {
        self.front.controls.faults_unmet()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.front.controls.clear_faults();
    }

    /// Does something to S3 when the next call of `operation` (`s3:PutObject`) has arrived, before it has any effect: what
    /// happens between two calls of a caller.
    pub fn before(&self, operation: &str, act: impl FnOnce(&mut S3) + Send + 'static) {
        self.front.interludes.add(operation, Box::new(act));
    }

    /// From now on the calls of this principal to S3 fail where they could name the bucket's owner
    /// (`ExpectedBucketOwner`) and do not.
    pub fn demand_bucket_owner(&self, arn: &str) {
        self.front.interludes.demand_owner_of(arn);
    }

    /// Lets STS remember an issuer's keys for so long. The default is not at all.
    pub fn set_key_cache(&self, duration: SignedDuration) {
        self.front.world.lock().sts.remember_keys_for(duration);
    }

    /// Gives a host outside AWS (port 443) a local address, for the proxy and for STS.
    pub fn add_host(&self, host: &str, address: SocketAddr) {
        self.routes.add(host, address);
    }

    /// Takes it away again.
    pub fn remove_host(&self, host: &str) {
        self.routes.remove(host);
    }

    /// Starts a static HTTPS site of that name, with a certificate of the test CA, and adds it to the hosts.
    pub async fn site(&self, host: &str) -> Result<Site, StartError> {
        let site = Site::start(&self.runtime, server_config(&self.authority)?).await?;
        self.add_host(host, site.address());
        Ok(site)
    }

    /// The same with a certificate of a CA that nobody trusts.
    pub async fn untrusted_site(&self, host: &str) -> Result<Site, StartError> {
        let stranger = Arc::new(Authority::new()?);
        let site = Site::start(&self.runtime, server_config(&stranger)?).await?;
        self.add_host(host, site.address());
        Ok(site)
    }

    /// Stops it and waits until every socket is closed. Dropping does the same.
    pub fn shutdown(self) {}
}

impl Drop for AwsDouble {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
