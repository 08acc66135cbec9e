//! The HTTP CONNECT proxy through which unmodified clients reach the double under AWS's real host names.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use super::routes::Routes;

/// Longest request head that is read.
const HEAD_LIMIT: usize = 16 << 10;

/// Accepts clients until the runtime ends.
pub(crate) async fn proxy(routes: Arc<Routes>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let routes = Arc::clone(&routes);
                tokio::spawn(async move {
                    if let Err(error) = tunnel(&routes, stream).await {
                        tracing::trace!(%error, "tunnel ended");
                    }
                });
            }
            Err(error) => tracing::warn!(%error, "cannot accept a proxy client"),
        }
    }
}

async fn tunnel(routes: &Routes, mut client: TcpStream) -> io::Result<()> {
    let head = tokio::time::timeout(Duration::from_secs(30), read_head(&mut client)).await??;
    let mut words = head.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "CONNECT" {
        return refuse(&mut client, "405 Method Not Allowed", "this proxy only knows CONNECT").await;
    }
    let Some((host, port)) = target
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
    else {
        return refuse(&mut client, "400 Bad Request", "CONNECT wants host:port").await;
    };
    let address = match routes.resolve(host, port) {
        Ok(address) => address,
        Err(reason) => {
            tracing::debug!(host, port, %reason, "no tunnel");
            return refuse(&mut client, "502 Bad Gateway", &reason.to_string()).await;
        }
    };
    let Ok(mut server) = TcpStream::connect(address).await else {
        return refuse(&mut client, "502 Bad Gateway", "connection refused").await;
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Reads up to the empty line. A client sends nothing behind it before it has the answer.
async fn read_head(client: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > HEAD_LIMIT {
            return Err(io::Error::other("request head too long"));
        }
        head.push(client.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

async fn refuse(client: &mut TcpStream, status: &str, reason: &str) -> io::Result<()> {
    let length = reason.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{reason}"
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}
