//! Methods as they are counted: the few that clients use, and all others together.

use http::Method;

/// A method, as far as it is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `PUT`.
    Put,
    /// `DELETE`.
    Delete,
    /// Anything else.
    Other,
}

impl MethodKind {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All of them, in the order of their indices.
    pub const ALL: [Self; Self::COUNT] = [Self::Get, Self::Head, Self::Put, Self::Delete, Self::Other];

    /// The kind of `method`.
    #[must_use]
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::PUT => Self::Put,
            Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }

    /// The word for it; `other` for what no client should send.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Other => "other",
        }
    }
}
