//! Answers: whole ones, and those to watches, which come line by line for as long as somebody listens.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::UnboundedReceiver;

/// An answer's body.
#[derive(Debug, Default)]
pub struct AnswerBody {
    ready: VecDeque<Bytes>,
    more: Option<UnboundedReceiver<Bytes>>,
}

impl AnswerBody {
    /// A body that is this text, for whoever answers in the server's place.
    pub fn whole(text: String) -> Self {
        Self {
            ready: VecDeque::from([Bytes::from(text)]),
            more: None,
        }
    }

    /// What has happened already, and what will.
    pub(super) fn lines(past: VecDeque<Bytes>, future: UnboundedReceiver<Bytes>) -> Self {
        Self {
            ready: past,
            more: Some(future),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(bytes) = self.ready.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &mut self.more {
            None => Poll::Ready(None),
            Some(more) => more
                .poll_recv(context)
                .map(|line| line.map(|line| Ok(Frame::data(line)))),
        }
    }
}
