//! What the cluster's API servers say: their issuer and their keys.

use std::{fmt, future::Future};

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
    /// Whether these are all the API servers there are. A load balancer's answer is one server's, not everybody's.
    pub complete: bool,
}

/// The API servers of the cluster.
pub trait ApiServers: Send + Sync + 'static {
    /// Asks every one of them, each on a connection of its own: one pooled connection sticks to one server, and in the
    /// middle of a rollout they differ.
    fn read(&self) -> impl Future<Output = Reading> + Send;
}

impl Reading {
    /// The answers that could be read.
    pub(super) fn views(&self) -> impl Iterator<Item = &ServerView> {
        self.answers.iter().filter_map(|answer| answer.view.as_ref().ok())
    }

    /// Whether every API server answered.
    pub(super) fn all_answered(&self) -> bool {
        self.complete && !self.answers.is_empty() && self.answers.iter().all(|answer| answer.view.is_ok())
    }

    /// The first API server that did not, and why.
    pub(super) fn failure(&self) -> Option<(&str, &ServerError)> {
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
