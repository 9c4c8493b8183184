//! Requests that must be refused: each with a clear message, and none changes anything.

use harness::raw::{Raw, raw};
use harness::{Client, Cluster, secs, story};

use crate::support::Both;

const MAX_VALUE: usize = 8 << 20;

#[test]
fn a_request_needs_exactly_one_key_that_is_not_empty() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            for (target, word) in [
                ("/kv", "key"),
                ("/kv?", "key"),
                ("/kv?value=1", "no `key`"),
                ("/kv?key", "empty"),
                ("/kv?key=", "empty"),
                ("/kv?key=a&key=b", "more than one"),
                ("/kv?key=a&k%65y=a", "more than one"),
                ("/kv?x=1&key=a&y=2&key=a", "more than one"),
            ] {
                for method in ["GET", "PUT", "DELETE"] {
                    client.ask(method, target).body("v").send().await.problem(400, &["key", word]);
                }
            }
        }
        assert_eq!(records(&both.cluster).await, 0);
        // The proxy routes before it knows what the path is: without a key there is nowhere to go.
        for (method, path) in [("POST", "/put"), ("GET", "/get"), ("POST", "/kv"), ("GET", "/elsewhere")] {
            both.cluster.client().ask(method, path).send().await.proxy_problem(400, &["key"]);
        }
    });
}

#[test]
fn a_key_of_1025_bytes_is_refused_with_the_limit() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            client.put("x".repeat(1025), "v").send().await.problem(400, &["key", "1024"]);
            // 1025 bytes after decoding, whatever the spelling; 1024 in the longest spelling are fine.
            client.put("ü".repeat(512) + "x", "v").send().await.problem(400, &["key", "1024"]);
            client.put("ü".repeat(512), "v").send().await.is(201);
        }
    });
}

#[test]
fn bad_escapes_are_refused_wherever_they_stand() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            for query in ["key=%", "key=a%2", "key=%zz", "key=%%41", "key=a&x=%g1", "%=1&key=a", "key=%+1"] {
                client.ask("PUT", format!("/kv?{query}")).body("v").send().await.problem(400, &["%"]);
            }
        }
        assert_eq!(records(&both.cluster).await, 0);
    });
}

#[test]
fn a_value_one_byte_too_large_is_refused_without_being_read() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let head =
                format!("PUT /kv?key=k HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", MAX_VALUE + 1);
            // Not one byte of the value is sent, and the answer comes all the same.
            let answer = raw(client.address(), head).await;
            answer.problem(413, &[&MAX_VALUE.to_string()]);
            client.get("k").send().await.is(404);
            let whole = client.put("k", vec![0; MAX_VALUE]).send().await;
            assert_eq!(whole.status, 201, "{place}: exactly the limit must pass: {whole:?}");
        }
    });
}

#[test]
fn a_value_too_large_in_chunks_is_refused_at_the_limit() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            client.put("k", "old").send().await.is(201);
            let mut sender = Raw::connect(client.address()).await;
            sender.send("PUT /kv?key=k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x1_0000], b"\r\n"].concat();
            for _ in 0..MAX_VALUE / 0x1_0000 {
                sender.send(&chunk).await;
            }
            sender.send("1\r\nx\r\n0\r\n\r\n").await;
            sender.answer().await.problem(413, &[&MAX_VALUE.to_string()]);
            assert_eq!(client.get("k").send().await.expect(200).text(), "old");
        }
    });
}

#[test]
fn an_unknown_path_is_404_and_an_unknown_method_405_with_the_allowed_ones() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            for path in ["/nothing", "/kv/", "/KV", "/kv/k", "/put/x"] {
                client.ask("GET", format!("{path}?key=k")).send().await.problem(404, &[]);
            }
            for (path, method, allowed) in [
                ("/kv", "POST", vec!["GET", "HEAD", "PUT", "DELETE"]),
                ("/kv", "PATCH", vec!["GET", "HEAD", "PUT", "DELETE"]),
                ("/put", "GET", vec!["POST"]),
                ("/get", "PUT", vec!["GET"]),
                ("/del", "POST", vec!["DELETE"]),
                ("/kv", "BREW", vec!["PUT"]),
            ] {
                let answer = client.ask(method, format!("{path}?key=k")).body("v").send().await;
                answer.problem(405, &[]);
                let told: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
                assert!(allowed.iter().all(|method| told.contains(method)), "{place}: {answer:?}");
            }
        }
        assert_eq!(records(&both.cluster).await, 0);
    });
}

#[test]
fn a_nodes_inner_paths_are_never_forwarded_for_a_client() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let before = cluster.admin().ring().await.decided();
        let secret = std::fs::read_to_string(cluster.secret_file()).expect("the secret");
        for path in ["/inner/v1/beat", "/inner/v1/move", "/inner/v1/census", "/inner", "/inner/"] {
            for target in [path.to_owned(), format!("{path}?key=k")] {
                // Even with the right secret: the proxy is not a way around the nodes' own address.
                let ask =
                    cluster.client().ask("POST", &target).header("keyway-secret", secret.trim()).body("{}");
                let answer = ask.send().await;
                assert!(matches!(answer.status, 400 | 403 | 404), "{answer:?}");
                answer.proxy_problem(answer.status, &[]);
                assert_eq!(answer.header("keyway-node"), "", "it was forwarded: {answer:?}");
            }
        }
        assert_eq!(cluster.admin().ring().await.decided(), before);
    });
}

#[test]
fn a_nodes_inner_paths_need_the_secret() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let before = cluster.admin().ring().await.decided();
        for (_, url) in cluster.announced() {
            let node = Client::of_url(&url);
            for path in ["/inner/v1/beat", "/inner/v1/move", "/inner/v1/census"] {
                for secret in [None, Some(""), Some("wrong")] {
                    let ask = node.ask("POST", path).body("{}");
                    let ask = secret.into_iter().fold(ask, |ask, secret| ask.header("keyway-secret", secret));
                    let answer = ask.send().await;
                    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
                }
            }
        }
        assert_eq!(cluster.admin().ring().await.decided(), before);
    });
}

#[test]
fn a_node_of_a_cluster_refuses_keys_that_it_does_not_own() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        for (name, url) in cluster.announced() {
            for number in 0..30 {
                let key = format!("key{number}");
                if cluster.admin().locate(&key, "").await != name {
                    let answer = Client::of_url(&url).put(&key, "astray").send().await;
                    assert!(matches!(answer.status, 421 | 503), "{name} took {key}: {answer:?}");
                    cluster.client().get(&key).send().await.is(404);
                }
            }
        }
    });
}

#[test]
fn shapes_that_smuggle_requests_never_bring_a_second_one_in() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let fields = [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: +5",
            "Content-Length: 0x5",
            "Content-Length : 5",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: chunked, identity",
        ];
        for field in fields {
            let request = format!(
                "PUT /kv?key=k HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n0\r\n\r\nGET /x?key=smuggled HTTP/1.1\r\n\r\n"
            );
            let mut connection = Raw::connect(cluster.address()).await;
            connection.send(&request).await;
            let answer = connection.answer().await;
            // RFC 9112 6.3 leaves a choice for two lengths: refuse, or believe the chunks and close.
            let chunked_wins =
                field.contains("Content-Length: 5") && field.contains("Transfer-Encoding: chunked");
            assert!(matches!(answer.status, 400 | 501) || chunked_wins, "{field:?}: {answer:?}");
            let left = connection.rest().await;
            assert!(left.is_empty(), "{field:?}: a second answer: {}", String::from_utf8_lossy(&left));
            cluster.client().delete("k").send().await;
        }
        for request in
            ["GET /kv?key=k HTTP/1.1\r\n\r\n", "GET /kv?key=k HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"]
        {
            raw(cluster.address(), request).await.is(400);
        }
        cluster.client().get("k").send().await.is(404);
    });
}

async fn records(cluster: &Cluster) -> u64 {
    system::elastic::stored(&cluster.admin().verified(secs(10)).await)
}
