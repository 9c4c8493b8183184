//! Hints in commands. What the proxy says is for everyone, so its ways out are requests: `DELETE /admin/changes/7
//! cancels it`. Whoever asked by a command is told the command; and, where there is none, the whole line for curl.

use serde_json::Value;

use super::reply::Asked;

/// What the proxy says, and what a command says instead. `<hole>` stands for a name or a number on both sides;
/// `<curl>` and `<url>` are how this proxy was asked. The first that fits counts: longer ones stand above.
const HINTS: [(&str, &str); 12] = [
    (
        r#"PATCH /admin/changes/<id> {"paused":false} tries again, DELETE cancels"#,
        "`keyway changes <id> --resume` tries again, `keyway changes <id> --cancel` cancels",
    ),
    (r#"PATCH /admin/changes/<id> {"paused":false}"#, "`keyway changes <id> --resume`"),
    (r#"PATCH /admin/changes/<id> {"force_seal":"<node>"}"#, "`keyway changes <id> --force-seal <node>`"),
    ("DELETE /admin/changes/<id>", "`keyway changes <id> --cancel`"),
    (r#"POST /remove-server {"name":"<node>","force":true}"#, "`keyway remove-server <node> --force`"),
    (
        r#"PATCH /admin/nodes/<node> {"weight":<weight>}"#,
        r#"`<curl> -X PATCH -d '{"weight":<weight>}' '<url>/admin/nodes/<node>'`"#,
    ),
    (r#"give its URL, {"url":"http://host:port"}"#, "give its URL: `keyway add-server http://host:port`"),
    (r#""erase": true"#, "`--erase`"),
    (r#"and send "Authorization: Bearer TOKEN""#, "and set the same variable for this command, too"),
    ("look at /admin/changes", "look at `keyway changes`"),
    ("is shown by /admin/changes", "is shown by `keyway changes`"),
    ("or null for no limit", "or none for no limit"),
];

/// `text` with its hints in commands.
pub(super) fn in_commands(text: &str, asked: &Asked) -> String {
    let curl = asked.curl();
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let hint = HINTS.iter().find_map(|(said, meant)| Some((fit(rest, said)?, meant)));
        let Some(((mut held, after), meant)) = hint else {
            told.push(next);
            rest = rest.split_at(next.len_utf8()).1;
            continue;
        };
        held.extend([("curl", curl.as_str()), ("url", asked.url.as_str())]);
        fill(&mut told, meant, &held);
        rest = after;
    }
    told
}

/// Every text of a document with its hints in commands.
pub(super) fn all_in_commands(document: &mut Value, asked: &Asked) {
    match document {
        Value::String(text) => *text = in_commands(text, asked),
        Value::Array(values) => values.iter_mut().for_each(|value| all_in_commands(value, asked)),
        Value::Object(members) => members.values_mut().for_each(|value| all_in_commands(value, asked)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a hole holds.
type Held<'a> = (&'static str, &'a str);

/// What the holes of `pattern` hold where `text` begins with it, and what follows.
fn fit<'a>(mut text: &'a str, pattern: &'static str) -> Option<(Vec<Held<'a>>, &'a str)> {
    let mut held = Vec::new();
    for (fixed, hole) in pieces(pattern) {
        text = text.strip_prefix(fixed)?;
        let Some(hole) = hole else { continue };
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
        // A name may have dots in it, but at its end a dot ends the sentence.
        let (inside, rest) = text.split_at(text.get(..end)?.trim_end_matches('.').len());
        if inside.is_empty() {
            return None;
        }
        held.push((hole, inside));
        text = rest;
    }
    Some((held, text))
}

fn fill(told: &mut String, meant: &'static str, held: &[Held<'_>]) {
    for (fixed, hole) in pieces(meant) {
        told.push_str(fixed);
        let inside = held.iter().find(|(name, _)| Some(*name) == hole);
        told.push_str(inside.map_or("", |(_, inside)| inside));
    }
}

/// Fixed texts, each with the hole behind it.
fn pieces(pattern: &'static str) -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    pattern.split('>').map(|piece| match piece.split_once('<') {
        Some((fixed, hole)) => (fixed, Some(hole)),
        None => (piece, None),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn told(text: &str) -> String {
        in_commands(text, &Asked { url: "http://127.0.0.1:5000".to_owned(), token: None })
    }

    #[test]
    fn a_way_out_is_told_as_a_command() {
        for (said, meant) in [
            ("DELETE /admin/changes/11 cancels it", "`keyway changes 11 --cancel` cancels it"),
            ("see DELETE /admin/changes/11.", "see `keyway changes 11 --cancel`."),
            (
                r#"stopped: x; PATCH /admin/changes/3 {"paused":false} tries again, DELETE cancels it"#,
                "stopped: x; `keyway changes 3 --resume` tries again, `keyway changes 3 --cancel` cancels it",
            ),
            (
                r#"paused by an operator; PATCH /admin/changes/3 {"paused":false} resumes it"#,
                "paused by an operator; `keyway changes 3 --resume` resumes it",
            ),
            (
                r#"PATCH /admin/changes/3 {"force_seal":"a.b-c"} goes on without it"#,
                "`keyway changes 3 --force-seal a.b-c` goes on without it",
            ),
            (
                r#"it; if its disk is lost, POST /remove-server {"name":"n2","force":true} gives it up"#,
                "it; if its disk is lost, `keyway remove-server n2 --force` gives it up",
            ),
            (r#"12 records: "erase": true lets it join"#, "12 records: `--erase` lets it join"),
            (
                r#"give its URL, {"url":"http://host:port"} (in Compose"#,
                "give its URL: `keyway add-server http://host:port` (in Compose",
            ),
        ] {
            assert_eq!(told(said), meant);
        }
    }

    #[test]
    fn what_has_no_command_is_a_whole_line_for_curl() {
        let said = r#"PATCH /admin/nodes/n3 {"weight":2} gives it another"#;
        let line = r#"-X PATCH -d '{"weight":2}' 'http://127.0.0.1:5000/admin/nodes/n3'` gives it another"#;
        assert_eq!(told(said), format!("`curl {line}"));
        let token = Some("KEYWAY_ADMIN_TOKEN".to_owned());
        let asked = Asked { url: "http://127.0.0.1:5000".to_owned(), token };
        let shown = r#"curl -H "Authorization: Bearer $KEYWAY_ADMIN_TOKEN""#;
        assert_eq!(in_commands(said, &asked), format!("`{shown} {line}"));
    }

    #[test]
    fn what_is_no_hint_stays_as_it_is() {
        for text in
            ["", "ключ n2 is down", "DELETE /admin/changes/ of nothing", "PATCH /admin/changes/3", "POST /"]
        {
            assert_eq!(told(text), text);
        }
    }

    #[test]
    fn every_text_of_a_document_is_told_in_commands() {
        let mut document = serde_json::json!({"a": [{"b": "DELETE /admin/changes/1"}, 7], "c": null});
        all_in_commands(&mut document, &Asked { url: String::new(), token: None });
        assert_eq!(document, serde_json::json!({"a": [{"b": "`keyway changes 1 --cancel`"}, 7], "c": null}));
    }

    /// The lines of a folder's sources that hold a request, as the proxy would say them.
    fn requests(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                requests(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
                let source = fs::read_to_string(&path).unwrap();
                let product = source.split("#[cfg(test)]").next().unwrap();
                let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.extend(lines.filter(|line| names_a_request(line)).map(said));
            }
        }
    }

    fn names_a_request(line: &str) -> bool {
        ["DELETE ", "PATCH /", "POST /", "PUT /"].iter().any(|request| line.contains(request))
    }

    /// A line of a source with its holes filled.
    fn said(line: &str) -> String {
        let holes = ["{id}", "{name}", "{member}", "{}"];
        let filled = holes.iter().fold(line.to_owned(), |line, hole| line.replace(hole, "7"));
        filled.replace("{{", "{").replace("}}", "}").replace("\\\"", "\"")
    }

    #[test]
    fn no_request_that_a_message_of_the_proxy_names_is_left_as_it_is() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        for folder in ["cluster", "admin"] {
            requests(&source.join(folder), &mut found);
        }
        assert!(found.len() > 5, "the messages are elsewhere now: {found:?}");
        for line in found {
            assert!(!names_a_request(&told(&line)), "{line}");
        }
    }
}
