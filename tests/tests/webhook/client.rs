//! API servers that make a new connection for each review: those that there are keep theirs, and notice nothing of a certificate that they
//! would refuse, nor of a port that is closed.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
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

fn session(authorities: &str) -> ClientConnection {
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
    ClientConnection::new(Arc::new(config), ServerName::try_from(SERVER).unwrap()).unwrap()
}

fn connected(address: SocketAddr, session: &mut ClientConnection) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    Ok(stream)
}

/// Makes a connection as an API server does that trusts these authorities.
pub(crate) async fn connects(address: SocketAddr, authorities: &str) -> Result<(), String> {
    let mut session = session(authorities);
    let handshake = move || {
        connected(address, &mut session)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(handshake).await.unwrap()
}

/// What is answered to who speaks HTTP/2 without having been offered it.
pub(crate) async fn answer_to_http2(address: SocketAddr, authorities: &str) -> String {
    let mut session = session(authorities);
    let talk = move || {
        let mut stream = connected(address, &mut session).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .unwrap();
        let mut answer = [0; 16];
        let length = tls.read(&mut answer).unwrap_or_default();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
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
