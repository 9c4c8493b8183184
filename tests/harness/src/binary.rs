//! Finds the program under test, building it where needed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

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
        None => built(None),
    })
}

/// The same program with named moments at which it can be killed or stopped (`kvnode::fail_points`):
/// `KEYWAY_FAIL_POINTS_BIN`, or built by cargo.
///
/// # Panics
/// Where there is none, with what to do.
#[must_use]
pub fn with_fail_points() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| match env::var_os("KEYWAY_FAIL_POINTS_BIN") {
        Some(named) => PathBuf::from(named).canonicalize().expect("the path of KEYWAY_FAIL_POINTS_BIN"),
        None => built(Some("fail-points")),
    })
}

/// A Python that has `requests`: the one that tests/run set up, or else the system's.
#[must_use]
pub fn python() -> String {
    if let Ok(named) = env::var("KEYWAY_TEST_PYTHON") {
        return named;
    }
    let own = target().0.join("test-venv/bin/python");
    if own.is_file() { own.display().to_string() } else { "python3".to_owned() }
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

/// Both programs are built to the same place: each is moved to one of its own.
static BUILDING: Mutex<()> = Mutex::new(());

fn built(feature: Option<&str>) -> PathBuf {
    let _alone = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let (target, profile) = target();
    let name = profile.file_name().and_then(|name| name.to_str()).unwrap_or("debug");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(&cargo);
    build.args(["build", "--quiet", "--package", "keyway", "--bin", "keyway"]);
    build.args(["--profile", if name == "debug" { "dev" } else { name }]);
    build.arg("--target-dir").arg(&target);
    build.args(feature.iter().flat_map(|feature| ["--features", feature]));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    let how = format!("{build:?}");
    let output = build.output().unwrap_or_else(|error| panic!("cannot run {how}: {error}"));
    assert!(
        output.status.success(),
        "There is no keyway to test: {how} failed. Make it build, or name one with KEYWAY_BIN=/path/to/keyway.\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let name =
        feature.map_or_else(|| "keyway-under-test".to_owned(), |feature| format!("keyway-with-{feature}"));
    let (made, kept) = (profile.join("keyway"), profile.join(name));
    // Not a copy over the old one: a test of another run may still use it.
    let fresh = profile.join(format!("keyway-{}", std::process::id()));
    std::fs::copy(&made, &fresh).and_then(|_| std::fs::rename(&fresh, &kept)).expect("a copy of the program");
    kept
}
