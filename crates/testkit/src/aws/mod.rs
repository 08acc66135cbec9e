//! An AWS double: S3, IAM (query protocol) and STS over TLS, under their real host names, for several accounts.
//!
//! Written as if another company had made it: it knows nothing of irsa-anywhere. Each rule it enforces cites its
//! source in a comment (`[IAM-model]`, `[S3-model]`, `[STS-model]`, `[QUOTA]`, … as in `docs/aws-double.md`);
//! behaviour without a source says UNSOURCED.

pub mod clock;
pub mod iam;
pub mod policy;
pub mod s3;
pub mod sts;
pub mod wire;
pub mod world;
