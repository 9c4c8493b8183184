//! A view file that is not what was written last: of another format, cut short, changed, gone. The proxy does not start
//! on it, starts none of its nodes, leaves the file as it is, and says what to do; that works.

use std::fs;
use std::path::{Path, PathBuf};

use harness::process::Refusal;
use harness::{Cluster, Setup, secs, story};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use crate::support::{all_there, filled};

/// A cluster that was stopped, so that its view can be tampered with.
struct Stopped {
    cluster: Cluster,
    view: PathBuf,
    whole: Vec<u8>,
}

impl Stopped {
    async fn after(mut cluster: Cluster) -> Self {
        cluster.stop().await;
        let view = cluster.data().join("view.json");
        let whole = fs::read(&view).expect("the view");
        Self { cluster, view, whole }
    }

    /// Tries to start on other bytes in the place of the view; fails unless that is refused with these words.
    async fn refuses(&self, what: &str, bytes: &[u8], words: &[&str]) {
        fs::write(&self.view, bytes).expect("another view");
        let refusal = start_on(&self.cluster.data()).await;
        for word in words {
            assert!(refusal.said.contains(word), "{what}: it does not say {word:?}: {}", refusal.said);
        }
        assert!(fs::read(&self.view).expect("the view") == bytes, "{what}: the file was touched");
        assert!(!refusal.said.contains("node started"), "{what}: {}", refusal.said);
    }
}

async fn start_on(data: &Path) -> Refusal {
    let refusal = Setup::new().data(data).refused().await;
    assert!(!refusal.status.success(), "{}", refusal.said);
    refusal
}

/// The text of a view file, with a checksum that fits.
fn file(format: u32, view: &Value) -> Vec<u8> {
    let view = view.to_string();
    let checksum = xxh3_128(view.as_bytes());
    format!("{{\"format\":{format},\"checksum\":\"{checksum:032x}\",\"view\":{view}}}\n").into_bytes()
}

#[test]
fn a_view_of_an_older_or_newer_format_is_refused_and_names_the_way_out() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 200).await;
        let mut stopped = Stopped::after(cluster).await;
        let whole: Value = serde_json::from_slice(&stopped.whole).expect("JSON");
        let known = whole["view"]["format"].as_u64().expect("the format of a view");
        assert_eq!(whole["format"], 1);
        // Made here as the proxy makes it, so that only the number is at fault below.
        let made = file(1, &whole["view"]);
        let words = |format: u64| format!("its format is {format}");
        for other in [known - 1, known + 1] {
            let mut view = whole["view"].clone();
            view["format"] = other.into();
            let said = [&*words(other), "start the version of keyway that wrote it", "view.json"];
            stopped.refuses("the format of the view", &file(1, &view), &said).await;
            // A format that nobody here can know has other members, too.
            view["nodes"] = "elsewhere".into();
            stopped.refuses("an unknown format of the view", &file(1, &view), &said).await;
        }
        for other in [0, 2] {
            let said = [&*words(other.into()), "start the version of keyway that wrote it", "view.json"];
            stopped.refuses("the format of the file", &file(other, &whole["view"]), &said).await;
        }
        fs::write(&stopped.view, made).expect("the view, made here");
        stopped.cluster.start_again().await;
        all_there(&stopped.cluster, &history).await;
    });
}

#[test]
fn a_view_that_was_cut_or_changed_anywhere_is_refused_and_its_copy_serves_again() {
    story(secs(120), || async {
        let cluster = Cluster::start().await;
        let history = filled(&cluster, 200).await;
        let mut stopped = Stopped::after(cluster).await;
        let whole = stopped.whole.clone();
        let length = whole.len();
        let way_out = ["cannot be used", "backup", "view.json.previous"];
        for left in [0, 1, 12, length / 4, length / 2, length - 2, length - 1] {
            stopped.refuses(&format!("{left} bytes left"), &whole[..left], &way_out).await;
        }
        for at in [0, 11, 30, length / 3, length / 2, length - 3] {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            stopped.refuses(&format!("byte {at} changed"), &changed, &way_out).await;
        }
        let mut hole = whole.clone();
        hole[length / 2..length / 2 + 64].fill(0);
        stopped.refuses("zeros in the middle", &hole, &way_out).await;
        stopped.refuses("only zeros", &vec![0; length], &way_out).await;
        stopped.refuses("twice", &[&*whole, &*whole].concat(), &way_out).await;
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(length).collect();
        stopped.refuses("noise", &noise, &way_out).await;

        fs::remove_file(&stopped.view).expect("no view");
        let refusal = start_on(&stopped.cluster.data()).await;
        assert!(
            refusal.said.contains("is missing") && refusal.said.contains("Put the file back"),
            "{}",
            refusal.said
        );

        // What lies beside it is for people: it is never read.
        fs::write(&stopped.view, &whole).expect("the view");
        for beside in ["view.json.previous", "view.json.next"] {
            fs::write(stopped.view.with_file_name(beside), &whole[..length / 2]).expect("half a view");
        }
        stopped.cluster.start_again().await;
        all_there(&stopped.cluster, &history).await;
    });
}
