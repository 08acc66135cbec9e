//! Names of things outside our own types: Kubernetes metadata keys, AWS tag keys, fixed object names.

/// API group of both kinds.
pub const GROUP: &str = "irsa-anywhere.dev";
/// The served version.
pub const VERSION: &str = "v1alpha1";

/// What requests to Kubernetes and AWS, and the anonymous reads, begin their User-Agent with.
pub const USER_AGENT: &str = concat!("irsa-anywhere/", env!("CARGO_PKG_VERSION"));

/// Field manager of our finalizer on our own kinds, and of the record of keys. The others begin with it.
pub const FIELD_MANAGER: &str = "irsa-anywhere";
/// Field manager of status writes.
pub const STATUS_FIELD_MANAGER: &str = "irsa-anywhere-status";
/// Field manager of the keys that we put on ServiceAccounts, so that they can be told from anybody else's.
pub const SERVICE_ACCOUNT_FIELD_MANAGER: &str = "irsa-anywhere-serviceaccount";
/// Field manager of the Lease.
pub const LEASE_FIELD_MANAGER: &str = "irsa-anywhere-leader";
/// Field manager of events.
pub const EVENTS_FIELD_MANAGER: &str = "irsa-anywhere-events";
/// Field manager of the webhook: its certificate, and whom API servers are to trust.
pub const WEBHOOK_FIELD_MANAGER: &str = "irsa-anywhere-webhook";

/// Finalizer of an `OidcFederation`: its provider and documents must go before the object does.
pub const FEDERATION_FINALIZER: &str = "irsa-anywhere.dev/federation";
/// Finalizer of an `IamRoleBinding`: its role must go before the object does.
pub const BINDING_FINALIZER: &str = "irsa-anywhere.dev/binding";

/// Set by a person (or `flux reconcile`-like tools) to any new value to ask for a pass now; echoed in
/// `status.lastHandledReconcileAt`.
pub const RECONCILE_REQUESTED_AT: &str = "irsa-anywhere.dev/reconcile-requested-at";
/// Ends a deletion whose AWS cleanup cannot work; counts only once cleanup has failed.
pub const FORCE_DELETE: &str = "irsa-anywhere.dev/force-delete";
/// On a federation whose cluster may have been copied: the mark of the other instance, which a person declares void.
pub const CLAIM: &str = "irsa-anywhere.dev/claim";
/// Label on bound ServiceAccounts; the injection policy selects on it.
pub const INJECT_LABEL: &str = "irsa-anywhere.dev/inject";
/// Value of [`INJECT_LABEL`].
pub const INJECT_LABEL_VALUE: &str = "true";
/// Value of [`INJECT_LABEL`] for people who set the role by hand: such a ServiceAccount needs no [`CONFIRMED_FOR`].
pub const INJECT_LABEL_MANUAL: &str = "manual";
/// Value of [`INJECT_LABEL`] on a namespace whose pods are left alone.
pub const INJECT_LABEL_OPT_OUT: &str = "false";
/// Annotation on bound ServiceAccounts: the ServiceAccount's own UID. Without it, or with another, as after a restore,
/// the injection policy does nothing: a binding of this cluster has not confirmed what the annotations say.
pub const CONFIRMED_FOR: &str = "irsa-anywhere.dev/confirmed-for";
/// Annotation on a ServiceAccount that was restored with our keys: they are all ours, whoever the API server says wrote
/// them, and all go when the binding does.
pub const RESTORED: &str = "irsa-anywhere.dev/restored";
/// Value of [`RESTORED`].
pub const RESTORED_VALUE: &str = "true";
/// Label, with any value, on a ServiceAccount of which the operator may ask for a token to prove a role, though no binding put
/// [`INJECT_LABEL`] on it: the canary, and those of bindings with `serviceAccountMode: None`. The admission policy in `config/verify`
/// reads it; the operator never writes it.
pub const VERIFY_LABEL: &str = "irsa-anywhere.dev/verify";
/// Value of [`VERIFY_LABEL`] on the canary, by which the operator finds it in its own namespace.
pub const CANARY_LABEL_VALUE: &str = "canary";
/// Label on a ServiceAccount that we created: the binding's name.
pub const OWNER_LABEL: &str = "irsa-anywhere.dev/binding";

/// Annotation on bound ServiceAccounts: the region that their pods get. Absent: none.
pub const POD_REGION: &str = "irsa-anywhere.dev/region";
/// Annotation on bound ServiceAccounts: where their pods' session name comes from. Absent: from the SDK.
pub const POD_SESSION_NAME: &str = "irsa-anywhere.dev/session-name";
/// Annotation on bound ServiceAccounts: whether their pods ask the region's own STS. The AWS webhook's annotation of the
/// same name counts before it.
pub const POD_STS_REGIONAL_ENDPOINTS: &str = "irsa-anywhere.dev/sts-regional-endpoints";
/// Annotation on bound ServiceAccounts: whether their pods look for an instance's metadata. Absent: as the SDK does.
pub const POD_INSTANCE_METADATA: &str = "irsa-anywhere.dev/instance-metadata";
/// The annotations that tell injection what pods get beside role and token.
pub const POD_SETTINGS: [&str; 4] = [
    POD_REGION,
    POD_SESSION_NAME,
    POD_STS_REGIONAL_ENDPOINTS,
    POD_INSTANCE_METADATA,
];

/// The AWS pod-identity webhook's annotation: the role that pods of this ServiceAccount get.
pub const EKS_ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
/// The AWS pod-identity webhook's annotation: the token's audience.
pub const EKS_AUDIENCE: &str = "eks.amazonaws.com/audience";
/// The AWS pod-identity webhook's annotation on ServiceAccounts: whether their pods ask the region's own STS.
pub const EKS_STS_REGIONAL_ENDPOINTS: &str = "eks.amazonaws.com/sts-regional-endpoints";
/// The AWS pod-identity webhook's annotation on ServiceAccounts and pods, of which the pod's counts first: seconds that the token
/// lives.
pub const EKS_TOKEN_EXPIRATION: &str = "eks.amazonaws.com/token-expiration";
/// The AWS pod-identity webhook's annotation on pods: names of containers that get nothing.
pub const EKS_SKIP_CONTAINERS: &str = "eks.amazonaws.com/skip-containers";
/// The AWS pod-identity webhook's label on pods that are kept as they are, whatever its value.
pub const EKS_SKIP_POD: &str = "eks.amazonaws.com/skip-pod-identity-webhook";

/// Name of our webhook within its configuration, which may have any.
pub const WEBHOOK_NAME: &str = "pods.irsa-anywhere.dev";

/// Ownership tag: UID of the namespace kube-system, which identifies a cluster.
pub const TAG_CLUSTER: &str = "irsa-anywhere.dev/cluster";
/// Ownership tag: name of the `OidcFederation`.
pub const TAG_FEDERATION: &str = "irsa-anywhere.dev/federation";
/// Ownership tag: namespace of the `IamRoleBinding`; absent on a provider.
pub const TAG_NAMESPACE: &str = "irsa-anywhere.dev/namespace";
/// Ownership tag: name of the `IamRoleBinding`; absent on a provider.
pub const TAG_NAME: &str = "irsa-anywhere.dev/name";
/// Information only: UID of the object that made it. Never compared, since a restore makes a new UID.
pub const TAG_UID: &str = "irsa-anywhere.dev/uid";
/// Which permissions boundary we set, as a digest of its ARN: one that is not named here is somebody else's.
pub const TAG_BOUNDARY: &str = "irsa-anywhere.dev/boundary";
/// Set by an AWS administrator on a role or provider that a binding or federation may take over; the value says which.
pub const TAG_ADOPT: &str = "irsa-anywhere.dev/adopt";
/// No user tag may have a key that starts with this: our tags are authority.
pub const TAG_PREFIX: &str = "irsa-anywhere.dev/";

/// User metadata on S3 objects (S3 lower-cases and prefixes it with `x-amz-meta-`): the cluster that wrote it.
pub const OBJECT_METADATA_CLUSTER: &str = "irsa-anywhere-cluster";
/// User metadata on S3 objects: the federation that wrote it.
pub const OBJECT_METADATA_FEDERATION: &str = "irsa-anywhere-federation";
/// User metadata on S3 objects: set by an administrator on documents that a federation may take over; the value says
/// which, as that of [`TAG_ADOPT`] does.
pub const OBJECT_METADATA_ADOPT: &str = "irsa-anywhere-adopt";
/// User metadata on the key set in S3: the mark of the instance of the cluster that wrote it. A copy of the cluster has the
/// same UID.
pub const OBJECT_METADATA_INSTANCE: &str = "irsa-anywhere-instance";
/// Sid of the one bucket-policy statement that we keep; the federation's issuer id is appended.
pub const BUCKET_STATEMENT_SID_PREFIX: &str = "IrsaAnywherePublicRead";

/// Name prefix of the ConfigMap that holds a federation's key history.
pub const KEY_HISTORY_PREFIX: &str = "irsa-anywhere-keys-";

/// The ServiceAccount in the operator's namespace that is never bound: what lets it in lets everybody in. No binding may
/// name a ServiceAccount like this, in any namespace.
pub const CANARY_SERVICE_ACCOUNT: &str = "irsa-anywhere-canary";

/// The audience that every AWS SDK and the AWS pod-identity webhook use by default.
pub const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";
