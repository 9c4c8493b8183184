//! Who may use the admin API: with a token its bearers; without one only direct callers on this machine.

use harness::{Cluster, Setup, secs, story};

#[test]
fn with_a_token_only_its_bearer_gets_in() {
    story(secs(60), || async {
        let cluster = Setup::new().env("KEYWAY_ADMIN_TOKEN", "open-sesame-open-sesame").start().await;
        let client = cluster.client();
        for asked in [
            client.ask("GET", "/admin/ring"),
            client.ask("POST", "/add-server"),
            client.ask("POST", "/remove-server?name=n1"),
        ] {
            let refused = asked.clone().send().await;
            assert!(matches!(refused.status, 401 | 403), "{refused:?}");
            refused.proxy_problem(refused.status, &["token"]);
            let wrong = asked.header("authorization", "Bearer open-sesame-open-sesam").send().await;
            assert!(matches!(wrong.status, 401 | 403), "{wrong:?}");
        }
        let ring = client.ask("GET", "/admin/ring").header("authorization", "Bearer open-sesame-open-sesame");
        assert_eq!(ring.send().await.expect(200).json()["nodes"].as_array().map(Vec::len), Some(3));
        // The token makes even a forwarded request acceptable.
        let forwarded =
            client.ask("GET", "/admin/ring").header("authorization", "Bearer open-sesame-open-sesame");
        forwarded.header("x-forwarded-for", "192.0.2.1").send().await.is(200);
        for open in ["/admin/live", "/admin/ready"] {
            client.ask("GET", open).send().await.is(200);
        }
    });
}

#[test]
fn a_token_may_stand_in_a_file() {
    story(secs(60), || async {
        let folder = harness::scratch::Scratch::new();
        let file = folder.file("token", "read-from-a-file\n");
        let cluster = Setup::new().env("KEYWAY_ADMIN_TOKEN_FILE", &file.display().to_string()).start().await;
        let ask = || cluster.client().ask("GET", "/admin/ring");
        assert!(matches!(ask().send().await.status, 401 | 403));
        ask().header("authorization", "Bearer read-from-a-file").send().await.is(200);
    });
}

#[test]
fn without_a_token_forwarded_and_foreign_requests_are_refused_with_the_way_out() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let before = cluster.admin().ring().await.decided();
        for (field, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=127.0.0.1"),
            ("via", "1.1 front"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("host", "evil.example"),
            ("host", "evil.example:5000"),
            ("host", "127.0.0.1.evil.example"),
        ] {
            for asked in [cluster.client().ask("GET", "/admin/ring"), cluster.admin().add_own()] {
                let answer = asked.header(field, value).send().await;
                answer.proxy_problem(403, &["KEYWAY_ADMIN_TOKEN"]);
            }
        }
        cluster.client().ask("GET", "/admin/ring").header("host", "localhost:5000").send().await.is(200);
        cluster.client().ask("GET", "/admin/ring").header("host", "[::1]:5000").send().await.is(200);
        for open in ["/admin/live", "/admin/ready"] {
            cluster.client().ask("GET", open).header("x-forwarded-for", "192.0.2.1").send().await.is(200);
        }
        assert_eq!(cluster.admin().ring().await.decided(), before);
        assert!(cluster.admin().changes().await.is_empty());
    });
}

#[test]
fn a_change_from_a_browser_needs_more_than_a_simple_form() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        let origin = format!("http://{}", cluster.admin_address());
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let ask = cluster.client().ask("POST", "/remove-server").header("origin", &origin);
            let ask = ask.header("content-type", kind).body("{\"name\":\"n2\"}");
            let answer = ask.send().await;
            assert!(matches!(answer.status, 400 | 403 | 415), "{answer:?}");
        }
        assert!(cluster.admin().changes().await.is_empty());
    });
}

#[test]
fn admin_paths_are_compared_as_they_stand_and_never_forwarded() {
    story(secs(60), || async {
        let cluster = Cluster::start().await;
        // Not admin paths, so a node answers them; nothing decodes them into one later.
        for path in ["/%61dmin/ring", "/Admin/ring", "/add-server%2f", "/x/../admin/ring"] {
            cluster.client().ask("GET", path).send().await.problem(400, &["key"]);
            let forwarded = cluster.client().ask("GET", format!("{path}?key=k")).send().await;
            assert_eq!(
                (forwarded.status, forwarded.header("keyway-node").is_empty()),
                (404, false),
                "{forwarded:?}"
            );
        }
        for path in ["/admin", "/admin/", "/admin/unknown", "/admin/ring/", "/admin?key=k", "/admin/x?key=k"]
        {
            let answer = cluster.client().ask("GET", path).send().await;
            assert_eq!(answer.header("keyway-node"), "", "it was forwarded: {answer:?}");
            assert!(matches!(answer.status, 200 | 303 | 400 | 404), "{answer:?}");
        }
        let wrong_method = cluster.client().ask("GET", "/add-server?key=k").send().await;
        wrong_method.problem(405, &[]);
        assert!(wrong_method.header("allow").contains("POST"), "{wrong_method:?}");
    });
}

#[test]
fn the_admin_api_can_have_a_port_of_its_own() {
    story(secs(60), || async {
        let cluster = Setup::new().config("[admin]\nlisten = \"127.0.0.1:0\"\n").start().await;
        assert_ne!(cluster.address(), cluster.admin_address());
        assert_eq!(cluster.admin().ring().await.names().len(), 3);
        for (method, path) in [("GET", "/admin/ring"), ("POST", "/add-server"), ("GET", "/admin/ring?key=k")]
        {
            let answer = cluster.client().ask(method, path).send().await;
            answer.proxy_problem(404, &[]);
        }
        assert!(cluster.admin().changes().await.is_empty());
        cluster.client().put("k", "v").send().await.is(201);
    });
}
