//! What kind of control plane to start.

use super::{
    ControlPlane, ControlPlaneError, PublicKey, SigningKey,
    assets::Assets,
    handle::Parts,
    server::{Keys, ServerSettings},
};

/// The issuer when a test does not care which.
const DEFAULT_ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// What kind of control plane to start; see [`ControlPlane::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs before start()"]
pub struct ControlPlaneBuilder {
    issuers: Vec<String>,
    signing_key: Option<SigningKey>,
    accepted: Vec<PublicKey>,
    api_audiences: Vec<String>,
    jwks_uri: Option<String>,
    audit: bool,
    controller_manager: bool,
    default_service_accounts: bool,
    extra_flags: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Default for ControlPlaneBuilder {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            signing_key: None,
            accepted: Vec::new(),
            api_audiences: Vec::new(),
            jwks_uri: None,
            audit: true,
            controller_manager: false,
            default_service_accounts: true,
            extra_flags: Vec::new(),
            environment: Vec::new(),
        }
    }
}

impl ControlPlane {
    /// Says what kind of control plane; [`ControlPlaneBuilder::start`] starts it.
    pub fn builder() -> ControlPlaneBuilder {
        ControlPlaneBuilder::default()
    }
}

impl ControlPlaneBuilder {
    /// `--service-account-issuer`. Repeatable: the first signs and is published, the others are accepted.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(issuer.into());
        self
    }

    /// The key that signs tokens; default: a new RSA key.
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// More keys whose tokens are accepted and that are published, in this order after the signing key.
    pub fn also_accept(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.accepted.extend(keys);
        self
    }

    /// `--api-audiences`; default: the issuer.
    pub fn api_audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.api_audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// `--service-account-jwks-uri`; default: the API server's own address.
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.jwks_uri = Some(uri.into());
        self
    }

    /// Whether requests are logged for [`ControlPlane::audit`]; default: yes.
    pub fn audit(mut self, on: bool) -> Self {
        self.audit = on;
        self
    }

    /// Whether a kube-controller-manager runs too (garbage collection, namespace deletion, Deployments, each
    /// `default` ServiceAccount, aggregation of `ClusterRoles`); default: no.
    pub fn controller_manager(mut self, on: bool) -> Self {
        self.controller_manager = on;
        self
    }

    /// Whether namespaces get their `default` ServiceAccount from us when no controller manager runs; default: yes.
    pub fn default_service_accounts(mut self, on: bool) -> Self {
        self.default_service_accounts = on;
        self
    }

    /// One more flag for every API server, such as `--feature-gates=…` or `--emulated-version=kube=1.35`.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.extra_flags.push(flag.into());
        self
    }

    /// Variables of every API server's process, such as the proxy by which it reaches issuers of others.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Finds or builds the binaries, starts etcd and the API server, and waits until the API server is ready.
    ///
    /// # Errors
    /// [`ControlPlaneError::MissingBinaries`] with a sentence that says what to install; the end of the server's log
    /// when it does not come up.
    pub async fn start(self) -> Result<ControlPlane, ControlPlaneError> {
        let assets = Assets::find(self.controller_manager).await?;
        let signing = match self.signing_key {
            Some(key) => key,
            None => SigningKey::generate_rsa()?,
        };
        let issuers = if self.issuers.is_empty() {
            vec![DEFAULT_ISSUER.to_owned()]
        } else {
            self.issuers
        };
        let settings = ServerSettings {
            binary: assets.kube_apiserver.clone(),
            issuers,
            api_audiences: self.api_audiences,
            jwks_uri: self.jwks_uri,
            audit: self.audit,
            extra_flags: self.extra_flags,
            environment: self.environment,
            admin_token: random_token(),
        };
        let keys = Keys {
            signing,
            accepted: self.accepted,
        };
        ControlPlane::launch(Parts {
            assets,
            settings,
            keys,
            default_service_accounts: self.default_service_accounts && !self.controller_manager,
            data: None,
        })
        .await
    }
}

fn random_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}
