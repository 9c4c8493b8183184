//! Who is let in and who is not.

use super::*;

const HERE: &str = "127.0.0.1";

/// A request that a program on this machine makes, with these header fields besides.
fn ask(access: &Access, method: &str, peer: &str, fields: &[(&str, &str)]) -> Result<(), Fault> {
    let mut headers = HeaderMap::new();
    if fields.iter().all(|(name, _)| *name != "host") {
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:5000"));
    }
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let uri = Uri::from_static("/add-server");
    access.check(&method.parse().unwrap(), &uri, &headers, peer.parse().unwrap())
}

fn post(fields: &[(&str, &str)]) -> Result<(), Fault> {
    ask(&Access::Loopback, "POST", HERE, fields)
}

#[test]
fn a_program_on_this_machine_may() {
    for peer in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
        ask(&Access::Loopback, "POST", peer, &[]).unwrap();
    }
    for host in ["localhost", "LOCALHOST:5000", "127.0.0.1", "[::1]:5000", "127.1.2.3:1"] {
        post(&[("host", host)]).unwrap();
    }
    // What curl sends with -d.
    post(&[("content-type", "application/x-www-form-urlencoded"), ("accept", "*/*")]).unwrap();
}

#[test]
fn another_machine_may_not_and_is_told_what_to_do() {
    let fault = ask(&Access::Loopback, "GET", "192.0.2.7", &[]).unwrap_err();
    assert_eq!(fault.status(), 403);
    assert!(fault.to_json().contains("KEYWAY_ADMIN_TOKEN"), "{}", fault.to_json());
}

#[test]
fn a_forwarded_request_may_not() {
    for name in ["forwarded", "x-forwarded-for", "X-Forwarded-Host", "x-forwarded-proto", "x-real-ip", "via"]
    {
        assert!(post(&[(name, "127.0.0.1")]).is_err(), "{name}");
        assert!(ask(&Access::Loopback, "GET", HERE, &[(name, "127.0.0.1")]).is_err(), "{name}");
    }
}

#[test]
fn a_name_that_points_here_does_not_help() {
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7", "x@localhost", ""]
    {
        assert!(post(&[("host", host)]).is_err(), "{host:?}");
    }
    assert!(post(&[("host", "localhost"), ("host", "evil.example")]).is_err());
    let foreign_target = Uri::from_static("http://evil.example/add-server");
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    let here: IpAddr = HERE.parse().unwrap();
    assert!(Access::Loopback.check(&Method::POST, &foreign_target, &headers, here).is_err());
}

#[test]
fn a_page_of_another_site_may_not() {
    let json = ("content-type", "application/json");
    for origin in [
        "http://evil.example",
        "null",
        "https://127.0.0.1:5000",
        "http://127.0.0.1:3000",
        "http://localhost:5000",
    ] {
        assert!(post(&[("origin", origin), json]).is_err(), "{origin}");
        assert!(ask(&Access::Loopback, "GET", HERE, &[("origin", origin)]).is_err(), "{origin}");
    }
    for site in ["cross-site", "same-site"] {
        assert!(post(&[("sec-fetch-site", site), json]).is_err(), "{site}");
        ask(&Access::Loopback, "GET", HERE, &[("sec-fetch-site", site)]).unwrap();
    }
}

#[test]
fn our_own_page_may_with_what_a_form_cannot_send() {
    let own = [("origin", "http://127.0.0.1:5000"), ("sec-fetch-site", "same-origin")];
    for simple in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
        assert!(post(&[own[0], own[1], ("content-type", simple)]).is_err(), "{simple:?}");
    }
    post(&[own[0], own[1], ("content-type", "application/json")]).unwrap();
    post(&[own[0], own[1], ("keyway-admin", "1")]).unwrap();
    assert!(post(&[("sec-fetch-mode", "navigate")]).is_err(), "a form that was typed in");
    ask(&Access::Loopback, "GET", HERE, &own).unwrap();
}

#[test]
fn with_a_token_only_the_token_counts() {
    let access = Access::new(Some(Secret::new("0123456789abcdef").unwrap()));
    let good = ("authorization", "Bearer 0123456789abcdef");
    ask(
        &access,
        "POST",
        "192.0.2.7",
        &[good, ("x-forwarded-for", "198.51.100.1"), ("host", "keyway.example")],
    )
    .unwrap();
    ask(&access, "POST", HERE, &[("authorization", "bearer 0123456789abcdef")]).unwrap();
    for bad in
        ["", "Bearer", "Bearer ", "Bearer 0123456789abcdeF", "Basic 0123456789abcdef", "0123456789abcdef"]
    {
        let fault = ask(&access, "POST", HERE, &[("authorization", bad)]).unwrap_err();
        assert_eq!(fault.status(), 401, "{bad:?}");
    }
    assert!(ask(&access, "POST", HERE, &[good, good]).is_err());
}

#[test]
fn the_line_at_start_says_which_rule_holds() {
    let listen = "127.0.0.1:5000".parse().unwrap();
    let line = Access::Loopback.describe(listen);
    assert!(line.contains("only programs on this machine") && line.contains("must"), "{line}");
    let line = Access::new(Some(Secret::new("0123456789abcdef").unwrap())).describe(listen);
    assert!(line.contains("token") && !line.contains("0123456789abcdef"), "{line}");
}
