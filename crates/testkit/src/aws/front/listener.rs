//! The TLS listener.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Front, endpoint};

/// Accepts connections until the runtime ends.
pub(crate) async fn listen(front: Arc<Front>, listener: TcpListener, tls: Arc<ServerConfig>) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(Arc::clone(&front), stream, acceptor.clone()));
            }
            Err(error) => tracing::warn!(%error, "cannot accept a connection"),
        }
    }
}

async fn connection(front: Arc<Front>, stream: TcpStream, acceptor: TlsAcceptor) {
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
    };
    let service = stream
        .get_ref()
        .1
        .server_name()
        .and_then(endpoint)
        .map(|endpoint| endpoint.service);
    let controls = Arc::clone(&front.controls);
    let handler = service_fn(move |request: Request<Incoming>| Arc::clone(&front).serve(request));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), handler);
    let stopped = async {
        match service {
            Some(service) => controls.until_stopped(service).await,
            None => std::future::pending().await,
        }
    };
    // A cut connection and one that the client closed end alike; neither is news.
    tokio::select! {
        ended = serving => if let Err(error) = ended { tracing::trace!(%error, "connection ended") },
        () = stopped => {}
    }
}

/// Serves plain handlers over TLS, for sites that are not AWS.
pub(crate) async fn serve_site<F>(listener: TcpListener, tls: Arc<ServerConfig>, handler: F)
where
    F: Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Clone + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, handler) = (acceptor.clone(), handler.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request: Request<Incoming>| {
                let response = handler(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}
