//! What the cluster's API servers say: their issuer and their keys.

use std::{collections::BTreeSet, fmt, future::Future};

use irsa_core::vocabulary::Reason;

/// One API server's discovery document and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerView {
    /// The `issuer` of its discovery document: what it signs tokens as.
    pub issuer: String,
    /// `/openid/v1/jwks` as served.
    pub jwks: Vec<u8>,
}

/// Why an API server could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// No answer, or none that can be understood.
    #[error("cannot be read: {0}")]
    Unreachable(String),
    /// 403: the operator's ServiceAccount may not read it.
    #[error("refuses to show its discovery document")]
    Forbidden,
    /// 404: an API server whose issuer is no https URL serves no discovery document.
    #[error("serves no discovery document")]
    NotServed,
}

/// What one API server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its address.
    pub server: String,
    /// What it said.
    pub view: Result<ServerView, ServerError>,
}

/// What all API servers answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// One answer for each API server that was asked.
    pub answers: Vec<Answer>,
    /// Why these may not be all the API servers there are, if so. A load balancer's answer is one server's, not everybody's.
    pub shortfall: Option<Shortfall>,
}

/// Why only the API server behind the normal connection was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// 403.
    #[error(
        "the operator may not read the EndpointSlice default/kubernetes; apply config/rbac, or set --api-server-endpoints"
    )]
    Forbidden,
    /// There is none, or none that says anything.
    #[error("the EndpointSlice default/kubernetes names no address; set --api-server-endpoints")]
    NoAddress,
    /// It could not be read this time.
    #[error("the EndpointSlice default/kubernetes could not be read; it is read again")]
    Unread,
    /// None of its addresses answers.
    #[error(
        "the address {0} of the EndpointSlice default/kubernetes cannot be reached, nor any other; set --api-server-endpoints"
    )]
    Unreachable(String),
}

impl Shortfall {
    /// The reason of the condition that says so.
    pub fn condition_reason(&self) -> Reason {
        match self {
            Self::Forbidden => Reason::NotPermitted,
            Self::NoAddress | Self::Unread | Self::Unreachable(_) => Reason::ApiServerUnavailable,
        }
    }
}

/// Why the audiences of an API server's own tokens are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceReadError {
    /// No answer, or none that can be understood.
    #[error("cannot be asked: {0}")]
    Unreachable(String),
    /// The operator may not ask for a token of its own ServiceAccount.
    #[error("does not let the operator ask for a token of its own ServiceAccount")]
    Forbidden,
    /// Only a ServiceAccount can ask for a token of its own.
    #[error("knows the operator as a user who is no ServiceAccount")]
    NoServiceAccount,
}

/// The audiences of an API server (`--api-audiences`; without it, its issuers): those of a token for which nobody asked for
/// an audience, and those that it accepts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAudiences {
    /// Its address.
    pub server: String,
    /// The audiences.
    pub audiences: Result<BTreeSet<String>, AudienceReadError>,
}

/// The API servers of the cluster.
pub trait ApiServers: Send + Sync + 'static {
    /// Asks every one of them, each on a connection of its own: one pooled connection sticks to one server, and in the
    /// middle of a rollout they differ.
    fn read(&self) -> impl Future<Output = Reading> + Send;

    /// Asks those that [`Self::read`] last asked for their own audiences.
    fn audiences(&self) -> impl Future<Output = Vec<OwnAudiences>> + Send;
}

impl Reading {
    /// The answers that could be read.
    pub fn views(&self) -> impl Iterator<Item = &ServerView> {
        self.answers.iter().filter_map(|answer| answer.view.as_ref().ok())
    }

    /// Whether every API server answered.
    pub fn all_answered(&self) -> bool {
        self.shortfall.is_none() && !self.answers.is_empty() && self.answers.iter().all(|answer| answer.view.is_ok())
    }

    /// The first API server that did not, and why.
    pub fn failure(&self) -> Option<(&str, &ServerError)> {
        self.answers
            .iter()
            .find_map(|answer| Some((answer.server.as_str(), answer.view.as_ref().err()?)))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.view {
            Ok(view) => write!(f, "{} signs as {}", self.server, view.issuer),
            Err(error) => write!(f, "{} {error}", self.server),
        }
    }
}
