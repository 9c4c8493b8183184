//! Values that attack the admin plane through the browser of whoever looks at them.

/// Reads the ring and tells what it has read; adds a node, the same one for all pages. No character needs an
/// escape in XML.
const SCRIPT: &str = "
    fetch('/ran');
    fetch('/admin/ring').then(function (answer) { return answer.json() })
        .then(function (ring) { fetch('/learnt-of-' + ring.nodes[0].name) });
    fetch('/add-server', { method: 'POST', body: '{}',
        headers: { 'Content-Type': 'application/json', 'Keyway-Admin': '1', 'Idempotency-Key': 'attack' } });";
/// What arrives where the script runs.
const SCRIPT_ASKS: [&str; 4] = ["GET /ran", "GET /admin/ring", "GET /learnt-of-n1", "POST /add-server"];

/// A value that attacks whoever looks at it.
pub(super) struct Attack {
    pub(super) key: &'static str,
    pub(super) media_type: &'static str,
    pub(super) value: String,
    /// The requests that it makes a browser send where nothing keeps it off.
    pub(super) asks: Vec<&'static str>,
}

fn scripted(key: &'static str, media_type: &'static str, before: &str, after: &str) -> Attack {
    let value = format!("{before}<script>{SCRIPT}</script>{after}");
    Attack { key, media_type, value, asks: SCRIPT_ASKS.to_vec() }
}

/// Each kind of document that can hold a script, and each way out of a document. Every one of them shows the word
/// "stored" where it is shown at all.
pub(super) fn attacks() -> Vec<Attack> {
    let plain = |key, value: &str, asks: &[&'static str]| Attack {
        key,
        media_type: "text/html",
        value: format!("<!doctype html><p>stored</p>{value}"),
        asks: asks.to_vec(),
    };
    let xml = "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>stored</title></head><body>";
    vec![
        scripted("html", "text/html", "<!doctype html><p>stored</p>", ""),
        // Begins like a picture, says that it is a page.
        scripted("picture", "text/html", "GIF89a stored", ""),
        scripted(
            "svg",
            "image/svg+xml",
            "<svg xmlns='http://www.w3.org/2000/svg'><text>stored</text>",
            "</svg>",
        ),
        scripted("xhtml", "application/xhtml+xml", xml, "</body></html>"),
        scripted("xml", "text/xml", xml, "</body></html>"),
        // No type at all, which browsers make up for by looking at the content.
        scripted("guess", "*/*", "<!doctype html><p>stored</p>", ""),
        plain("handlers", HANDLERS, &["GET /onload", "GET /onerror"]),
        plain("other-script", "<script src='/kv?key=code'></script>", &["GET /kv?key=code", "GET /ran"]),
        plain("form", FORM, &["POST /remove-server"]),
        plain("refresh", "<meta http-equiv=refresh content='0;url=/admin/ring'>", &["GET /admin/ring"]),
        plain(
            "embedded",
            EMBEDDED,
            &[
                "GET /admin/ring?img",
                "GET /admin/ring?iframe",
                "GET /admin/ring?object",
                "GET /admin/ring?embed",
                "GET /admin/ring?link",
                "GET /admin/ring?import",
            ],
        ),
    ]
}

const HANDLERS: &str =
    "<svg onload=\"fetch('/onload')\"></svg><img src='data:,' onerror=\"fetch('/onerror')\">";
const FORM: &str =
    "<form method=post action=/remove-server enctype=text/plain><input name='{\"name\":\"n1\"}'></form>
    <script>document.forms[0].submit()</script>";
const EMBEDDED: &str = "<img src='/admin/ring?img'><iframe src='/admin/ring?iframe'></iframe>
    <object data='/admin/ring?object'></object><embed src='/admin/ring?embed'>
    <link rel=stylesheet href='/admin/ring?link'><style>@import '/admin/ring?import';</style>";
