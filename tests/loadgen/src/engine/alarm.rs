//! A clock that goes off when it should. The runtime's own timers tick once a millisecond, ten times as long as many
//! an answer takes.

use std::io;
use std::time::Instant;

/// Goes off at one moment at a time.
#[derive(Debug)]
pub(super) struct Alarm(inner::Inner);

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        inner::Inner::new().map(Self)
    }

    /// Waits until then.
    pub(super) async fn until(&self, moment: Instant) -> io::Result<()> {
        self.0.until(moment).await
    }
}

#[cfg(target_os = "linux")]
mod inner {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Inner(AsyncFd<OwnedFd>);

    impl Inner {
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, against types that lie about their descriptor"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let timer =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
        }

        pub(super) async fn until(&self, moment: Instant) -> io::Result<()> {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            loop {
                let left = moment.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                let wrong = |_| io::Error::from(io::ErrorKind::InvalidInput);
                let it_value = Timespec::try_from(left).map_err(wrong)?;
                // Setting it takes back an expiry that was not looked at, so it need not be read.
                timerfd_settime(
                    &self.0,
                    TimerfdTimerFlags::empty(),
                    &Itimerspec { it_interval: zero, it_value },
                )?;
                self.0.readable().await?.clear_ready();
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod inner {
    use std::io;
    use std::time::Instant;

    /// Late by up to a millisecond.
    #[derive(Debug)]
    pub(super) struct Inner;

    impl Inner {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn until(&self, moment: Instant) -> io::Result<()> {
            tokio::time::sleep_until(moment.into()).await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_is_never_early_and_works_again_and_again() {
        let alarm = Alarm::new().unwrap();
        let mut moment = Instant::now();
        for step in [0, 100, 1, 2000, 50] {
            moment += Duration::from_micros(step);
            alarm.until(moment).await.unwrap();
            assert!(Instant::now() >= moment);
        }
    }
}
