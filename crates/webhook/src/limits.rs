//! What is taken of whoever reaches the port: nobody is asked who he is, and any pod that may create pods writes what is read here.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use axum_server::accept::Accept;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Connections at a time. Several API servers that create pods as fast as they can have fewer: each has no more than
/// `--max-mutating-requests-inflight` (200) in all.
pub(crate) const CONNECTIONS: usize = 512;
/// How long a connection waits for one of them to end.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(1);
/// Longer than any pod that can be stored (etcd takes 1.5 MiB).
const LONGEST_REVIEW: usize = 2 << 20;
/// Bytes of all reviews that are being read.
const BYTES: usize = 8 << 20;
/// Parts of a review, see [`parts`]. What is read of each may take hundreds of bytes, however few it is written in.
const MOST_PARTS: usize = 50_000;
/// How long a review may take to arrive and to get its turn: API servers wait no longer (`timeoutSeconds`).
const REVIEW_PATIENCE: Duration = Duration::from_secs(5);

/// The room that there is, shared by all connections.
///
/// **Guarantees.** What is in memory of reviews at a time is bounded, whatever is sent: a replica is not killed for it, which would be
/// pods of others without credentials.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    connections: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    parts: Arc<Semaphore>,
}

/// A review that has arrived. Its room is taken until it is dropped.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) body: Vec<u8>,
    /// Whether it has more parts than are read of any.
    pub(crate) is_too_large: bool,
    _room: [Option<OwnedSemaphorePermit>; 2],
}

/// Why a review is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("the review did not arrive whole: {0}")]
    Broken(axum::Error),
    #[error("the review has more than {LONGEST_REVIEW} bytes")]
    TooLong,
    #[error("the review did not arrive within {REVIEW_PATIENCE:?}, or so many others did")]
    TooSlow,
}

impl Limits {
    /// With so many connections at a time.
    pub(crate) fn new(connections: usize) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections)),
            bytes: Arc::new(Semaphore::new(BYTES)),
            parts: Arc::new(Semaphore::new(MOST_PARTS)),
        }
    }

    /// Whoever takes connections keeps to the limit.
    pub(crate) fn acceptor(&self) -> LimitedAcceptor {
        LimitedAcceptor(Arc::clone(&self.connections))
    }

    /// Reads a review, as far as there is room for what arrives.
    ///
    /// # Errors
    /// [`NotTaken`]; the API server's `failurePolicy` decides then.
    pub(crate) async fn take(&self, body: Body) -> Result<Arrived, NotTaken> {
        timeout(REVIEW_PATIENCE, self.read(body))
            .await
            .unwrap_or(Err(NotTaken::TooSlow))
    }

    async fn read(&self, body: Body) -> Result<Arrived, NotTaken> {
        let mut frames = body.into_data_stream();
        let mut bytes = Vec::new();
        let mut room: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(NotTaken::Broken)?;
            if bytes.len() + frame.len() > LONGEST_REVIEW {
                return Err(NotTaken::TooLong);
            }
            // What was only announced takes no room from others.
            let more = taken(&self.bytes, frame.len()).await?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&frame);
        }
        let parts = parts(&bytes);
        let is_too_large = parts > MOST_PARTS;
        let turn = if is_too_large {
            None
        } else {
            Some(taken(&self.parts, parts).await?)
        };
        Ok(Arrived {
            body: bytes,
            is_too_large,
            _room: [room, turn],
        })
    }
}

async fn taken(room: &Arc<Semaphore>, count: usize) -> Result<OwnedSemaphorePermit, NotTaken> {
    let count = u32::try_from(count).map_err(|_| NotTaken::TooLong)?;
    // It is never closed.
    Arc::clone(room)
        .acquire_many_owned(count)
        .await
        .map_err(|_| NotTaken::TooSlow)
}

/// How many lists, objects and entries a JSON text has at the most: its commas and opening brackets, those in texts aside.
fn parts(json: &[u8]) -> usize {
    let (mut count, mut in_text, mut is_escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b',' | b'{' | b'[' if !in_text => count += 1,
            _ => {}
        }
    }
    count
}

/// Takes a connection when there is room for it, and ends it where there is none.
#[derive(Debug, Clone)]
pub(crate) struct LimitedAcceptor(Arc<Semaphore>);

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
            Ok((LimitedStream { stream, _place: place }, service))
        }
        .boxed()
    }
}

/// A connection that has its place as long as it lasts.
#[derive(Debug)]
pub(crate) struct LimitedStream {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
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
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::stream;

    use super::*;

    fn chunks(count: usize, length: usize) -> Body {
        let chunk = Bytes::from(vec![b' '; length]);
        Body::from_stream(stream::iter((0..count).map(move |_| Ok::<_, io::Error>(chunk.clone()))))
    }

    #[test]
    fn parts_are_counted_outside_of_texts() {
        for (json, count) in [
            (r#"{"a": [1, 2, 3], "b": {}}"#, 6),
            (r#"{"a": "{[,\",", "b\\": ","}"#, 2),
            ("", 0),
            (r#"{"never ended: ,,,"#, 1),
        ] {
            assert_eq!(parts(json.as_bytes()), count, "{json}");
        }
    }

    #[tokio::test]
    async fn a_review_that_is_too_long_or_has_too_many_parts_is_not_read() {
        let limits = Limits::new(1);
        let longest = limits.take(chunks(32, LONGEST_REVIEW / 32)).await.unwrap();
        assert_eq!(longest.body.len(), LONGEST_REVIEW);
        let error = limits.take(chunks(33, LONGEST_REVIEW / 32)).await.unwrap_err();
        assert!(error.to_string().contains("2097152 bytes"), "{error}");
        let many = |count: usize| Body::from(format!("[{}0]", "0,".repeat(count - 1)));
        assert!(!limits.take(many(MOST_PARTS)).await.unwrap().is_too_large);
        assert!(limits.take(many(MOST_PARTS + 1)).await.unwrap().is_too_large);
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_taken_by_what_has_arrived_and_given_back() {
        let limits = Limits::new(1);
        let mut held = Vec::new();
        for _ in 0..BYTES / LONGEST_REVIEW {
            held.push(limits.take(chunks(1, LONGEST_REVIEW)).await.unwrap());
        }
        let refused = limits.take(chunks(1, 1)).await.unwrap_err();
        assert!(matches!(refused, NotTaken::TooSlow), "{refused}");
        held.pop();
        // Who sends nothing keeps nobody waiting.
        let silent = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let (silent, other) = tokio::join!(limits.take(silent), limits.take(chunks(1, LONGEST_REVIEW)));
        assert!(matches!(silent.unwrap_err(), NotTaken::TooSlow));
        assert!(other.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn reviews_with_many_parts_go_one_at_a_time_and_small_ones_beside_each_other() {
        let limits = Limits::new(1);
        let large = || Body::from(format!("[{}0]", "0,".repeat(MOST_PARTS - 1)));
        let first = limits.take(large()).await.unwrap();
        assert!(matches!(limits.take(large()).await.unwrap_err(), NotTaken::TooSlow));
        drop(first);
        let small = || limits.take(Body::from("{}"));
        assert!(tokio::try_join!(small(), small(), small()).is_ok());
    }
}
