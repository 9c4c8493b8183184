//! The page for people, as a browser asks for it: who gets its files, and what they allow.

use http::{HeaderValue, Method};
use keyway::admin::access::Access;
use keyway::config::secret::Secret;

use crate::fake::{Answered, Fixture, request};

const FILES: [(&str, &str); 4] = [
    ("/admin/stats", "text/html; charset=utf-8"),
    ("/admin/page/style.css", "text/css; charset=utf-8"),
    ("/admin/page/main.js", "text/javascript; charset=utf-8"),
    ("/admin/page/icon.svg", "image/svg+xml"),
];

#[tokio::test]
async fn the_page_may_load_only_its_own_files_and_ask_only_us() {
    let fixture = Fixture::new();
    assert_eq!(fixture.get("/admin").await.headers["location"], "/admin/stats");
    for (path, kind) in FILES {
        let answered = fixture.get(path).await;
        assert_eq!((answered.status.as_u16(), header(&answered, "content-type")), (200, kind), "{path}");
        assert_eq!(header(&answered, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&answered, "cache-control"), "no-store", "{path}");
    }
    let answered = fixture.get("/admin/stats").await;
    let rules: Vec<&str> = header(&answered, "content-security-policy").split("; ").collect();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(rules.contains(&rule), "{rule} is not among {rules:?}");
    }
    assert_eq!(rules.len(), 10, "{rules:?}");
    assert_eq!(
        header(&fixture.get("/admin/page/main.js").await, "content-security-policy"),
        "default-src 'none'; sandbox"
    );
}

#[tokio::test]
async fn everyone_gets_the_files_and_nobody_the_figures_without_the_token() {
    for access in [Access::new(Some(Secret::new("token-for-the-admin").unwrap())), Access::new(None)] {
        let fixture = Fixture::with(access);
        for (path, _) in FILES.into_iter().chain([("/admin", "")]) {
            let mut request = request(Method::GET, path, "");
            request.headers_mut().insert("host", HeaderValue::from_static("proxy.example"));
            let answered = fixture.send_from("192.0.2.7:40000", request).await;
            assert!(answered.status.as_u16() < 400, "{path}: {}", answered.status);
        }
        for path in ["/admin/stats.json", "/admin/page", "/admin/stats/", "/admin/metrics"] {
            let answered = fixture.send_from("192.0.2.7:40000", request(Method::GET, path, "")).await;
            assert!([401, 403].contains(&answered.status.as_u16()), "{path}: {}", answered.status);
        }
    }
}

#[tokio::test]
async fn the_files_can_be_read_and_nothing_else() {
    let fixture = Fixture::new();
    for (path, _) in FILES {
        assert_eq!(fixture.send(request(Method::HEAD, path, "")).await.status, 200, "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let answered = fixture.send(request(method, path, "")).await;
            answered.problem(405, "method-not-allowed");
            assert_eq!(header(&answered, "allow"), "GET, HEAD", "{path}");
        }
    }
    for path in ["/admin/page/", "/admin/page/nothing.js", "/admin/page/index.html", "/admin/page/x/main.js"]
    {
        fixture.get(path).await.problem(404, "unknown-path");
        fixture.post(path, "").await.problem(404, "unknown-path");
    }
    assert_eq!(fixture.asked(), []);
}

#[track_caller]
fn header<'a>(answered: &'a Answered, name: &str) -> &'a str {
    answered.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}
