//! `GET /admin/stats` and `GET /admin/page/NAME`: the page for people, and the files that it is made of.
//!
//! They are the same for everyone and hold nothing of the cluster, so they need no token. What the page shows it asks
//! for itself, as any client does, with the token that its reader has typed.

use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};

use crate::admin::Call;
use crate::admin::answer::{self, Answer, Fault};
use crate::admin::query::Query;

/// Where the page's files are, and nothing else.
pub(in crate::admin) const FOLDER: &str = "/admin/page/";

/// Scripts and styles only from files of this origin, requests only to it. Trusted types are for the one thing that is
/// of this origin and yet not ours: a stored value. No text, whoever it is from, can become markup that names one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// A file of the page: its name, its type, and what it holds.
type File = (&'static str, &'static str, &'static str);

/// In the order in which they say what the page is.
const FILES: [File; 18] = [
    ("style.css", CSS, include_str!("../page/style.css")),
    ("icon.svg", IMAGE, include_str!("../page/icon.svg")),
    ("main.js", SCRIPT, include_str!("../page/main.js")),
    ("api.js", SCRIPT, include_str!("../page/api.js")),
    ("live.js", SCRIPT, include_str!("../page/live.js")),
    ("dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("format.js", SCRIPT, include_str!("../page/format.js")),
    ("colours.js", SCRIPT, include_str!("../page/colours.js")),
    ("totals.js", SCRIPT, include_str!("../page/totals.js")),
    ("ring.js", SCRIPT, include_str!("../page/ring.js")),
    ("locate.js", SCRIPT, include_str!("../page/locate.js")),
    ("charts.js", SCRIPT, include_str!("../page/charts.js")),
    ("nodes.js", SCRIPT, include_str!("../page/nodes.js")),
    ("changes.js", SCRIPT, include_str!("../page/changes.js")),
    ("dialogs.js", SCRIPT, include_str!("../page/dialogs.js")),
    ("orders.js", SCRIPT, include_str!("../page/orders.js")),
    ("tables.js", SCRIPT, include_str!("../page/tables.js")),
    ("words.js", SCRIPT, include_str!("../page/words.js")),
];

/// `GET /admin/stats`.
pub(super) fn show(call: &Call) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let mut answer = answer::text_of(StatusCode::OK, HTML, include_str!("../page/index.html").to_owned());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(answer)
}

/// `GET /admin/page/NAME`.
pub(super) fn file(call: &Call, name: &str) -> Result<Answer, Fault> {
    Query::of(&call.uri, &[])?;
    let Some((_, kind, text)) = find(name) else { return Err(answer::unknown_path(call.uri.path())) };
    Ok(answer::text_of(StatusCode::OK, kind, (*text).to_owned()))
}

/// Whether the page has a file of this name.
pub(super) fn has(name: &str) -> bool {
    find(name).is_some()
}

fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|(known, ..)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_in_the_folder_is_served_and_every_import_of_a_script_is_a_file() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/page");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "index.html")
            .collect();
        names.sort();
        let mut served: Vec<&str> = FILES.iter().map(|(name, ..)| *name).collect();
        served.sort_unstable();
        assert_eq!(names, served);
        for (name, _, text) in &FILES {
            for import in text.lines().filter_map(|line| line.split_once(" from \"./")) {
                let imported = import.1.trim_end_matches("\";");
                assert!(has(imported), "{name} imports {imported}");
            }
        }
    }

    #[test]
    fn the_page_obeys_its_own_policy() {
        let page = include_str!("../page/index.html");
        for wrong in ["<script>", "<style", " style=\"", " onclick=", "http://", "https://", "javascript:"] {
            assert!(!page.contains(wrong), "{wrong}");
        }
        for (name, _, text) in &FILES {
            for wrong in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"]
            {
                assert!(!text.contains(wrong), "{name}: {wrong}");
            }
        }
    }
}
