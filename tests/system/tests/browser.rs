//! What a real browser makes of stored pages, which share their origin with the admin plane, and of our own page.
//!
//! The stored pages attack. Without our header fields they do get through, in the same browser, to the same
//! Keyway: that is what shows that the fields keep them off, and not a mistake in the attack.

use harness::browser::Page;
use harness::{Browser, Cluster, Relay, secs, story};

mod attacks;

use attacks::attacks;

const POLICY: &str = "content-security-policy";
const NO_SNIFFING: &str = "x-content-type-options";

/// A cluster that holds the attacks, and a browser.
struct Scene {
    cluster: Cluster,
    browser: Browser,
}

impl Scene {
    async fn set() -> Self {
        let cluster = Cluster::start().await;
        for attack in attacks() {
            let put = cluster.client().put(attack.key, attack.value);
            put.header("content-type", attack.media_type).send().await.is(201);
        }
        let put = cluster.client().put("code", "fetch('/ran')");
        put.header("content-type", "text/javascript").send().await.is(201);
        Self { browser: Browser::new(cluster.scratch()), cluster }
    }

    /// Opens a page of the cluster, without some of its header fields. Answers what became of it, and all that the
    /// browser asked the cluster for.
    async fn look(&self, target: &str, without: &[&'static str]) -> (Page, Vec<String>) {
        let relay = Relay::start(self.cluster.client(), without).await;
        let page = self.browser.open(&relay.url(target)).await;
        (page, relay.asked())
    }
}

#[test]
fn a_stored_page_in_a_browser_is_shown_but_asks_for_nothing_and_changes_nothing() {
    story(secs(240), || async {
        let scene = Scene::set().await;
        let before = scene.cluster.admin().ring().await.decided();
        for attack in attacks() {
            let target = format!("/kv?key={}", attack.key);
            let (page, asked) = scene.look(&target, &[]).await;
            assert_eq!(asked, [format!("GET {target}")], "{}: {page:?}", attack.key);
            assert!(page.dom.contains("stored"), "{} is not shown: {page:?}", attack.key);
        }
        assert_eq!(scene.cluster.admin().ring().await.decided(), before);
        assert!(scene.cluster.admin().changes().await.is_empty());
    });
}

#[test]
fn without_our_header_fields_the_same_pages_read_the_ring_and_add_a_node() {
    story(secs(240), || async {
        let scene = Scene::set().await;
        for attack in attacks() {
            let target = format!("/kv?key={}", attack.key);
            let (page, asked) = scene.look(&target, &[POLICY, NO_SNIFFING]).await;
            for ask in attack.asks {
                assert!(asked.iter().any(|seen| seen == ask), "{target}: no {ask} in {asked:?}: {page:?}");
            }
        }
        let changes = scene.cluster.admin().changes().await;
        assert_eq!(changes.len(), 1, "the pages ask for one and the same change: {changes:?}");
    });
}

#[test]
fn a_value_without_a_real_type_is_shown_as_text_because_the_browser_may_not_guess() {
    story(secs(90), || async {
        let scene = Scene::set().await;
        for (without, guessed) in [(&[][..], false), (&[POLICY], false), (&[NO_SNIFFING], true)] {
            let (page, _) = scene.look("/kv?key=guess", without).await;
            // As text its first characters are shown, and not obeyed.
            assert_ne!(page.dom.contains("&lt;!doctype html&gt;"), guessed, "without {without:?}: {page:?}");
        }
    });
}

#[test]
fn the_start_page_shows_itself_in_a_browser_without_a_complaint_on_the_console() {
    story(secs(90), || async {
        let scene = Scene::set().await;
        let (page, asked) = scene.look("/", &[]).await;
        assert!(page.dom.contains("<h1>Keyway</h1>"), "{page:?}");
        assert!(page.console.is_empty(), "{page:?}");
        assert_eq!(asked, ["GET /"]);
        // Where there is something to complain about, that is where it stands.
        let (complaint, _) = scene.look("/kv?key=html", &[]).await;
        assert!(complaint.console.iter().any(|line| line.contains("Blocked script")), "{complaint:?}");
        let address = scene.cluster.address();
        let shown = scene.browser.screenshot(&format!("http://{address}/"), 800, 400).await;
        assert!(shown.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
        let blank = scene.browser.screenshot("about:blank", 800, 400).await;
        assert_ne!(shown, blank, "the page is blank");
    });
}
