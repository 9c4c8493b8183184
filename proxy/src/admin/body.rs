//! Takes in a request's body: bounded in size and time.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kvnode::problem::{Kind, Problem};

use super::answer::Fault;

/// No order is nearly as long.
const LONGEST: usize = 64 * 1024;
/// An order comes in one piece; who takes longer only holds a connection.
const SLOWEST: Duration = Duration::from_secs(10);

/// The whole body.
pub(super) async fn take<B>(body: B) -> Result<Bytes, Fault>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    take_within(SLOWEST, body).await
}

async fn take_within<B>(limit: Duration, body: B) -> Result<Bytes, Fault>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    if body.size_hint().lower() > LONGEST as u64 {
        return Err(too_long());
    }
    // The limiter wants an error that it can box; only its text is of use here.
    let body = std::pin::pin!(Limited::new(body.map_err(|error| error.to_string()), LONGEST));
    match tokio::time::timeout(limit, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(error)) => Err(Problem::new(Kind::BadBody).detail(format!("{error}.")).into()),
        Err(_) => {
            Err(Problem::new(Kind::SlowBody).detail(format!("It was not complete within {limit:?}.")).into())
        }
    }
}

/// Whether this is the content type of JSON, whatever its parameters.
pub(super) fn is_json(content_type: &[u8]) -> bool {
    let kind = content_type.split(|&byte| byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn too_long() -> Fault {
    Problem::new(Kind::BodyTooLarge).detail(format!("An order has at most {LONGEST} bytes.")).into()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body::Frame;
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_is_taken_up_to_its_limit() {
        let of = |length: usize| Full::new(Bytes::from(vec![b'x'; length]));
        assert_eq!(take(of(LONGEST)).await.unwrap().len(), LONGEST);
        assert_eq!(take(of(LONGEST + 1)).await.unwrap_err().status(), 413);
    }

    /// So many large pieces, and then silence.
    struct Pieces(usize);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = String;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
            let Some(left) = self.0.checked_sub(1) else { return Poll::Pending };
            self.0 = left;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; LONGEST])))))
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_limited_too() {
        assert_eq!(take(Pieces(2)).await.unwrap_err().status(), 413);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let taken = take_within(Duration::from_millis(10), Pieces(1)).await;
        assert_eq!(taken.unwrap_err().status(), 408);
    }

    #[test]
    fn json_is_known_by_its_type_alone() {
        assert!(is_json(b"application/json") && is_json(b"Application/JSON; charset=utf-8"));
        assert!(!is_json(b"text/plain") && !is_json(b"application/jsonp") && !is_json(b""));
    }
}
