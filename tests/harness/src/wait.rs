//! Waiting for something to become true, with a deadline and a reason. Nothing here sleeps for luck.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Asks `look` again and again until it answers `Ok`; after `limit` fails with `what` and the last `Err`.
pub async fn eventually<T, F>(limit: Duration, what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + limit;
    loop {
        match tokio::time::timeout_at(deadline + Duration::from_secs(1), look()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(why)) if Instant::now() >= deadline => {
                panic!("not within {limit:?}: {what}. At the last look: {why}")
            }
            Ok(Err(_)) => tokio::time::sleep(PAUSE).await,
            Err(_) => panic!("not within {limit:?}: {what}. The last look did not come back."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_good_look_ends_the_wait() {
        let mut looks = 0;
        let found = eventually(Duration::from_secs(5), "three looks", || {
            looks += 1;
            let answer = if looks == 3 { Ok(looks) } else { Err(format!("{looks} looks")) };
            async move { answer }
        })
        .await;
        assert_eq!(found, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "not within 60ms: a miracle. At the last look: none yet")]
    async fn a_wait_in_vain_tells_what_was_seen_last() {
        eventually(Duration::from_millis(60), "a miracle", || async { Err::<(), _>("none yet".to_owned()) })
            .await;
    }
}
