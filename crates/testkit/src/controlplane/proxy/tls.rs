//! Both sides of the proxy: it shows the API server's own certificate and trusts the cluster's CA.

use std::{net::Ipv4Addr, sync::Arc};

use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::controlplane::{ControlPlaneError, files::Pki};

pub(super) async fn connect(connector: &TlsConnector, upstream: u16) -> Option<SendRequest<Incoming>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await.ok()?;
    let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    let stream = connector.connect(name, stream).await.ok()?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn crypto(error: impl ToString) -> ControlPlaneError {
    ControlPlaneError::Crypto {
        what: "a proxy's TLS",
        reason: error.to_string(),
    }
}

pub(super) fn acceptor(pki: &Pki) -> Result<TlsAcceptor, ControlPlaneError> {
    let certificate = CertificateDer::from_pem_slice(pki.certificate.as_bytes()).map_err(crypto)?;
    let key = PrivateKeyDer::from_pem_slice(pki.key.as_bytes()).map_err(crypto)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(crypto)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(crypto)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

pub(super) fn connector(pki: &Pki) -> Result<TlsConnector, ControlPlaneError> {
    let authority = CertificateDer::from_pem_slice(pki.ca.as_bytes()).map_err(crypto)?;
    let mut roots = RootCertStore::empty();
    roots.add(authority).map_err(crypto)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(crypto)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
