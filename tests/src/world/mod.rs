//! A cluster, an AWS account and our operator between them: what the end-to-end tests and the demo stand on.
//!
//! Nothing is faked on our side: the API server and etcd are real, the operator is the binary that is shipped, runs as
//! its own ServiceAccount under exactly the RBAC of `config/`, and reaches AWS (the double) by `HTTPS_PROXY` and a CA
//! bundle as a user of exactly the policy in `docs/iam-policy.json`.

mod counts;
mod kubelet;
pub mod objects;
mod operator;
mod plugin;
pub mod pods;
mod policy;
mod replica;
mod webhook;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use irsa_testkit::{
    aws::{
        AwsDouble, Credentials,
        s3::{BucketOptions, PublicAccessBlock},
    },
    controlplane::{ApiProxy, ControlPlane, ControlPlaneBuilder, SigningKey},
};

pub use self::{
    counts::{Counts, WorldMark},
    kubelet::Kubelet,
    operator::{Operator, binary as operator_binary, http_get},
    plugin::PluginOutput,
    pods::PodIdentity,
    policy::{operator_policy, operator_policy_for},
    replica::{Replica, Skew},
    webhook::{WEBHOOK, Webhook},
};

use serde_json::Value;

use crate::admin::Sts;

/// Anything that went wrong, as a sentence.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// The AWS account.
pub const ACCOUNT: &str = "123456789012";
/// Its region.
pub const REGION: &str = "eu-central-1";
/// The bucket that the federation of `config/samples` publishes to.
pub const ISSUER_BUCKET: &str = "acme-irsa";
/// The issuer of `config/samples`, which the API server signs as.
pub const ISSUER: &str = "https://acme-irsa.s3.eu-central-1.amazonaws.com/clusters/demo";
/// A bucket that pods want to list.
pub const DATA_BUCKET: &str = "acme-data";
/// The namespace that `config/default` puts the operator in.
pub const OPERATOR_NAMESPACE: &str = "irsa-anywhere-system";
/// The operator's ServiceAccount there.
pub const OPERATOR_ACCOUNT: &str = "irsa-anywhere";

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The minor version of Kubernetes that the API servers have: `KUBERNETES`, such as `1.31`, or the default of the control plane's build.
///
/// # Errors
/// When it is no version.
pub fn kubernetes_minor() -> Result<u32, Problem> {
    let versions = include_str!("../../../crates/testkit/controlplane/kubernetes/versions");
    let default = versions.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    let wanted = std::env::var("KUBERNETES").ok().filter(|wanted| !wanted.is_empty());
    let wanted = wanted.as_deref().or(default.split(' ').next()).unwrap_or_default();
    let minor = wanted
        .strip_prefix("1.")
        .ok_or_else(|| format!("KUBERNETES={wanted} is no version such as 1.31"))?;
    Ok(minor.parse()?)
}

/// Whether this API server injects pods by policies, in the version that `config/inject` is written in.
///
/// # Errors
/// When it does not answer.
pub async fn serves_policies(cluster: &ControlPlane) -> Result<bool, Problem> {
    let group = cluster.client()?.get("/apis/admissionregistration.k8s.io/v1").await?;
    let kinds = group
        .body
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    Ok(kinds
        .into_iter()
        .any(|kind| kind["name"] == "mutatingadmissionpolicies"))
}

/// A cluster, an AWS account, and the operator once it is started.
pub struct World {
    /// The cluster.
    pub cluster: ControlPlane,
    /// The account; several clusters may use one.
    pub aws: Arc<AwsDouble>,
    /// The operator's own credentials.
    pub credentials: Credentials,
    /// What stands between the operator and the API server, if anything.
    pub proxy: Option<ApiProxy>,
    /// Variables that the operator gets besides those that lead it to the double.
    pub environment: Vec<(String, String)>,
    /// The operator's user in the account.
    user: String,
    operator: Option<Operator>,
    webhook: Option<Webhook>,
    operator_directory: tempfile::TempDir,
    starts: usize,
}

impl World {
    /// A cluster that signs as [`ISSUER`] with a new RSA key, with `config/with-policy` or `config/with-webhook` applied; an account with both
    /// buckets. The operator is not started.
    ///
    /// # Errors
    /// What could not be started, with the tail of its log.
    pub async fn start() -> Result<Self, Problem> {
        Self::start_signing_with(SigningKey::generate_rsa()?).await
    }

    /// The same with another signing key.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_signing_with(key: SigningKey) -> Result<Self, Problem> {
        Self::start_signing_as(&[ISSUER], key).await
    }

    /// The same with other issuers: the first signs, the others are accepted.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_signing_as(issuers: &[&str], key: SigningKey) -> Result<Self, Problem> {
        Self::start_on(cluster(issuers, key)).await
    }

    /// The same with other flags of the API server, too.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_configured(
        configure: impl FnOnce(ControlPlaneBuilder) -> ControlPlaneBuilder,
    ) -> Result<Self, Problem> {
        Self::start_on(configure(cluster(&[ISSUER], SigningKey::generate_ec_p256()?))).await
    }

    /// The same as [`Self::start_signing_with`], with a kube-controller-manager: a namespace that is deleted goes, with
    /// everything in it.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_with_controller_manager(key: SigningKey) -> Result<Self, Problem> {
        Self::start_on(cluster(&[ISSUER], key).controller_manager(true)).await
    }

    /// The same with nothing installed in the cluster, not even the kinds.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_empty(key: SigningKey) -> Result<Self, Problem> {
        Self::start_empty_on(cluster(&[ISSUER], key)).await
    }

    /// The same with a kube-controller-manager, signing as these issuers: the first signs, the others are accepted.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_empty_with_controller_manager(issuers: &[&str], key: SigningKey) -> Result<Self, Problem> {
        Self::start_empty_on(cluster(issuers, key).controller_manager(true)).await
    }

    async fn start_empty_on(cluster: ControlPlaneBuilder) -> Result<Self, Problem> {
        let (cluster, aws) = Self::parts(cluster).await?;
        Self::bare(cluster, aws, "irsa-anywhere", &operator_policy()?)
    }

    /// The same with another issuer of the same bucket, and with a kube-controller-manager.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_empty_signing_as(issuer: &str, key: SigningKey) -> Result<Self, Problem> {
        let (cluster, aws) = Self::parts(cluster(&[issuer], key).controller_manager(true)).await?;
        Self::bare(cluster, aws, "irsa-anywhere", &operator_policy_for(issuer)?)
    }

    async fn start_on(cluster: ControlPlaneBuilder) -> Result<Self, Problem> {
        let (cluster, aws) = Self::parts(cluster).await?;
        Self::over(cluster, aws, "irsa-anywhere", &operator_policy()?).await
    }

    async fn parts(cluster: ControlPlaneBuilder) -> Result<(ControlPlane, Arc<AwsDouble>), Problem> {
        let aws = AwsDouble::builder().start();
        let (cluster, aws) = tokio::join!(cluster.start(), aws);
        let aws = aws?;
        let account = aws.account(ACCOUNT);
        let mut open_to_policies = BucketOptions::in_region(REGION);
        open_to_policies.public_access_block = Some(PublicAccessBlock::ACLS_ONLY);
        account.create_bucket(ISSUER_BUCKET, open_to_policies);
        account.create_bucket(DATA_BUCKET, BucketOptions::in_region(REGION));
        aws.put_object(DATA_BUCKET, "hello.txt", "hello from the data bucket\n");
        Ok((cluster?, Arc::new(aws)))
    }

    /// Another cluster with the same AWS account, signing as this issuer in the same bucket. Its operator is a user of its
    /// own there.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn start_beside(&self, issuer: &str, user: &str) -> Result<Self, Problem> {
        let cluster = cluster(&[issuer], SigningKey::generate_rsa()?).start().await?;
        Self::over(cluster, Arc::clone(&self.aws), user, &operator_policy_for(issuer)?).await
    }

    /// A copy of the cluster in the same account, as a snapshot of its machines makes one: the same kube-system UID, the same
    /// keys, API servers of its own. Its operator has the same credentials and is not started.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn copy(&mut self) -> Result<Self, Problem> {
        Ok(Self {
            cluster: self.cluster.copy().await?,
            aws: Arc::clone(&self.aws),
            credentials: self.credentials.clone(),
            proxy: None,
            environment: self.environment.clone(),
            user: self.user.clone(),
            operator: None,
            webhook: None,
            operator_directory: tempfile::tempdir()?,
            starts: 0,
        })
    }

    async fn over(cluster: ControlPlane, aws: Arc<AwsDouble>, user: &str, policy: &str) -> Result<Self, Problem> {
        let mut world = Self::bare(cluster, aws, user, policy)?;
        world.cluster.apply_file(&repository().join("crds"), true).await?;
        world.wait_for_crds().await?;
        world.inject_pods().await?;
        Ok(world)
    }

    /// With an account in which the operator has a user, and nothing installed.
    fn bare(cluster: ControlPlane, aws: Arc<AwsDouble>, user: &str, policy: &str) -> Result<Self, Problem> {
        let credentials = aws.account(ACCOUNT).create_user(user, policy)?;
        aws.demand_bucket_owner(&format!("arn:aws:iam::{ACCOUNT}:user/{user}"));
        Ok(Self {
            cluster,
            aws,
            credentials,
            proxy: None,
            environment: Vec::new(),
            user: user.to_owned(),
            operator: None,
            webhook: None,
            operator_directory: tempfile::tempdir()?,
            starts: 0,
        })
    }

    /// Installs everything with what injects pods in this version of Kubernetes: the policy where the API server serves it, and else
    /// the webhook.
    async fn inject_pods(&mut self) -> Result<(), Problem> {
        let overlay = repository().join(if serves_policies(&self.cluster).await? {
            "config/with-policy"
        } else {
            "config/with-webhook"
        });
        self.cluster.apply_file(&overlay, true).await?;
        self.start_webhook_if_deployed().await
    }

    /// Starts the webhook, where the cluster has a Deployment of it, and waits until pods are injected by it.
    ///
    /// # Errors
    /// Why it could not be started or is not ready.
    pub async fn start_webhook_if_deployed(&mut self) -> Result<(), Problem> {
        let path = format!("/apis/apps/v1/namespaces/{OPERATOR_NAMESPACE}/deployments/{WEBHOOK}");
        if self.cluster.client()?.get(&path).await?.is_success() {
            self.webhook = Some(Webhook::install(&self.cluster, self.operator_directory.path()).await?);
        }
        Ok(())
    }

    /// The webhook, if that is what injects pods here.
    pub const fn webhook(&self) -> Option<&Webhook> {
        self.webhook.as_ref()
    }

    /// A world in which the operator runs, the samples are applied and both objects are ready.
    ///
    /// # Errors
    /// As for [`Self::start`] and [`Self::wait_for`].
    pub async fn with_samples(key: SigningKey) -> Result<Self, Problem> {
        let mut world = Self::start_signing_with(key).await?;
        world.start_operator().await?;
        world.apply_samples().await?;
        Ok(world)
    }

    /// The same with the operator as `config/manager` starts it: it works once it holds the lease.
    ///
    /// # Errors
    /// As for [`Self::start`] and [`Self::wait_for`].
    pub async fn as_shipped(key: SigningKey) -> Result<Self, Problem> {
        let mut world = Self::start_signing_with(key).await?;
        world.start_operator_as_shipped().await?;
        world.apply_samples().await?;
        Ok(world)
    }

    /// Applies `config/samples` and waits until both objects are ready.
    ///
    /// # Errors
    /// As for [`Self::wait_for`].
    pub async fn apply_samples(&self) -> Result<(), Problem> {
        self.cluster
            .apply_file(&repository().join("config/samples"), true)
            .await?;
        self.federation_ready("default").await?;
        self.binding_ready("default", "app").await?;
        Ok(())
    }

    /// STS's verdict on a token: the assumed role's ARN, or AWS's error code.
    ///
    /// # Errors
    /// The code, or what went wrong without one.
    pub async fn assume(&self, role_arn: &str, token: &str) -> Result<String, String> {
        let sts = Sts::of(self).await.map_err(|problem| problem.to_string())?;
        sts.assume(role_arn, token).await
    }

    /// Starts the operator as its own ServiceAccount, without a lease: one that was killed a moment ago would keep it
    /// waiting. It is built first unless `IRSA_ANYWHERE_OPERATOR` names it.
    ///
    /// # Errors
    /// Why it could not be started; whether it gets anywhere is for the caller to see.
    pub async fn start_operator(&mut self) -> Result<(), Problem> {
        self.start_operator_with(&[]).await
    }

    /// The same with more arguments.
    ///
    /// # Errors
    /// As for [`Self::start_operator`].
    pub async fn start_operator_with(&mut self, arguments: &[&str]) -> Result<(), Problem> {
        self.start_operator_in(arguments, &[]).await
    }

    /// The same with variables of the environment set to other values, too.
    ///
    /// # Errors
    /// As for [`Self::start_operator`].
    pub async fn start_operator_in(&mut self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), Problem> {
        let arguments = [&["--leader-elect=false"], arguments].concat();
        self.launch_operator(&arguments, variables).await
    }

    /// Starts the operator as `config/manager` does: it works once it holds the lease.
    ///
    /// # Errors
    /// As for [`Self::start_operator`].
    pub async fn start_operator_as_shipped(&mut self) -> Result<(), Problem> {
        self.launch_operator(&[], &[]).await
    }

    /// The same with variables of the environment set to other values.
    ///
    /// # Errors
    /// As for [`Self::start_operator`].
    pub async fn start_operator_as_shipped_in(&mut self, variables: &[(&str, &str)]) -> Result<(), Problem> {
        self.launch_operator(&[], variables).await
    }

    async fn launch_operator(&mut self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<(), Problem> {
        self.starts += 1;
        let variable = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let start = operator::Start {
            directory: self.operator_directory.path(),
            credentials: &self.credentials,
            proxy: self.proxy.as_ref(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: variables.iter().map(variable).collect(),
        };
        let operator = Operator::start(self, start).await?;
        self.operator = Some(operator);
        Ok(())
    }

    /// Asks the operator to end, and waits until it has.
    ///
    /// # Errors
    /// When it does not run or does not end well.
    pub async fn stop_operator(&mut self) -> Result<(), Problem> {
        let operator = self.operator.take().ok_or("the operator does not run")?;
        operator.stop().await;
        Ok(())
    }

    /// Kills the operator with SIGKILL.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill_operator(&mut self) -> Result<(), Problem> {
        let operator = self.operator.take().ok_or("the operator does not run")?;
        operator.kill().await;
        Ok(())
    }

    /// Sends the operator SIGTERM, as the kubelet does. How it ended.
    ///
    /// # Errors
    /// When it does not run, or goes on running.
    pub async fn end_operator(&mut self) -> Result<std::process::ExitStatus, Problem> {
        let operator = self.operator.take().ok_or("the operator does not run")?;
        operator.terminate().await
    }

    /// The running operator.
    ///
    /// # Errors
    /// When it does not run.
    pub fn operator(&self) -> Result<&Operator, Problem> {
        self.operator.as_ref().ok_or_else(|| "the operator does not run".into())
    }
}

fn cluster(issuers: &[&str], key: SigningKey) -> ControlPlaneBuilder {
    let builder = ControlPlane::builder().signing_key(key).audit(true);
    issuers.iter().fold(builder, |builder, issuer| builder.issuer(*issuer))
}
