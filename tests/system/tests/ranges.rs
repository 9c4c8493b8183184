//! Parts of values (RFC 9110 14): one range is answered in part, several as a whole.

use harness::{secs, story};

use crate::support::Both;

#[test]
fn a_single_range_is_answered_in_part() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            client.put("k", "0123456789").send().await.is(201);
            let cases = [
                ("bytes=2-4", "234", "2-4"),
                ("bytes=7-", "789", "7-9"),
                ("bytes=-3", "789", "7-9"),
                ("bytes=5-99", "56789", "5-9"),
                ("bytes=-99", "0123456789", "0-9"),
            ];
            for (range, part, shown) in cases {
                let got = client.get("k").header("range", range).send().await.expect(206);
                assert_eq!(
                    (got.text(), got.header("content-range")),
                    (part, format!("bytes {shown}/10").as_str()),
                    "{place}"
                );
            }
        }
    });
}

#[test]
fn several_ranges_and_what_is_no_range_get_the_whole() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            client.put("k", "0123456789").send().await.is(201);
            for range in ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2", "bytes=x"] {
                let got = client.get("k").header("range", range).send().await.expect(200);
                assert_eq!(got.text(), "0123456789", "{place}: {range}");
            }
        }
    });
}

#[test]
fn a_range_outside_the_value_cannot_be_satisfied() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            client.put("k", "0123456789").send().await.is(201);
            for range in ["bytes=10-", "bytes=50-60", "bytes=-0"] {
                let got = client.get("k").header("range", range).send().await.expect(416);
                assert_eq!(got.header("content-range"), "bytes */10", "{place}: {range}");
            }
            client.get("absent").header("range", "bytes=0-1").send().await.is(404);
        }
    });
}

#[test]
fn if_range_gives_the_part_only_of_the_very_same_value() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let tag = client.put("k", "0123456789").send().await.expect(201).etag();
            let ask = |tag: &str| client.get("k").header("range", "bytes=0-1").header("if-range", tag).send();
            assert_eq!(ask(&tag).await.expect(206).text(), "01", "{place}");
            assert_eq!(ask("\"other\"").await.expect(200).text(), "0123456789", "{place}");
            assert_eq!(ask(&format!("W/{tag}")).await.expect(200).text(), "0123456789", "{place}");
        }
    });
}

#[test]
fn a_put_of_a_part_is_refused() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            client.put("k", "0123456789").send().await.is(201);
            client
                .put("k", "xx")
                .header("content-range", "bytes 0-1/10")
                .send()
                .await
                .problem(400, &["Content-Range"]);
            assert_eq!(client.get("k").send().await.expect(200).text(), "0123456789");
        }
    });
}
