//! Who may, seen from outside; the rules one by one are tested where they are written.

use http::{HeaderValue, Method};
use keyway::admin::access::Access;
use keyway::config::secret::Secret;

use crate::fake::{Fixture, request};

#[tokio::test]
async fn without_a_token_another_machine_may_only_ask_whether_we_are_well() {
    let fixture = Fixture::new();
    let far = "192.0.2.7:40000";
    for target in ["/admin/ring", "/admin/changes", "/admin/metrics", "/admin/stats.json", "/admin/nothing"] {
        let answered = fixture.send_from(far, request(Method::GET, target, "")).await;
        let detail = answered.problem(403, "admin-refused");
        assert!(detail.contains("KEYWAY_ADMIN_TOKEN"), "{detail}");
    }
    for target in ["/admin/live", "/admin/ready"] {
        let answered = fixture.send_from(far, request(Method::GET, target, "")).await;
        assert_eq!(answered.status, 200, "{target}");
    }
    fixture.send_from(far, request(Method::POST, "/add-server", "")).await.problem(403, "admin-refused");
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn a_web_page_cannot_add_a_node_behind_the_back_of_its_reader() {
    let fixture = Fixture::new();
    let mut form = request(Method::POST, "/add-server", "");
    form.headers_mut().insert("origin", HeaderValue::from_static("http://evil.example"));
    form.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    fixture.send(form).await.problem(403, "admin-refused");
    assert_eq!(fixture.asked(), []);
}

#[tokio::test]
async fn a_token_opens_it_from_anywhere_and_its_absence_closes_it_here_too() {
    let fixture = Fixture::with(Access::new(Some(Secret::new("token-for-the-admin").unwrap())));
    let answered = fixture.get("/admin/ring").await;
    answered.problem(401, "token-needed");
    assert_eq!(answered.headers["www-authenticate"], "Bearer realm=\"keyway\"");
    let mut shown = request(Method::GET, "/admin/ring", "");
    shown.headers_mut().insert("authorization", HeaderValue::from_static("Bearer token-for-the-admin"));
    assert_eq!(fixture.send_from("192.0.2.7:40000", shown).await.status, 200);
    assert_eq!(fixture.get("/admin/live").await.status, 200);
}
