//! API servers that make a new connection for each review: those that there are keep theirs, and notice nothing of a certificate that they
//! would refuse, nor of a port that is closed.

use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use irsa_tests::world::Webhook;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use crate::{authority::SERVER, bench::Bench};

/// Makes a connection as an API server does that trusts these authorities.
pub(crate) async fn connects(address: SocketAddr, authorities: &str) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let handshake = move || -> Result<(), String> {
        let name = ServerName::try_from(SERVER).unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    tokio::task::spawn_blocking(handshake).await.unwrap()
}

/// An API server that learns of the configuration so much later: it must be content with each certificate that it is shown. It never ends.
pub(crate) async fn late_api_server(bench: &Bench, webhook: &Webhook, lag: Duration) {
    let mut known: VecDeque<(Instant, String)> = VecDeque::new();
    loop {
        known.push_back((Instant::now(), bench.trusted(webhook).await));
        while known.get(1).is_some_and(|(since, _)| since.elapsed() >= lag) {
            known.pop_front();
        }
        let trusted = &known[0].1;
        connects(webhook.address(), trusted).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
