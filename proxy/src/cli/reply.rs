//! What the admin plane answered, and how it is told to whoever asked by a command.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failed, WRONG, hints};
use crate::config::secret::ADMIN_TOKEN;

const TOKEN_NEEDED: &str = "urn:keyway:problem:token-needed";

/// Who was asked, and by what right.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) url: String,
    /// The variable that the admin token came from, where one was shown.
    pub(super) token: Option<String>,
}

/// What it said.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// As it came.
    pub(super) text: String,
    pub(super) asked: Asked,
}

impl Asked {
    /// How a line for curl begins that may do the same. It names the variable, so that the token is not shown.
    pub(super) fn curl(&self) -> String {
        match self.token.as_deref() {
            None => "curl".to_owned(),
            Some(ADMIN_TOKEN) => format!("curl -H \"Authorization: Bearer ${ADMIN_TOKEN}\""),
            Some(file) => format!("curl -H \"Authorization: Bearer $(cat \"${file}\")\""),
        }
    }

    /// What is wrong with the token, in words for who has no header fields to set.
    fn token_trouble(&self) -> String {
        let url = &self.url;
        match self.token.as_deref() {
            None => format!(
                "the proxy at {url} asks for its admin token: set {ADMIN_TOKEN} to the admin token, or {ADMIN_TOKEN}_FILE \
                 to a file that holds it"
            ),
            Some(ADMIN_TOKEN) => format!(
                "the proxy at {url} does not accept what {ADMIN_TOKEN} holds: set {ADMIN_TOKEN} to the admin token that \
                 it was started with"
            ),
            Some(file) => format!(
                "the proxy at {url} does not accept what is in the file that {file} names: write the admin token that it \
                 was started with into it"
            ),
        }
    }
}

impl Reply {
    /// The document that it is, for people: its hints are commands.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        let document = serde_json::from_str(&self.text).and_then(|mut document: Value| {
            hints::all_in_commands(&mut document, &self.asked);
            serde_json::from_value(document)
        });
        document.map_err(|error| Failed {
            code: WRONG,
            message: format!(
                "the answer cannot be understood ({error}); is this a proxy of the same version?"
            ),
        })
    }

    /// What a problem says, in one line. Its detail says all that its title does, which is for whoever sees the
    /// type of the problem only.
    pub(super) fn refusal(&self) -> Failed {
        let problem: Value = serde_json::from_str(&self.text).unwrap_or_default();
        let said = |name: &str| problem.get(name).and_then(Value::as_str);
        let message = match (said("type"), said("detail").or(said("title"))) {
            (Some(TOKEN_NEEDED), _) => self.asked.token_trouble(),
            (_, Some(said)) => hints::in_commands(said, &self.asked),
            (_, None) => format!("the proxy answered {}", self.status),
        };
        Failed { code: WRONG, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str, token: Option<&str>) -> Reply {
        let asked = Asked { url: "http://p:5000".to_owned(), token: token.map(str::to_owned) };
        Reply { status: StatusCode::CONFLICT, text: text.to_owned(), asked }
    }

    #[test]
    fn a_problem_is_told_once() {
        for (problem, told) in [
            (r#"{"title":"The change has ended","detail":"change 1 has ended"}"#, "change 1 has ended"),
            (r#"{"title":"The change has ended"}"#, "The change has ended"),
            ("what is this?", "the proxy answered 409 Conflict"),
            ("{}", "the proxy answered 409 Conflict"),
        ] {
            let failed = reply(problem, None).refusal();
            assert_eq!((failed.message.as_str(), failed.code), (told, 1));
        }
    }

    #[test]
    fn a_missing_token_and_a_wrong_one_are_told_apart_and_neither_in_header_fields() {
        let problem = format!(
            r#"{{"type":"{TOKEN_NEEDED}","title":"T","detail":"Send the header \"Authorization: Bearer TOKEN\""}}"#
        );
        for (token, told) in [
            (None, "set KEYWAY_ADMIN_TOKEN to the admin token"),
            (Some("KEYWAY_ADMIN_TOKEN"), "does not accept what KEYWAY_ADMIN_TOKEN holds"),
            (
                Some("KEYWAY_ADMIN_TOKEN_FILE"),
                "does not accept what is in the file that KEYWAY_ADMIN_TOKEN_FILE",
            ),
        ] {
            let message = reply(&problem, token).refusal().message;
            assert!(message.contains(told) && !message.contains("Bearer"), "{message}");
        }
    }

    #[test]
    fn the_type_that_asks_for_a_token_is_the_one_that_the_proxy_has() {
        let kind = kvnode::problem::Kind::TokenNeeded;
        assert_eq!(TOKEN_NEEDED, format!("urn:keyway:problem:{}", kind.slug()));
    }
}
