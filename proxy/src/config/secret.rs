//! Secrets: the cluster's, which nodes and proxy show each other, and the admin's token.
//!
//! They come from the environment or from a file, never from the command line, where every user of the machine
//! can read them; and no log shows them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use kvnode::config::mistakes::Mistakes;
use kvnode::config::secret::find;

/// The variable with the cluster's secret; with `_FILE` behind it, the variable with the path of a file.
pub const CLUSTER_SECRET: &str = kvnode::config::secret::CLUSTER;
/// The variable with the admin's token; with `_FILE` behind it, the variable with the path of a file.
pub const ADMIN_TOKEN: &str = "KEYWAY_ADMIN_TOKEN";
/// The file in the data folder that holds a cluster secret which this proxy made.
const FILE: &str = "secret";
/// Shorter ones can be guessed.
const SHORTEST: usize = 16;

/// A text that must not be shown: at least 16 visible ASCII characters, so that it fits into a header field.
#[derive(Debug, Clone)]
pub struct Secret(kvnode::http::secret::Secret);

/// Why there is no usable secret in the data folder.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text in the file cannot be used.
    #[error("the secret file {} cannot be used: {why}", path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// What is wrong with its text.
        why: &'static str,
    },
    /// The file cannot be used.
    #[error("cannot {what} the secret file {}: {cause}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl Secret {
    /// A secret with this text; blanks and line ends around it do not belong to it.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let fits = |text: &[u8]| text.len() >= SHORTEST && text.iter().all(u8::is_ascii_graphic);
        kvnode::http::secret::Secret::new(text).filter(|secret| fits(secret.expose())).map(Self).ok_or(
            "a secret has at least 16 characters, all of them visible ASCII ones; `openssl rand -hex 32` makes a good \
             one",
        )
    }

    /// The text, for a header field or a child's environment.
    #[must_use]
    pub fn expose(&self) -> &str {
        // It is ASCII, or it would not have been taken.
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }

    /// Whether `offered` is this secret, in a time that depends only on the lengths.
    #[must_use]
    pub fn is(&self, offered: &[u8]) -> bool {
        self.0.is(offered)
    }

    /// The secret of the variable `name`, or of the file that `name`_FILE names, where one is set. What is wrong
    /// goes into `mistakes`.
    pub fn from_environment(
        name: &str,
        variable: &impl Fn(&str) -> Option<String>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        find(name, variable, mistakes).map(Self)
    }

    /// The secret that an earlier start left in the data folder, or a new one, written there for the next start.
    ///
    /// # Errors
    /// Where the file cannot be read or made.
    pub fn of_folder(data: &Path) -> Result<Self, SecretError> {
        let path = data.join(FILE);
        match path.try_exists() {
            Ok(true) => {
                keep_private(&path)?;
                read(&path)
            }
            Ok(false) => make(data, &path),
            Err(cause) => Err(SecretError::Io { what: "look for", path, cause }),
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(other.0.expose())
    }
}

impl Eq for Secret {}

fn read(path: &Path) -> Result<Secret, SecretError> {
    let io = |cause| SecretError::Io { what: "read", path: path.to_owned(), cause };
    let text = fs::read_to_string(path).map_err(io)?;
    Secret::new(&text).map_err(|why| SecretError::Unfit { path: path.to_owned(), why })
}

/// Takes the rights of others away where somebody gave them, as a copy of the folder may.
fn keep_private(path: &Path) -> Result<(), SecretError> {
    let failed = |what| move |cause| SecretError::Io { what, path: path.to_owned(), cause };
    let mode = fs::metadata(path).map_err(failed("look at"))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!("others could read {}; their rights are taken away", path.display());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed("protect"))?;
    }
    Ok(())
}

fn make(data: &Path, path: &Path) -> Result<Secret, SecretError> {
    let mut random = [0_u8; 32];
    let mut text = String::with_capacity(64);
    let written = getrandom::fill(&mut random).map_err(io::Error::other).and_then(|()| {
        text.extend(random.iter().map(|byte| format!("{byte:02x}")));
        let next = path.with_extension("next");
        let _ = fs::remove_file(&next);
        // Its rights are narrow from the first moment, and it appears under its name only when it is whole.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        File::open(data)?.sync_all()
    });
    written.map_err(|cause| SecretError::Io { what: "make", path: path.to_owned(), cause })?;
    read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "0123456789abcdef";

    #[test]
    fn a_folder_keeps_the_secret_that_it_made() {
        let data = tempfile::tempdir().unwrap();
        let made = Secret::of_folder(data.path()).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert_eq!(Secret::of_folder(data.path()).unwrap(), made);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Secret::of_folder(other.path()).unwrap(), made);
    }

    #[test]
    fn only_the_owner_may_read_the_file() {
        let data = tempfile::tempdir().unwrap();
        Secret::of_folder(data.path()).unwrap();
        let path = data.path().join(FILE);
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Secret::of_folder(data.path()).unwrap();
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_damaged_file_is_not_replaced() {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(FILE);
        fs::write(&path, "short\n").unwrap();
        let error = Secret::of_folder(data.path()).unwrap_err().to_string();
        assert!(error.contains("at least 16") && error.contains(&path.display().to_string()), "{error}");
    }

    #[test]
    fn it_comes_from_the_variable_or_from_the_file_but_not_from_both() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{GOOD}\n")).unwrap();
        let path = file.path().display().to_string();
        let with = |set: &[(&str, &str)]| {
            let mut mistakes = Mistakes::default();
            let variable =
                |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
            let secret = Secret::from_environment(ADMIN_TOKEN, &variable, &mut mistakes);
            mistakes.or(secret)
        };
        assert!(with(&[]).unwrap().is_none());
        assert_eq!(with(&[("KEYWAY_ADMIN_TOKEN", GOOD)]).unwrap().unwrap().expose(), GOOD);
        assert_eq!(with(&[("KEYWAY_ADMIN_TOKEN_FILE", &path)]).unwrap().unwrap().expose(), GOOD);
        assert!(with(&[("KEYWAY_ADMIN_TOKEN", GOOD), ("KEYWAY_ADMIN_TOKEN_FILE", &path)]).is_err());
        assert!(with(&[("KEYWAY_ADMIN_TOKEN", "")]).is_err());
        assert!(with(&[("KEYWAY_ADMIN_TOKEN_FILE", "/nowhere")]).is_err());
    }

    #[test]
    fn only_the_same_text_is_the_secret() {
        let secret = Secret::new(GOOD).unwrap();
        assert!(secret.is(GOOD.as_bytes()));
        let doubled = format!("{GOOD}{GOOD}");
        for other in ["", "0", "0123456789abcdeF", "0123456789abcde", &doubled] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn no_debug_output_shows_it() {
        assert!(!format!("{:?}", Secret::new(GOOD).unwrap()).contains(GOOD));
        assert!(Secret::new("with a space in it").is_err());
    }
}
