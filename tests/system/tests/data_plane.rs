//! Putting, getting and deleting: the same through the proxy and on a node that stands alone.

use bytes::Bytes;
use harness::raw::Raw;
use harness::{Cluster, secs, story};

use crate::support::Both;

#[test]
fn what_is_put_is_got_back_byte_for_byte() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let all_bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
            for value in [Vec::new(), b"text".to_vec(), all_bytes] {
                client.put("k", value.clone()).send().await;
                let got = client.get("k").send().await.expect(200);
                assert_eq!(got.body, value, "{place}");
                assert_eq!(got.header("content-length"), value.len().to_string(), "{place}");
            }
        }
    });
}

#[test]
fn the_status_says_what_a_write_found() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            client.get("k").send().await.is(404);
            client.delete("k").send().await.is(404);
            let created = client.put("k", "1").send().await.expect(201);
            let replaced = client.put("k", "2").send().await.expect(204);
            assert!(replaced.version() > created.version(), "{created:?} {replaced:?}");
            client.delete("k").send().await.is(204);
            client.get("k").send().await.is(404);
            client.delete("k").send().await.is(404);
            let again = client.put("k", "3").send().await.expect(201);
            assert!(again.version() > replaced.version(), "a version came again: {again:?}");
        }
    });
}

#[test]
fn type_and_encoding_are_kept_and_every_answer_can_be_revalidated() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let put = client.put("k", "{}").header("content-type", "application/json");
            let put = put.header("content-encoding", "gzip").send().await.expect(201);
            let got = client.get("k").send().await.expect(200);
            assert_eq!(got.etag(), put.etag(), "{place}");
            assert_eq!(got.header("content-type"), "application/json", "{place}");
            assert_eq!(got.header("content-encoding"), "gzip", "{place}");
            assert!(got.header("last-modified").ends_with(" GMT"), "{place}: {got:?}");
            let head = client.head("k").send().await.expect(200);
            assert!(head.body.is_empty(), "{place}");
            for field in ["etag", "content-type", "content-length", "content-encoding", "last-modified"] {
                assert_eq!(head.header(field), got.header(field), "{place}: {field} of HEAD and GET");
            }
            let missing = client.get("absent").send().await.expect(404);
            for answer in [&got, &head, &missing] {
                assert_eq!(answer.header("cache-control"), "no-cache", "{place}: {answer:?}");
            }
            client.head("absent").send().await.is(404);
        }
    });
}

#[test]
fn all_spellings_of_a_key_are_one_key() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            client.ask("PUT", "/kv?key=a+b").body("value").send().await.is(201);
            let spellings = [
                "key=a%20b",
                "key=%61%20b",
                "k%65y=a+b",
                "x=1&key=a+b",
                "key=a+b&x=%20&y",
                "keys=2&key=a+b",
                "&&key=a+b&",
            ];
            for query in spellings {
                let got = client.ask("GET", format!("/kv?{query}")).send().await.expect(200);
                assert_eq!(got.text(), "value", "{place}: {query}");
            }
            client.ask("GET", "/kv?key=a%2Bb").send().await.is(404);
        }
    });
}

#[test]
fn keys_may_hold_any_bytes_up_to_1024_of_them() {
    story(secs(60), || async {
        let both = Both::start().await;
        let longest = vec![b'x'; 1024];
        let keys: [&[u8]; 9] =
            [b" ", b"+", b"&", b"%", b"key=1", "schlüssel/日本".as_bytes(), &[0], &[0xff, 0xfe, 0], &longest];
        for (place, client) in both.clients() {
            for key in keys {
                client.put(key, key.to_vec()).send().await.is(201);
            }
            for key in keys {
                assert_eq!(client.get(key).send().await.expect(200).body, key, "{place}");
            }
        }
    });
}

#[test]
fn every_data_answer_names_the_node_and_its_epoch() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        for key in ["a", "b", "c", "d", "e", "f"] {
            let owner = cluster.admin().locate(key, "").await;
            let client = cluster.client();
            let answers = [
                client.get(key).send().await.expect(404),
                client.put(key, "v").send().await.expect(201),
                client.get(key).send().await.expect(200),
                client.delete(key).send().await.expect(204),
            ];
            for answer in answers {
                assert_eq!(answer.header("keyway-node"), owner, "{answer:?}");
                assert!(answer.header("keyway-epoch").parse::<u64>().is_ok(), "{answer:?}");
            }
        }
    });
}

#[test]
fn what_a_client_says_in_keyways_own_fields_is_dropped() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let spoofed = |asked: harness::client::Asked| {
            asked
                .header("keyway-epoch", "999999999")
                .header("keyway-to", "00/00/00")
                .header("keyway-replay", "no")
                .header("keyway-secret", "guess")
        };
        spoofed(cluster.client().put("k", "v")).send().await.is(201);
        assert_eq!(spoofed(cluster.client().get("k")).send().await.expect(200).text(), "v");
    });
}

#[test]
fn the_largest_value_passes_and_a_slow_upload_holds_up_nobody() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let largest = Bytes::from(vec![7; 8 << 20]);
        cluster.client().put("large", largest.clone()).send().await.is(201);
        assert!(cluster.client().get("large").send().await.expect(200).body == largest);

        let mut slow = Raw::connect(cluster.address()).await;
        slow.send("PUT /kv?key=slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n").await;
        slow.send(vec![1; 1_000_000]).await;
        for number in 0..100 {
            cluster.client().put(format!("other{number}"), "v").send().await.is(201);
        }
        cluster.client().get("slow").send().await.is(404);
        slow.send(vec![2; 1_000_000]).await;
        slow.answer().await.is(201);
        assert_eq!(cluster.client().get("slow").send().await.expect(200).body.len(), 2_000_000);
    });
}

#[test]
fn an_upload_that_breaks_off_stores_nothing() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        cluster.client().put("k", "old").send().await.is(201);
        for size in [100_000, 3_000_000] {
            let mut broken = Raw::connect(cluster.address()).await;
            broken.send(format!("PUT /kv?key=k HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n")).await;
            broken.send(vec![b'x'; size - 1]).await;
            drop(broken);
            let mut chunked = Raw::connect(cluster.address()).await;
            chunked.send("PUT /kv?key=k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            chunked.send("5\r\nhello\r\n").await;
            drop(chunked);
        }
        // A write behind the broken ones on the same key: whatever they did is done by its answer.
        let version = cluster.client().put("other", "v").send().await.version();
        assert!(version.is_some());
        assert_eq!(cluster.client().get("k").send().await.expect(200).text(), "old");
    });
}

#[test]
fn a_client_that_waits_to_be_asked_for_its_body_is_asked() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let mut patient = Raw::connect(client.address()).await;
            let head =
                "PUT /kv?key=k HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
            patient.send(head).await;
            let interim = patient.answer().await;
            assert_eq!(interim.status, 100, "{place}: {interim:?}");
            patient.send("value").await;
            patient.answer().await.is(201);
            assert_eq!(client.get("k").send().await.expect(200).text(), "value", "{place}");
        }
    });
}
