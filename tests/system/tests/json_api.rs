//! The JSON form that existing clients send, among them Python's `requests`.

use std::process::Command;

use harness::{Cluster, secs, story};
use serde_json::json;

use crate::support::Both;

#[test]
fn the_json_form_stores_reads_and_deletes() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            let put = client.ask("POST", "/put?key=k").json(&json!({"value": "häßlich \"quoted\"\n"}));
            assert_eq!(put.send().await.expect(200).json(), json!({"status": "success"}), "{place}");
            let got = client.ask("GET", "/get?key=k").send().await.expect(200);
            assert_eq!(got.json(), json!({"status": "success", "value": "häßlich \"quoted\"\n"}), "{place}");
            assert!(got.header("content-type").starts_with("application/json"), "{place}: {got:?}");
            let gone = client.ask("DELETE", "/del?key=k").send().await.expect(200);
            assert_eq!(gone.json(), json!({"status": "success"}), "{place}");
            client.ask("GET", "/get?key=k").send().await.is(404);
            client.ask("DELETE", "/del?key=k").send().await.is(404);
        }
    });
}

#[test]
fn both_forms_are_about_the_same_records() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (place, client) in both.clients() {
            client.ask("POST", "/put?key=k").json(&json!({"value": "one"})).send().await.is(200);
            assert_eq!(client.get("k").send().await.expect(200).text(), "one", "{place}");
            client.put("k", "two").send().await.is(204);
            assert_eq!(
                client.ask("GET", "/get?key=k").send().await.expect(200).json()["value"],
                "two",
                "{place}"
            );
            client.put("k", vec![0xff, 0xfe]).send().await.is(204);
            client.ask("GET", "/get?key=k").send().await.is(406);
            client.ask("DELETE", "/del?key=k").send().await.is(200);
            client.get("k").send().await.is(404);
        }
    });
}

#[test]
fn broken_json_is_refused_and_stores_nothing() {
    story(secs(60), || async {
        let both = Both::start().await;
        for (_, client) in both.clients() {
            client.put("k", "old").send().await.is(201);
            let bodies = [
                "",
                "{",
                "{\"value\":",
                "[1]",
                "{}",
                "{\"value\": 1}",
                "{\"value\": null}",
                "{\"val\": \"x\"}",
                "{\"value\": \"a\"} trailing",
                "not json",
                "{\"value\": \"\\ud800\"}",
            ];
            for body in bodies {
                let ask = client.ask("POST", "/put?key=k").header("content-type", "application/json");
                let answer = ask.body(body).send().await;
                answer.problem(400, &["value"]);
            }
            let invalid = client.ask("POST", "/put?key=k").body(b"{\"value\": \"\xff\"}".to_vec());
            invalid.send().await.problem(400, &[]);
            assert_eq!(client.get("k").send().await.expect(200).text(), "old");
        }
    });
}

#[test]
fn python_requests_with_params_stores_and_reads_every_kind_of_key() {
    story(secs(90), || async {
        let cluster = Cluster::start().await;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/requests_api.py");
        let base = format!("http://{}", cluster.address());
        let python = harness::binary::python();
        let output = Command::new(&python).arg(script).arg(base).output();
        let output =
            output.unwrap_or_else(|error| panic!("cannot run {python}: {error}. tests/run makes one."));
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    });
}
