//! The ports: what the controllers may ask of AWS.
//!
//! Every method is one AWS call, or one listing followed to its end, so that a plan's steps and its calls can be counted
//! against each other. Removing something that is already gone succeeds. Documents (trust and inline policies) go in
//! and come out as plain JSON text; comparing them by meaning is `irsa-core`'s.
//!
//! **Consistency.** IAM is eventually consistent: a read may show the state before our own last write, usually for
//! seconds, rarely for a minute. S3 is strongly consistent. The ports add no waiting of their own.

mod caller;
mod documents;
mod listings;
mod providers;
mod public;
mod roles;
mod simulation;
mod web_identity;

use std::collections::BTreeMap;

pub use caller::{Aws, Caller, CallerIdentity, Connect, Connection, RoleToAssume};
pub use documents::{Bucket, Document, DocumentStore, Lookup, NewDocument, ObjectRef, Precondition, PublicAccessBlock};
pub use listings::{DetailedRole, ListedRole, RoleListings};
pub use providers::{IdentityProviders, NewOidcProvider, OidcProvider};
pub use public::{PublicDocument, PublicRead, PublicReadError, PublicReader};
pub use roles::{NewRole, Role, Roles};
pub use simulation::PolicySimulator;
pub use web_identity::{AssumedRole, TemporaryCredentials, WebIdentity, WebIdentityRequest};

/// AWS tags: key to value. IAM compares keys without regard to case but keeps the case that was given.
pub type AwsTags = BTreeMap<String, String>;
