//! Secrets come from the environment, or from a file that it names: never from arguments, which everyone on the
//! machine can see.

use super::mistakes::{Mistakes, Place};
use crate::http::secret::Secret;

/// The variable with the cluster's secret; with `_FILE` behind it, the one that names a file.
pub const CLUSTER: &str = "KEYWAY_CLUSTER_SECRET";

/// Shorter ones can be guessed; the proxy refuses them too.
const SHORTEST: usize = 16;

/// The secret that the variable `name` holds, or that stands in the file that `<name>_FILE` names. What is wrong
/// goes into `mistakes`.
pub fn find(
    name: &str,
    variable: &impl Fn(&str) -> Option<String>,
    mistakes: &mut Mistakes,
) -> Option<Secret> {
    let file_name = format!("{name}_FILE");
    let (text, place) = match (variable(name), variable(&file_name)) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            mistakes.add(Place::Named(name.to_owned()), format!("set either this or {file_name}, not both"));
            return None;
        }
        (Some(text), None) => (text, name.to_owned()),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => (text, format!("{file_name}={path}")),
            Err(error) => {
                let message = format!("the secret cannot be read from {path}: {error}");
                mistakes.add(Place::Named(file_name), message);
                return None;
            }
        },
    };
    let fits = |text: &[u8]| text.len() >= SHORTEST && text.iter().all(u8::is_ascii_graphic);
    let secret = Secret::new(&text).filter(|secret| fits(secret.expose()));
    if secret.is_none() {
        let message = "a secret has at least 16 characters, all of them visible ASCII ones; `openssl rand -hex 32` \
                       makes a good one";
        mistakes.add(Place::Named(place), message);
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(variables: &[(&str, &str)]) -> Result<Option<Secret>, String> {
        let mut mistakes = Mistakes::default();
        let variable = |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        let secret = find("S", &variable, &mut mistakes);
        mistakes.or(secret).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn a_secret_comes_from_a_variable_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0123456789abcdef\n").unwrap();
        for variables in [("S", "0123456789abcdef"), ("S_FILE", file.path().to_str().unwrap())] {
            assert!(find_in(&[variables]).unwrap().unwrap().is(b"0123456789abcdef"));
        }
        assert!(find_in(&[]).unwrap().is_none());
    }

    #[test]
    fn a_secret_that_cannot_be_used_is_a_mistake() {
        for variables in [
            &[("S", "a"), ("S_FILE", "b")][..],
            &[("S", "")],
            &[("S", "123456789012345")],
            &[("S", "several words in it")],
            &[("S", "0123456789abcdef\u{fc}")],
            &[("S_FILE", "/nowhere/at/all")],
        ] {
            let message = find_in(variables).unwrap_err();
            assert!(message.starts_with('S') && !message.contains("several"), "{message}");
        }
    }
}
