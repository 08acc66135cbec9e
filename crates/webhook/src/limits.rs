//! What is taken of whoever reaches the port: nobody is asked who he is, and any pod that may create pods writes what is read here.

use std::{io, sync::Arc, time::Duration};

use axum::body::{Body, HttpBody};
use futures::StreamExt;
use memchr::{memchr, memchr2};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::connections::LimitedAcceptor;

/// Connections at a time. API servers that create pods as fast as they can have fewer: a replica gets its share of at most
/// `--max-mutating-requests-inflight` (200) of each.
///
/// All of it beside each other: 24 MiB for the buffers and the TLS of so many connections, 8 MiB of reviews, 22 MiB for the parts that are read of
/// them (450 bytes each at the most), 54 MiB for the patches and answers of so many containers while they are made (27 KiB each: a patch of 8 KiB
/// in a buffer of twice that, and its base64), 20 MiB of answers that nobody reads, 10 MiB for the process: 138 MiB. The allocator keeps
/// what was free once, and not all of it fits what comes next, so `config/webhook/deployment.yaml` gives it 256 MiB.
pub(crate) const CONNECTIONS: usize = 256;
/// Longer than any pod that can be stored (etcd takes 1.5 MiB).
const LONGEST_REVIEW: usize = 2 << 20;
/// Reviews up to this length have room of their own, so that long ones never keep them waiting.
const SHORT_REVIEW: usize = 128 << 10;
/// Bytes of all short reviews at a time, and of all long ones.
const BYTES: usize = 4 << 20;
/// Parts of the pods that are read at a time, see [`parts`]. What is read of each may take hundreds of bytes, however few it is written in.
pub(crate) const MOST_PARTS: usize = 50_000;
/// Containers of the pods whose patches are made at a time, each of [`CONTAINER_PATCH`] at the most. No pod of more gets anything: the policy's
/// budget ends sooner (docs/injection.md).
pub(crate) const MOST_CONTAINERS: usize = 1000;
const CONTAINERS: usize = 2 * MOST_CONTAINERS;
/// The most that a container's part of a patch may have, and the volume beside them all. Twice the longest path that can be opened: what is longer
/// is written in escapes.
const CONTAINER_PATCH: usize = 8 << 10;
/// What the patch of most containers has, the volume included.
const USUAL_PATCH: usize = 5 << 8;
/// The longest patch. What is larger cannot be stored (etcd takes 1.5 MiB).
const LONGEST_PATCH: usize = 3 << 19;
/// Answers up to this length are bounded by the number of connections: each has one at a time.
const SHORT_ANSWER: usize = 64 << 10;
/// How long a review may take to arrive and to get its turn: API servers wait no longer (`timeoutSeconds`).
const REVIEW_PATIENCE: Duration = Duration::from_secs(5);

/// The room that there is, shared by all connections.
///
/// **Guarantees.** What is in memory of reviews and answers at a time is bounded, whatever is sent and whoever does not read: a replica is not
/// killed for it, which would be pods of others without credentials.
#[derive(Debug, Clone)]
pub(crate) struct ReviewLimits {
    connections: Arc<Semaphore>,
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    parts: Arc<Semaphore>,
    containers: Arc<Semaphore>,
    answers: Arc<Semaphore>,
}

/// A review that has arrived. Its room is taken until it is dropped.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) body: Vec<u8>,
    _room: Room,
}

/// Room that is given back when it is dropped.
pub(crate) type Room = OwnedSemaphorePermit;

/// Why a review is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("the review did not arrive whole: {0}")]
    Broken(axum::Error),
    #[error("the review has more than {LONGEST_REVIEW} bytes")]
    TooLong,
    #[error("the review did not arrive within {REVIEW_PATIENCE:?}, or so many others did")]
    TooSlow,
    #[error("too many others as large are answered now")]
    TooMany,
}

impl ReviewLimits {
    /// With so many connections at a time.
    pub(crate) fn new(connections: usize) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections)),
            short: Arc::new(Semaphore::new(BYTES)),
            long: Arc::new(Semaphore::new(BYTES)),
            parts: Arc::new(Semaphore::new(MOST_PARTS)),
            containers: Arc::new(Semaphore::new(CONTAINERS)),
            answers: Arc::new(Semaphore::new(BYTES)),
        }
    }

    /// Whoever takes connections keeps to the limit.
    pub(crate) fn acceptor(&self) -> LimitedAcceptor {
        LimitedAcceptor::new(Arc::clone(&self.connections))
    }

    /// Reads a review, once there is room for all of it: two that had a part each would wait for each other.
    ///
    /// # Errors
    /// [`NotTaken`]; the API server's `failurePolicy` decides then.
    pub(crate) async fn take(&self, body: Body) -> Result<Arrived, NotTaken> {
        timeout(REVIEW_PATIENCE, self.read(body))
            .await
            .unwrap_or(Err(NotTaken::TooSlow))
    }

    async fn read(&self, body: Body) -> Result<Arrived, NotTaken> {
        // What says nothing of its length is as long as any may be.
        let announced = body.size_hint().exact();
        let length = announced.map_or(LONGEST_REVIEW, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if length > LONGEST_REVIEW {
            return Err(NotTaken::TooLong);
        }
        let mut frames = body.into_data_stream();
        // Who only announces something takes no room from others.
        let mut next = frames.next().await;
        let room = taken(if length > SHORT_REVIEW { &self.long } else { &self.short }, length).await?;
        let mut bytes = Vec::with_capacity(announced.map_or(0, |_| length));
        while let Some(frame) = next {
            let frame = frame.map_err(NotTaken::Broken)?;
            if bytes.len() + frame.len() > length {
                return Err(NotTaken::TooLong);
            }
            bytes.extend_from_slice(&frame);
            next = frames.next().await;
        }
        Ok(Arrived {
            body: bytes,
            _room: room,
        })
    }

    /// Room for what is read of a pod with so many [`parts`]; `None` where nobody reads so many.
    ///
    /// # Errors
    /// When others take it all for too long.
    pub(crate) async fn room(&self, parts: usize) -> Result<Option<Room>, NotTaken> {
        if parts > MOST_PARTS {
            return Ok(None);
        }
        let room = timeout(REVIEW_PATIENCE, taken(&self.parts, parts)).await;
        room.unwrap_or(Err(NotTaken::TooSlow)).map(Some)
    }

    /// Room for the patch of a pod with so many containers, until its answer is made.
    ///
    /// # Errors
    /// When others take it. Nobody waits for it with what he has already.
    pub(crate) fn room_for_patch(&self, containers: usize) -> Result<Room, NotTaken> {
        taken_at_once(&self.containers, containers)
    }

    /// Room for an answer until it is written, for which the client has to read it; none is needed for a short one.
    ///
    /// # Errors
    /// As for [`Self::room_for_patch`].
    pub(crate) fn room_for_answer(&self, length: usize) -> Result<Option<Room>, NotTaken> {
        if length <= SHORT_ANSWER {
            return Ok(None);
        }
        taken_at_once(&self.answers, length).map(Some)
    }
}

fn taken_at_once(room: &Arc<Semaphore>, count: usize) -> Result<Room, NotTaken> {
    let count = u32::try_from(count).map_err(|_| NotTaken::TooMany)?;
    Arc::clone(room)
        .try_acquire_many_owned(count)
        .map_err(|_| NotTaken::TooMany)
}

/// Takes as many bytes as it may have.
#[derive(Debug)]
pub(crate) struct BoundedWriter {
    pub(crate) bytes: Vec<u8>,
    most: usize,
    /// Whether there were more.
    pub(crate) is_full: bool,
}

impl BoundedWriter {
    /// For the patch of a pod with so many containers, not more than [`MOST_CONTAINERS`]. It takes most patches without growing.
    pub(crate) fn for_containers(count: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(count * USUAL_PATCH),
            most: LONGEST_PATCH.min((count + 1) * CONTAINER_PATCH),
            is_full: false,
        }
    }
}

impl io::Write for BoundedWriter {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.most {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn taken(room: &Arc<Semaphore>, count: usize) -> Result<Room, NotTaken> {
    let count = u32::try_from(count).map_err(|_| NotTaken::TooLong)?;
    // It is never closed.
    Arc::clone(room)
        .acquire_many_owned(count)
        .await
        .map_err(|_| NotTaken::TooSlow)
}

/// How many lists, objects and entries a JSON text has at the most: its commas and opening brackets, those in texts aside.
pub(crate) fn parts(json: &str) -> usize {
    let (mut count, mut rest) = (0, json.as_bytes());
    while let Some(quote) = memchr(b'"', rest) {
        let (outside, text) = rest.split_at(quote);
        count += opened_or_separated(outside);
        rest = after_text(text.get(1..).unwrap_or_default());
    }
    count + opened_or_separated(rest)
}

fn opened_or_separated(json: &[u8]) -> usize {
    json.iter().filter(|byte| matches!(byte, b',' | b'{' | b'[')).count()
}

/// What follows the quotation mark that ends the text.
fn after_text(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', text) {
        let is_end = text.get(at) == Some(&b'"');
        text = text.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return text;
        }
    }
    &[]
}

#[cfg(test)]
impl ReviewLimits {
    /// How many connections there are, and how many bytes of long answers wait to be read.
    pub(crate) fn taken(&self, connections: usize) -> (usize, usize) {
        (
            connections - self.connections.available_permits(),
            BYTES - self.answers.available_permits(),
        )
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::{FutureExt, stream};

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
            (r#"["\\", "\\\",", "a\u002c"]"#, 3),
            (r#"[1, "ends in the midst of an escape\"#, 2),
            (r#"{"never ended: ,,,"#, 1),
        ] {
            assert_eq!(parts(json), count, "{json}");
        }
    }

    #[tokio::test]
    async fn a_review_that_is_too_long_is_not_read_whether_it_says_so_or_not() {
        let limits = ReviewLimits::new(1);
        let longest = limits.take(chunks(32, LONGEST_REVIEW / 32)).await.unwrap();
        assert_eq!(longest.body.len(), LONGEST_REVIEW);
        drop(longest);
        for body in [
            chunks(33, LONGEST_REVIEW / 32),
            Body::from(vec![b' '; LONGEST_REVIEW + 1]),
        ] {
            let error = limits.take(body).await.unwrap_err();
            assert!(error.to_string().contains("2097152 bytes"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn long_reviews_wait_for_each_other_and_never_keep_short_ones_waiting() {
        let limits = ReviewLimits::new(1);
        let long = || limits.take(Body::from(vec![b' '; LONGEST_REVIEW]));
        let mut held = vec![long().await.unwrap(), long().await.unwrap()];
        assert!(matches!(long().await.unwrap_err(), NotTaken::TooSlow));
        assert!(limits.take(Body::from("{}")).await.is_ok());
        held.pop();
        // Who sends nothing keeps nobody waiting.
        let silent = limits.take(Body::from_stream(stream::pending::<io::Result<Bytes>>()));
        let (silent, other) = tokio::join!(silent, long());
        assert!(matches!(silent.unwrap_err(), NotTaken::TooSlow));
        assert!(other.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn reviews_that_arrive_in_turns_do_not_wait_for_each_other() {
        let limits = ReviewLimits::new(1);
        let slowly = || {
            let chunk = || {
                (
                    tokio::time::sleep(Duration::from_millis(1)),
                    Bytes::from(vec![b' '; 64 << 10]),
                )
            };
            Body::from_stream(stream::iter(0..20).then(move |_| {
                let (pause, chunk) = chunk();
                pause.map(|()| Ok::<_, io::Error>(chunk))
            }))
        };
        let all =
            futures::future::join_all((0..16).map(|_| limits.take(slowly()).map(|taken| taken.map(|_| ())))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    }

    #[test]
    fn answers_that_nobody_reads_and_patches_in_the_making_are_bounded_and_short_answers_need_no_room() {
        let limits = ReviewLimits::new(1);
        assert!(limits.room_for_answer(SHORT_ANSWER).unwrap().is_none());
        let unread = limits.room_for_answer(BYTES).unwrap();
        let refusal = limits.room_for_answer(SHORT_ANSWER + 1).unwrap_err();
        assert!(matches!(refusal, NotTaken::TooMany), "{refusal}");
        assert!(limits.room_for_answer(SHORT_ANSWER).is_ok());
        drop(unread);
        assert!(limits.room_for_answer(SHORT_ANSWER + 1).unwrap().is_some());

        let _made = [
            limits.room_for_patch(MOST_CONTAINERS),
            limits.room_for_patch(MOST_CONTAINERS),
        ]
        .map(Result::unwrap);
        assert!(matches!(limits.room_for_patch(1).unwrap_err(), NotTaken::TooMany));
    }

    #[tokio::test(start_paused = true)]
    async fn pods_with_many_parts_are_read_one_at_a_time_and_small_ones_beside_each_other() {
        let limits = ReviewLimits::new(1);
        assert!(limits.room(MOST_PARTS + 1).await.unwrap().is_none());
        let first = limits.room(MOST_PARTS).await.unwrap();
        assert!(matches!(limits.room(1).await.unwrap_err(), NotTaken::TooSlow));
        drop(first);
        let small = || limits.room(MOST_PARTS / 3);
        assert!(tokio::try_join!(small(), small(), small()).is_ok());
    }
}
