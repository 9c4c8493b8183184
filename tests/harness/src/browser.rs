//! A real browser, headless: what it makes of a page, what it complains about, and what the page looks like.
//!
//! Each look is a browser of its own with an empty profile. It runs in virtual time: its clock stands still while
//! a request is under way and jumps ahead when nothing is left to do, so that a look ends when the page has come
//! to rest, however slow the machine is.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use crate::scratch::Scratch;

/// How long one look may take, in real time; an ordinary one takes about a second.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a page may go on with its own timers, in milliseconds of virtual time.
const VIRTUAL_TIME: u32 = 5_000;
/// The variable that names another browser.
const NAMED_BY: &str = "KEYWAY_TEST_BROWSER";

/// Chromium, or what `KEYWAY_TEST_BROWSER` names and takes the same options.
#[derive(Debug)]
pub struct Browser {
    program: OsString,
    scratch: Arc<Scratch>,
}

/// A page that has come to rest.
#[derive(Debug)]
pub struct Page {
    /// The document as it stands then, as HTML. What the browser shows of a text or of JSON is a document, too.
    pub dom: String,
    /// What stands on the console, of every level: the page's own words and the browser's complaints.
    pub console: Vec<String>,
}

impl Browser {
    /// A browser whose profiles and logs lie in the story's folder.
    #[must_use]
    pub fn new(scratch: &Arc<Scratch>) -> Self {
        let program = std::env::var_os(NAMED_BY).unwrap_or_else(|| "chromium".into());
        Self { program, scratch: scratch.clone() }
    }

    /// Opens a page, lets its scripts run, and tells what has become of it.
    ///
    /// # Panics
    /// Where there is no browser, or it does not come to an end: anything that it downloads instead of showing
    /// it never ends.
    pub async fn open(&self, url: &str) -> Page {
        let (stdout, stderr) = self.look(url, &["--dump-dom".to_owned()]).await;
        Page { dom: stdout, console: stderr.lines().filter_map(console_message).map(str::to_owned).collect() }
    }

    /// What a page looks like in a window of `width` times `height` pixels, as a PNG.
    ///
    /// # Panics
    /// As [`Browser::open`] does.
    pub async fn screenshot(&self, url: &str, width: u32, height: u32) -> Vec<u8> {
        let folder = self.folder();
        let file = folder.path().join("screenshot.png");
        let how = [format!("--screenshot={}", file.display()), format!("--window-size={width},{height}")];
        let (_, stderr) = self.look(url, &how).await;
        std::fs::read(&file).unwrap_or_else(|error| panic!("no screenshot of {url} ({error}): {stderr}"))
    }

    /// Runs the browser to its end and answers what it wrote to stdout and stderr.
    async fn look(&self, url: &str, how: &[String]) -> (String, String) {
        let profile = self.folder();
        // In a file, so that a browser that hangs has told why.
        let errors = profile.path().join("stderr");
        let mut command = self.command(profile.path());
        command.args(how).arg(url).stderr(File::create(&errors).expect("a file for the browser"));
        let child = command.spawn().unwrap_or_else(|error| {
            let program = self.program.display();
            panic!("cannot run {program}: {error}. Install Debian's package chromium, or name a browser with {NAMED_BY}.")
        });
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await;
        let stderr = String::from_utf8_lossy(&std::fs::read(&errors).unwrap_or_default()).into_owned();
        self.log(url, &stderr);
        let output =
            output.unwrap_or_else(|_| panic!("the browser was not done with {url} within {LIMIT:?}"));
        let output = output.expect("the end of the browser");
        assert!(output.status.success(), "the browser failed at {url}, {}:\n{stderr}", output.status);
        (String::from_utf8_lossy(&output.stdout).into_owned(), stderr)
    }

    fn command(&self, profile: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--headless=new", "--no-first-run", "--disable-gpu", "--hide-scrollbars"]);
        // Containers have a small /dev/shm.
        command.arg("--disable-dev-shm-usage");
        // It is to talk to the story, and to nobody outside.
        command.args(["--no-proxy-server", "--disable-background-networking", "--disable-component-update"]);
        command.arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1");
        command.arg(format!("--virtual-time-budget={VIRTUAL_TIME}")).arg("--enable-logging=stderr");
        command.arg(format!("--user-data-dir={}", profile.display()));
        if rustix::process::geteuid().is_root() {
            // Its own sandbox refuses to work for root. It has nothing to do with the sandbox of a document.
            command.arg("--no-sandbox");
        }
        command.env("HOME", profile).env("TMPDIR", profile).current_dir(profile).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    fn folder(&self) -> tempfile::TempDir {
        let parent: PathBuf = self.scratch.path("");
        tempfile::Builder::new().prefix("browser-").tempdir_in(parent).expect("a folder for the browser")
    }

    fn log(&self, url: &str, stderr: &str) {
        let log = File::options().create(true).append(true).open(self.scratch.log("browser"));
        write!(log.expect("a log file"), "--- the browser looks at {url}\n{stderr}").expect("the log");
    }
}

/// The text of a console message in a line of the browser's log:
/// `[1:2:1121/055748.497:INFO:CONSOLE:1] "text", source: http://.. (1)`. Its level is not the message's own.
fn console_message(line: &str) -> Option<&str> {
    let (head, text) = line.strip_prefix('[')?.split_once("] ")?;
    head.contains(":CONSOLE").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_log_only_what_the_page_caused_is_console() {
        let line = "[1:2:1121/055748.497242:INFO:CONSOLE:1] \"[a] b\", source: http://h/ (1)";
        assert_eq!(console_message(line), Some("\"[a] b\", source: http://h/ (1)"));
        assert_eq!(console_message("[1:2:1121/055512.1:ERROR:dbus/bus.cc:405] Failed: CONSOLE"), None);
    }
}
