//! Free TCP ports for servers.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng;

use super::ControlPlaneError;

const ATTEMPTS: usize = 100;

/// A port that nobody listens on now.
///
/// Below the range from which Linux takes the ports of outgoing connections (32768 and up): a server that is
/// restarted must get its port back, and a passing client connection must not have taken it.
///
/// # Errors
/// Where none of a hundred is free.
pub fn free_port() -> Result<u16, ControlPlaneError> {
    let mut random = rand::thread_rng();
    (0..ATTEMPTS)
        .map(|_| random.gen_range(20_000..32_000))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or(ControlPlaneError::NoFreePort(ATTEMPTS))
}
