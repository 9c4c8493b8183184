//! Takes in the whole body of a request, within limits of size, memory and time.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::budget::{Budget, Share};
use crate::problem::{Kind, Problem};

/// How long, and how many bytes of, a refused body is read on for, so that its client gets to see the answer: a
/// connection that is closed with unread bytes is reset, and the reset can overtake the answer.
const RUN_OUT_TIME: Duration = Duration::from_secs(5);
const RUN_OUT_BYTES: usize = 64 << 20;

/// A body in memory, counted as long as this lives.
#[derive(Debug)]
pub struct Taken {
    /// The bytes. They may share a larger buffer with other bytes of the connection: copy what is kept.
    pub bytes: Bytes,
    _share: Share,
}

/// What a body must fit into.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// The largest body in bytes.
    pub size: usize,
    /// What all bodies together take their memory from.
    pub memory: &'a Budget,
    /// The longest pause between two pieces of it.
    pub pause: Duration,
}

/// Takes in a body.
///
/// A body that its header says to be too large is refused unread, so a client that `Expect`s a `100 Continue`
/// gets its refusal instead: hyper sends the 100 when the first piece is asked for.
///
/// # Errors
/// The [`Problem`] to answer.
pub async fn take<B>(headers: &HeaderMap, mut body: B, limits: Limits<'_>) -> Result<Taken, Problem>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: std::fmt::Display,
{
    let outcome = match announced(headers) {
        Some(length) if length > limits.size as u64 => Err(too_large(limits.size)),
        Some(length) if !limits.memory.has(usize::try_from(length).unwrap_or(usize::MAX)) => {
            Err(overloaded())
        }
        _ => gather(&mut body, limits).await,
    };
    if outcome.is_err() && !headers.contains_key(EXPECT) {
        tokio::spawn(run_out(body));
    }
    outcome
}

async fn gather<B>(body: &mut B, limits: Limits<'_>) -> Result<Taken, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut share = limits.memory.share();
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while !body.is_end_stream() {
        let Ok(frame) = timeout(limits.pause, body.frame()).await else { return Err(too_slow(limits.pause)) };
        let data = match frame {
            None => break,
            Some(Err(error)) => return Err(broken(&error)),
            // Trailers say nothing about a value.
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        let length = first.len() + all.len() + data.len();
        if length > limits.size {
            return Err(too_large(limits.size));
        }
        if !share.grow(data.len()) {
            return Err(overloaded());
        }
        // Most values come in one piece, which then needs no copy.
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            let hint = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limits.size - length);
            all.reserve(length + hint);
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    let bytes = if all.is_empty() { first } else { all.freeze() };
    Ok(Taken { bytes, _share: share })
}

async fn run_out<B>(mut body: B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = RUN_OUT_BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(left) => left,
                None => break,
            };
        }
    };
    // Whether all came or the time was up: the body is dropped, and the connection with what is left of it.
    let _ = timeout(RUN_OUT_TIME, reading).await;
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// 413.
pub(super) fn too_large(limit: usize) -> Problem {
    let most = crate::config::units::show_size(limit as u64);
    Problem::new(Kind::ValueTooLarge)
        .detail(format!(
            "At most {most} are taken here; `max_value` in the node's configuration sets the largest value."
        ))
        .member("limit", limit)
}

fn overloaded() -> Problem {
    Problem::new(Kind::Overloaded).detail(
        "The memory for values under way (`http.memory`) is used up. Nothing was changed; try again soon.",
    )
}

fn too_slow(pause: Duration) -> Problem {
    Problem::new(Kind::SlowBody)
        .detail(format!("No piece of it came for {} s. Nothing was changed.", pause.as_secs_f32()))
        .header(CONNECTION, HeaderValue::from_static("close"))
}

fn broken(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Kind::BadBody)
        .detail(format!("It ended early or is not framed as HTTP: {error}. Nothing was changed."))
        .header(CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::Full;
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A body in given pieces.
    struct Pieces(VecDeque<Bytes>);

    impl Pieces {
        fn of(pieces: &[&'static str]) -> Self {
            Self(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect())
        }
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    async fn take_pieces(pieces: &[&'static str], size: usize, memory: &Budget) -> Result<Bytes, u16> {
        let limits = Limits { size, memory, pause: Duration::from_secs(9) };
        let taken = take(&HeaderMap::new(), Pieces::of(pieces), limits).await;
        taken.map(|taken| taken.bytes.clone()).map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn pieces_are_put_together() {
        let memory = Budget::new(100);
        for pieces in [&[][..], &["one"], &["", "one"], &["o", "", "ne"], &["o", "n", "e"]] {
            assert_eq!(take_pieces(pieces, 3, &memory).await.unwrap(), pieces.concat(), "{pieces:?}");
        }
        assert!(memory.has(100));
    }

    #[tokio::test]
    async fn a_body_is_refused_as_soon_as_it_is_too_large() {
        let memory = Budget::new(100);
        assert_eq!(take_pieces(&["one", "two"], 5, &memory).await, Err(413));
        assert!(memory.has(100));
    }

    #[tokio::test]
    async fn a_body_that_finds_no_memory_is_refused() {
        assert_eq!(take_pieces(&["one", "two"], 9, &Budget::new(5)).await, Err(503));
    }

    #[tokio::test]
    async fn what_the_header_announces_is_refused_unread() {
        let memory = Budget::new(100);
        let limits = |size| Limits { size, memory: &memory, pause: Duration::from_secs(9) };
        let headers = |length: &str| {
            HeaderMap::from_iter([
                (CONTENT_LENGTH, HeaderValue::from_str(length).unwrap()),
                (EXPECT, HeaderValue::from_static("100-continue")),
            ])
        };
        for (length, size, status) in [("6", 5, 413), ("101", 500, 503), ("99999999999999999999", 5, 200)] {
            let taken = take(&headers(length), Full::new(Bytes::new()), limits(size)).await;
            assert_eq!(taken.map_or_else(|it| it.status().as_u16(), |_| 200), status, "{length}");
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_given_up() {
        struct Never;
        impl Body for Never {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                Poll::Pending
            }
        }
        let memory = Budget::new(100);
        let limits = Limits { size: 9, memory: &memory, pause: Duration::from_millis(1) };
        let problem = take(&HeaderMap::new(), Never, limits).await.unwrap_err();
        assert_eq!(problem.status(), 408);
    }
}
