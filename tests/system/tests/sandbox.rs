//! A stored page must not run on the admin's origin.

use harness::{Cluster, secs, story};

use crate::support::Both;

#[test]
fn a_stored_page_is_served_in_a_sandbox() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let page = "<script>fetch('/add-server', {method: 'POST'})</script>";
            client.put("page", page).header("content-type", "text/html").send().await.is(201);
            let answers = [
                client.get("page").send().await.expect(200),
                client.head("page").send().await.expect(200),
                client.get("page").header("range", "bytes=0-3").send().await.expect(206),
                client.get("absent").send().await.expect(404),
            ];
            for answer in answers {
                let policy = answer.header("content-security-policy");
                assert_eq!(policy, "default-src 'none'; sandbox", "{place}: {answer:?}");
                assert_eq!(answer.header("x-content-type-options"), "nosniff", "{place}: {answer:?}");
            }
            assert_eq!(client.get("page").send().await.header("content-type"), "text/html");
        }
    });
}

#[test]
fn what_the_page_would_ask_of_the_admin_is_refused_from_a_sandbox() {
    story(secs(60), || async {
        // A sandboxed document has an opaque origin, which browsers send as "null".
        let cluster = Cluster::start().await;
        let before = cluster.admin().ring().await;
        let ask = cluster.admin().add_own().header("origin", "null").header("sec-fetch-site", "cross-site");
        ask.send().await.problem(403, &[]);
        assert_eq!(cluster.admin().ring().await.names(), before.names());
    });
}
