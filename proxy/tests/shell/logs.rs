//! What a proxy tells of its requests.

use crate::program::Keyway;

#[test]
fn slow_requests_are_told_in_the_log_without_their_keys() {
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("keyway.toml");
    std::fs::write(&config, "[access_log]\nslow = \"1us\"\n").unwrap();
    let keyway = Keyway::start_with(data.path(), |command| {
        command.arg("--config").arg(&config);
    });
    for i in 0..50 {
        assert!(keyway.ask("PUT", &format!("/kv?key=personal-{i}"), "value").contains(" 201 "));
    }
    keyway.ask("GET", "/admin/ring", "");
    let (code, log) = keyway.terminate();
    assert_eq!(code, Some(0));
    let told: Vec<&str> = log.lines().filter(|line| line.contains("a slow request")).collect();
    assert!(!told.is_empty() && told.len() < 50, "at most ten a second from each worker: {log}");
    assert!(told[0].contains("PUT") && told[0].contains("/kv") && told[0].contains("201"), "{}", told[0]);
    assert!(!log.contains("personal") && !told.iter().any(|line| line.contains("/admin")), "{log}");
}
