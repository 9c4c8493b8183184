//! The ways in which an operation fails.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

use http::StatusCode;

/// What went wrong, in as many words as a report has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nobody listens there.
    Refused,
    /// This machine has no port left for one more connection.
    NoLocalPort,
    /// Too many open files.
    NoFiles,
    /// Another reason why there is no connection.
    Unconnected,
    /// No connection in time.
    ConnectTimeout,
    /// The connection ended before the answer was whole; whether the request had an effect is unknown.
    Closed,
    /// No whole answer in time; whether the request had an effect is unknown.
    Timeout,
    /// What came is no HTTP.
    Unparsable,
    /// An answer with a status that says no.
    Status(u16),
    /// A read has shown what cannot be.
    WrongValue,
    /// It was due, but no client was free until the end.
    NotSent,
}

impl Trouble {
    /// Why there is no connection.
    pub(super) fn of_connecting(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::AddrNotAvailable => Self::NoLocalPort,
            _ if matches!(error.raw_os_error(), Some(23 | 24)) => Self::NoFiles,
            _ => Self::Unconnected,
        }
    }

    /// Why there is no answer.
    pub(super) fn of_exchange(error: &hyper::Error) -> Self {
        let unparsable = error.is_parse() || error.is_parse_too_large();
        let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        // A cut in the middle of a chunked body comes as an I/O error of its own kind.
        let cut =
            io.is_none_or(|io| io.kind() != ErrorKind::InvalidData && io.kind() != ErrorKind::InvalidInput);
        if unparsable || !cut { Self::Unparsable } else { Self::Closed }
    }

    /// Whether this status says no.
    pub(crate) fn of_status(status: StatusCode, absence_is_fine: bool) -> Option<Self> {
        let refused = status.is_client_error() || status.is_server_error();
        (refused && !(absence_is_fine && status == StatusCode::NOT_FOUND))
            .then(|| Self::Status(status.as_u16()))
    }

    /// Whether the request may have had an effect all the same.
    pub(crate) fn is_unknown(self) -> bool {
        match self {
            Self::Closed | Self::Timeout | Self::Unparsable | Self::WrongValue => true,
            // Whatever a server means by it: one in the middle may have passed the request on.
            Self::Status(status) => status >= 500,
            _ => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection-refused",
            Self::NoLocalPort => "no-local-port",
            Self::NoFiles => "too-many-open-files",
            Self::Unconnected => "no-connection",
            Self::ConnectTimeout => "connect-timeout",
            Self::Closed => "closed-before-answer",
            Self::Timeout => "timeout",
            Self::Unparsable => "no-http",
            Self::Status(status) => return write!(f, "status-{status}"),
            Self::WrongValue => "wrong-value",
            Self::NotSent => "never-sent",
        })
    }
}
