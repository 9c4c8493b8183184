//! Conditional requests (RFC 9110 13): the client's word on what must be there.

use harness::{secs, story};

use crate::support::Both;

#[test]
fn a_write_with_if_match_happens_only_to_that_version() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let first = client.put("k", "1").send().await.expect(201).etag();
            let second = client.put("k", "2").header("if-match", &first).send().await.expect(204).etag();
            client.put("k", "lost").header("if-match", &first).send().await.is(412);
            client.delete("k").header("if-match", &first).send().await.is(412);
            client.put("k", "lost").header("if-match", "\"other\"").send().await.is(412);
            // A weak tag never matches strongly (RFC 9110 13.1.1).
            client.put("k", "lost").header("if-match", &format!("W/{second}")).send().await.is(412);
            assert_eq!(client.get("k").send().await.expect(200).text(), "2", "{place}");
            client.put("k", "3").header("if-match", &format!("\"x\", {second}")).send().await.is(204);
            client.put("k", "4").header("if-match", "*").send().await.is(204);
            client.delete("k").header("if-match", "*").send().await.is(204);
        }
    });
}

#[test]
fn a_condition_that_fails_on_an_absent_key_is_412_and_not_404() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            client.put("k", "v").header("if-match", "*").send().await.is(412);
            client.delete("k").header("if-match", "*").send().await.is(412);
            client.get("k").header("if-match", "\"x\"").send().await.is(412);
            client.get("k").send().await.is(404);
        }
    });
}

#[test]
fn if_none_match_creates_once_and_spares_known_values_a_transfer() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let tag = client.put("k", "1").header("if-none-match", "*").send().await.expect(201).etag();
            client.put("k", "2").header("if-none-match", "*").send().await.is(412);
            for known in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
                let same = client.get("k").header("if-none-match", &known).send().await.expect(304);
                assert_eq!((same.etag(), same.body.len()), (tag.clone(), 0), "{place}: {same:?}");
                client.head("k").header("if-none-match", &known).send().await.is(304);
            }
            client.get("k").header("if-none-match", "\"x\"").send().await.is(200);
            client.put("k", "3").header("if-none-match", &tag).send().await.is(412);
            client.put("k", "3").header("if-none-match", "\"x\"").send().await.is(204);
        }
    });
}

#[test]
fn dates_count_where_no_tag_is_given() {
    story(secs(60), || async {
        let both = Both::start().await;
        let (past, future) = ("Sat, 29 Oct 1994 19:43:31 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
        for (_, client) in both.clients() {
            let put = client.put("k", "1").send().await.expect(201);
            let modified = client.get("k").send().await.expect(200).header("last-modified").to_owned();
            client.get("k").header("if-modified-since", &modified).send().await.is(304);
            client.get("k").header("if-modified-since", past).send().await.is(200);
            client.get("k").header("if-modified-since", "yesterday").send().await.is(200);
            let both_given =
                client.get("k").header("if-modified-since", &modified).header("if-none-match", "\"x\"");
            both_given.send().await.is(200);
            client.put("k", "2").header("if-unmodified-since", past).send().await.is(412);
            client.put("k", "2").header("if-unmodified-since", future).send().await.is(204);
            let stale = client.put("k", "3").header("if-unmodified-since", past).header("if-match", "*");
            stale.send().await.is(204);
            assert_ne!(client.get("k").send().await.etag(), put.etag());
        }
    });
}

#[test]
fn a_condition_that_cannot_be_read_changes_nothing() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            client.put("k", "1").send().await.is(201);
            for tag in ["no-quotes", "\"open"] {
                let answer = client.put("k", "2").header("if-match", tag).send().await;
                assert!(matches!(answer.status, 400 | 412), "{place}: {answer:?}");
            }
            assert_eq!(client.get("k").send().await.expect(200).text(), "1", "{place}");
        }
    });
}
