//! The double's name service: which local address stands behind a host name.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{controls::Controls, hosts::endpoint};

/// Why a host name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRoute {
    /// Nobody has that name.
    #[error("no such host")]
    Unknown,
    /// The service behind it is stopped.
    #[error("connection refused")]
    Refused,
}

/// The double's name service: AWS's names lead to its TLS listener, others where a test says.
#[derive(Debug)]
pub(crate) struct Routes {
    controls: Arc<Controls>,
    listener: OnceLock<SocketAddr>,
    hosts: Mutex<HashMap<String, SocketAddr>>,
}

impl Routes {
    pub(crate) fn new(controls: Arc<Controls>) -> Self {
        Self {
            controls,
            listener: OnceLock::new(),
            hosts: Mutex::default(),
        }
    }

    /// Says where the TLS listener is; once.
    pub(crate) fn set_listener(&self, address: SocketAddr) {
        let _ = self.listener.set(address);
    }

    /// Gives `host` (port 443) a local address.
    pub(crate) fn add(&self, host: &str, address: SocketAddr) {
        self.hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(host.to_ascii_lowercase(), address);
    }

    /// Takes `host` out of the table.
    pub(crate) fn remove(&self, host: &str) {
        self.hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&host.to_ascii_lowercase());
    }

    /// The local address for `host`, where only port 443 answers.
    pub(crate) fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, NoRoute> {
        let host = host.to_ascii_lowercase();
        if port != 443 {
            return Err(NoRoute::Refused);
        }
        if let Some(endpoint) = endpoint(&host) {
            if self.controls.is_stopped(endpoint.service) {
                return Err(NoRoute::Refused);
            }
            return self.listener.get().copied().ok_or(NoRoute::Refused);
        }
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&host).copied().ok_or(NoRoute::Unknown)
    }
}
