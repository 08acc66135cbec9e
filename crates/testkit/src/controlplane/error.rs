//! Errors of the control plane.

use std::{io, path::PathBuf, time::Duration};

/// Why a control plane could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// Binaries are missing and could not be built; the sentence says what to install or set.
    #[error("{0}")]
    MissingBinaries(String),
    /// A file, directory or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A key or certificate could not be made.
    #[error("cannot make {what}: {reason}")]
    Crypto {
        /// The key or certificate.
        what: &'static str,
        /// The library's message.
        reason: String,
    },
    /// A server ended while it was starting.
    #[error("{server} ended while starting ({status}); the end of {}:\n{tail}", log.display())]
    Ended {
        /// Which server.
        server: &'static str,
        /// Its exit status.
        status: String,
        /// Its whole log; gone once the control plane is dropped.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// A server runs but did not become ready in time.
    #[error("{server} was not ready after {waited:?}; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// Which server.
        server: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// Its whole log; gone once the control plane is dropped.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// No free port was found.
    #[error("no free port on 127.0.0.1 after {0} attempts")]
    NoFreePort(usize),
    /// The API server could not be reached or cut the connection.
    #[error("{method} {path}: {reason}")]
    Transport {
        /// HTTP method.
        method: String,
        /// Path and query.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// The API server refused a request.
    #[error("{method} {path}: {status}: {message}")]
    Refused {
        /// HTTP method.
        method: String,
        /// Path and query.
        path: String,
        /// HTTP status code.
        status: u16,
        /// The API server's own sentence.
        message: String,
    },
    /// kubectl exited with an error.
    #[error("kubectl {arguments}: {stderr}")]
    Kubectl {
        /// The arguments it was called with.
        arguments: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// No API server has that index.
    #[error("there is no API server {0}")]
    NoSuchServer(usize),
}

impl ControlPlaneError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
