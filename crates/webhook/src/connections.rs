//! Connections: as many as there are places for, and none for ever.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum_server::accept::Accept;
use futures::{FutureExt, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep, timeout},
};

/// How long a connection waits for one of them to end.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may read nothing of an answer. API servers have gone by then (`timeoutSeconds`).
pub(crate) const READING_PATIENCE: Duration = Duration::from_secs(10);

/// Takes a connection when there is room for it, and ends it where there is none.
#[derive(Debug, Clone)]
pub(crate) struct LimitedAcceptor(Arc<Semaphore>);

impl LimitedAcceptor {
    /// With as many places as the semaphore has permits.
    pub(crate) fn new(places: Arc<Semaphore>) -> Self {
        Self(places)
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for LimitedAcceptor {
    type Stream = LimitedStream;
    type Service = S;
    type Future = BoxFuture<'static, io::Result<(LimitedStream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let places = Arc::clone(&self.0);
        async move {
            // The end of an answer follows its beginning at once, and not when that was acknowledged.
            stream.set_nodelay(true)?;
            let place = timeout(CONNECTION_PATIENCE, places.acquire_owned()).await;
            let place = place.map_err(io::Error::other)?.map_err(io::Error::other)?;
            let stream = LimitedStream {
                stream,
                unread: None,
                _place: place,
            };
            Ok((stream, service))
        }
        .boxed()
    }
}

/// A connection that has its place as long as it lasts, and ends where its client reads nothing of an answer.
#[derive(Debug)]
pub(crate) struct LimitedStream {
    stream: TcpStream,
    /// When it ends, while nothing can be written.
    unread: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl LimitedStream {
    fn written<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.unread = None;
            return written;
        }
        let until = self.unread.get_or_insert_with(|| Box::pin(sleep(READING_PATIENCE)));
        ready!(until.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
