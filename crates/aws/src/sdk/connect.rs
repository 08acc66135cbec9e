//! [`SdkConnect`]: connections by their settings, each made once, checked for its account, and shared.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use tokio::sync::OnceCell;

use super::{
    SdkAws, SdkPublicReader, SdkWebIdentity, Settings, SettingsError,
    assume::Assumed,
    call::{About, about},
    http::Transport,
    metered::{Meter, MeteredClient},
    rehearsal::{Unsent, rehearse},
    wire::{Wire, Wired},
};
use crate::{
    attempts::Attempts,
    error::{AwsError, Kind},
    limiter::Limiters,
    ports::{Caller, Connect, Connection, RoleToAssume},
};

/// What the call that tells who we are is about: it has no resource.
const WHO: About<'static> = about("sts:GetCallerIdentity", "*");

/// Makes connections over the AWS SDK. Clones share everything.
#[derive(Debug, Clone)]
pub struct SdkConnect(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    way: Way,
    http: Mutex<SharedHttpClient>,
    public: SdkPublicReader,
    attempts: Attempts,
    limiters: Limiters,
    connections: Mutex<HashMap<Connection, Arc<OnceCell<SdkAws>>>>,
}

/// How requests get to AWS.
#[derive(Debug)]
enum Way {
    /// Over the network, by the machine's time.
    Network(Box<Transport>),
    /// Over somebody else's wire, by its time.
    Wire(Wired),
}

impl Way {
    /// A client without a connection yet.
    fn client(&self) -> SharedHttpClient {
        match self {
            Self::Network(transport) => transport.client(),
            Self::Wire(wire) => wire.client(),
        }
    }

    /// What the public reader connects by, without a connection yet.
    fn public(&self, settings: &Settings) -> SharedHttpConnector {
        match self {
            Self::Network(transport) => {
                let limits = HttpConnectorSettings::builder().connect_timeout(settings.timeouts.connect);
                SharedHttpConnector::new(transport.connector(Some(&limits.build()), None))
            }
            Self::Wire(wire) => wire.connector(),
        }
    }
}

impl SdkConnect {
    /// Reads the CA bundle and the proxy's settings. Nothing is called.
    ///
    /// # Errors
    /// When the CA bundle or the proxy's URL cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let transport = Transport::new(settings.ca_bundle.as_deref(), &settings.proxy)?;
        Ok(Self::with(settings, Way::Network(Box::new(transport))))
    }

    /// The same over somebody else's [`Wire`], where neither CA bundle nor proxy is of use.
    pub fn over(settings: Settings, wire: Arc<dyn Wire>) -> Self {
        Self::with(settings, Way::Wire(Wired(wire)))
    }

    fn with(settings: Settings, way: Way) -> Self {
        Self(Arc::new(Inner {
            http: Mutex::new(way.client()),
            public: SdkPublicReader::new(way.public(&settings), &settings.timeouts, settings.user_agent.clone()),
            attempts: Attempts::default(),
            limiters: Limiters::new(settings.rate),
            connections: Mutex::default(),
            way,
            settings,
        }))
    }

    /// Has the SDK make what it makes once and keeps, before anything else is. Nothing is called.
    pub async fn rehearse(&self) {
        let region = Region::new("us-east-1");
        let config = self.0.configure(region, Unsent(self.0.http())).await;
        rehearse(config).await;
    }

    /// Forgets the connections that were made, TLS sessions included: the next one for any settings is made anew. Calls that are under
    /// way go on over theirs, and the pace of each account stays found.
    pub fn forget(&self) {
        let inner = &self.0;
        let connections = mem::take(&mut *inner.connections.lock().unwrap_or_else(PoisonError::into_inner));
        drop(connections);
        *inner.http.lock().unwrap_or_else(PoisonError::into_inner) = inner.way.client();
        inner.public.renew(inner.way.public(&inner.settings));
    }

    /// Every attempt of every connection, for the metrics.
    pub fn attempts(&self) -> Attempts {
        self.0.attempts.clone()
    }

    /// The pace of each account.
    pub fn limiters(&self) -> &Limiters {
        &self.0.limiters
    }

    /// STS of a region, for tokens. Nothing is called, and no credentials are looked for.
    pub async fn web_identity(&self, region: &str) -> SdkWebIdentity {
        let inner = &self.0;
        let (_, client) = inner.metered();
        let config = inner.configure(Region::new(region.to_owned()), client).await;
        anonymous(config)
    }

    /// The reader of public documents, over the same proxy and trust anchors.
    pub fn public_reader(&self) -> SdkPublicReader {
        self.0.public.clone()
    }
}

impl Connect for SdkConnect {
    type Aws = SdkAws;
    type Public = SdkPublicReader;

    async fn connect(&self, connection: &Connection) -> Result<SdkAws, AwsError> {
        let cell = {
            let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(connections.entry(connection.clone()).or_default())
        };
        let made = cell.get_or_try_init(|| self.0.make(connection)).await;
        made.cloned()
    }

    fn public(&self) -> SdkPublicReader {
        self.public_reader()
    }
}

impl Inner {
    fn http(&self) -> SharedHttpClient {
        self.http.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A client whose attempts are counted and paced, of no account yet.
    fn metered(&self) -> (Arc<Meter>, MeteredClient) {
        let meter = Arc::new(Meter::new(
            self.attempts.clone(),
            self.settings.timeouts.attempt,
            self.limiters.of(""),
            self.settings.gate.clone(),
            self.settings.user_agent.clone(),
        ));
        let client = MeteredClient {
            inner: self.http(),
            meter: Arc::clone(&meter),
        };
        (meter, client)
    }

    async fn make(&self, connection: &Connection) -> Result<SdkAws, AwsError> {
        if let Some(role) = &connection.assume_role {
            // The role's ARN names its account: no need to become it to see that it is the wrong one.
            let account = role.arn.split(':').nth(4).unwrap_or_default();
            self.guard(connection, account, &role.arn)?;
        }
        let (meter, client) = self.metered();
        let config = self.configure(Region::new(connection.region.clone()), client).await;
        let config = match &connection.assume_role {
            Some(role) => assuming(role, config),
            None => config,
        };
        let caller = who_am_i(&aws_sdk_sts::Client::new(&config)).await?;
        self.guard(connection, &caller.account, &caller.arn)?;
        meter.belongs_to(self.limiters.of(&caller.account));
        tracing::info!(arn = caller.arn, region = connection.region, "connected to AWS");
        Ok(SdkAws {
            iam: aws_sdk_iam::Client::new(&config),
            s3: aws_sdk_s3::Client::new(&config),
            caller: Arc::new(caller),
            web_identity: anonymous(config),
        })
    }

    async fn configure(&self, region: Region, client: impl HttpClient + 'static) -> SdkConfig {
        let timeouts = &self.settings.timeouts;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .http_client(client)
            .retry_config(RetryConfig::standard())
            // The limit of an attempt is the meter's, which knows how long it waited for the limiter.
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(timeouts.connect)
                    .read_timeout(timeouts.read)
                    .operation_timeout(timeouts.operation)
                    .build(),
            );
        if let Ok(name) = AppName::new("irsa-anywhere") {
            loader = loader.app_name(name);
        }
        if let Way::Wire(wire) = &self.way {
            loader = loader.time_source(wire.clone());
        }
        if let Some(credentials) = &self.settings.credentials {
            loader = loader.credentials_provider(credentials.0.clone());
        }
        loader.load().await
    }

    /// Refuses an account that the federation or the operator's flags do not want.
    fn guard(&self, connection: &Connection, account: &str, arn: &str) -> Result<(), AwsError> {
        let refuse = |message: &str| {
            let who = about("sts:GetCallerIdentity", arn);
            Err(who.error("WrongAccount", message, Kind::WrongAccount))
        };
        if let Some(wanted) = connection.account_id.as_deref().filter(|wanted| *wanted != account) {
            return refuse(&format!("the credentials belong to account {account}, not to {wanted}"));
        }
        let allowed = &self.settings.allowed_accounts;
        if !allowed.is_empty() && !allowed.contains(account) {
            return refuse(&format!(
                "account {account} is not among the operator's --allowed-accounts"
            ));
        }
        Ok(())
    }
}

/// STS for tokens: nobody's credentials go with a call.
fn anonymous(config: SdkConfig) -> SdkWebIdentity {
    let mut config = config.into_builder();
    config.set_credentials_provider(None);
    SdkWebIdentity(Arc::new(aws_sdk_sts::Client::new(&config.build())))
}

/// The same with the credentials of this role, which those of `base` assume.
fn assuming(role: &RoleToAssume, base: SdkConfig) -> SdkConfig {
    let assumed = Assumed {
        sts: aws_sdk_sts::Client::new(&base),
        role: role.clone(),
    };
    base.into_builder()
        .credentials_provider(SharedCredentialsProvider::new(assumed))
        .build()
}

async fn who_am_i(sts: &aws_sdk_sts::Client) -> Result<Caller, AwsError> {
    let answer = sts.get_caller_identity().send().await;
    let answer = answer.map_err(|error| WHO.failed(error))?;
    let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
        return Err(WHO.error("BrokenAnswer", "the answer names no account", Kind::Unavailable));
    };
    let Some(partition) = arn.split(':').nth(1).map(str::to_owned) else {
        return Err(WHO.error("BrokenAnswer", "the answer has no ARN", Kind::Unavailable));
    };
    Ok(Caller {
        account,
        arn,
        partition,
    })
}
