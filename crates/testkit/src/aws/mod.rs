//! An AWS double: S3, IAM (query protocol) and STS over TLS, under their real host names, for several accounts.
//!
//! Written as if another company had made it: it knows nothing of irsa-anywhere. Each rule it enforces cites its
//! source in a comment (`[IAM-model]`, `[S3-model]`, `[STS-model]`, `[QUOTA]`, … as in `docs/aws-double.md`);
//! behaviour without a source says UNSOURCED.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use irsa_testkit::aws::AwsDouble;
//!
//! let aws = AwsDouble::builder().start().await?;
//! let root = aws.account("123456789012").root_credentials();
//! let mut child = std::process::Command::new("aws");
//! child.args(["sts", "get-caller-identity"]).envs(aws.env(&root, "eu-central-1"));
//! # Ok(())
//! # }
//! ```

pub(crate) mod account;
pub mod clock;
pub(crate) mod credentials;
pub mod double;
pub mod front;
pub mod iam;
pub mod policy;
pub mod s3;
pub mod site;
pub mod sts;
pub mod wire;
pub mod world;

pub use self::{
    account::Account,
    credentials::Credentials,
    double::{AwsDouble, Builder, StartError},
    front::{
        controls::{Fault, FaultRule, Throttle},
        in_process::InProcess,
        log::{Access, Entry, Mark},
        observer::Effect,
    },
    iam::{ProviderState, RoleState},
    site::Site,
    wire::{AwsError, Service},
};
