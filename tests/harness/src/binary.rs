//! Finds the program under test, building it where needed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `keyway` to test: `KEYWAY_BIN`, or the one beside this test's own executable, freshly built by cargo
/// in the same profile. Cargo builds a package's *library* for a test of another package, but not its program.
///
/// # Panics
/// Where there is none, with what to do.
#[must_use]
pub fn keyway() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match env::var_os("KEYWAY_BIN") {
        Some(named) => {
            let path = PathBuf::from(named);
            assert!(path.is_file(), "KEYWAY_BIN names {}, but there is no file", path.display());
            path.canonicalize().expect("the path of KEYWAY_BIN")
        }
        None => built(),
    })
}

/// The folder that cargo builds into, and the profile's folder in it.
#[must_use]
pub fn target() -> (PathBuf, PathBuf) {
    let own = env::current_exe().expect("the path of this test");
    // <target>/<profile>/deps/<test>, or <target>/<profile>/<program>.
    let folder = own.parent().expect("a test lies in a folder");
    let profile = if folder.ends_with("deps") { folder.parent().expect("deps has a parent") } else { folder };
    (profile.parent().expect("a profile lies in the target folder").to_owned(), profile.to_owned())
}

fn built() -> PathBuf {
    let (target, profile) = target();
    let name = profile.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(&cargo);
    build.args(["build", "--quiet", "--package", "keyway", "--bin", "keyway"]);
    build.args(["--profile", if name == "debug" { "dev" } else { name }]);
    build.arg("--target-dir").arg(&target);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    let how = format!("{build:?}");
    let output = build.output().unwrap_or_else(|error| panic!("cannot run {how}: {error}"));
    assert!(
        output.status.success(),
        "There is no keyway to test: {how} failed. Make it build, or name one with KEYWAY_BIN=/path/to/keyway.\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    profile.join("keyway")
}
