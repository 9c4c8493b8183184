//! Children that are shell scripts: they say what a kvnode would say, and do what a test needs.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(20);
/// Says that it is ready on the address of `--listen`, as the node of `--name`.
const READY: &str = r#"printf '{"ready":true,"name":"%s","id":"000000000000000000000000000000aa","listen":"%s"}\n' "$2" "$4""#;

fn supervisor(script: &str) -> Supervisor {
    let launch = Launch {
        program: "/bin/sh".into(),
        arguments: ["-c".into(), script.into(), "kvnode".into()].into(),
        secret: Secret::new("0123456789abcdef").unwrap(),
        prefix: true,
    };
    Supervisor::new(launch, HERE, 0, Handle::current())
}

fn spec(supervisor: &Supervisor, name: &str) -> ChildSpec {
    let listen = supervisor.free_address(&BTreeSet::new()).unwrap();
    ChildSpec { name: name.parse().unwrap(), listen, data: "/nowhere".into() }
}

/// The status of `name` once `fits`.
async fn once(supervisor: &Supervisor, name: &NodeName, fits: impl Fn(&ChildStatus) -> bool) -> ChildStatus {
    let mut statuses = supervisor.watch();
    let found =
        tokio::time::timeout(PATIENCE, statuses.wait_for(|all| all.get(name).is_some_and(&fits))).await;
    match found {
        Ok(all) => all.unwrap()[name].clone(),
        Err(_) => panic!("not within {PATIENCE:?}: {:?}", supervisor.statuses()),
    }
}

fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_child_runs_until_it_is_not_wanted_any_more() {
    let supervisor = supervisor(&format!("{READY}; cat"));
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec.clone()]);
    let status = once(&supervisor, &spec.name, |status| status.state == ChildState::Ready).await;
    assert_eq!((status.listen, status.id, status.restarts), (spec.listen, Some(Id(0xaa)), 0));
    let pid = status.pid.unwrap();
    assert!(exists(pid));

    supervisor.ensure(vec![spec]);
    supervisor.stop().await;
    assert!(!exists(pid));
    assert!(supervisor.statuses().is_empty());
}

#[tokio::test]
async fn after_the_end_no_child_is_started_any_more() {
    let supervisor = supervisor(&format!("{READY}; cat"));
    supervisor.stop().await;
    supervisor.ensure(vec![spec(&supervisor, "n1")]);
    assert!(supervisor.statuses().is_empty());
}

#[tokio::test]
async fn only_the_surplus_child_is_stopped() {
    let supervisor = supervisor(&format!("{READY}; cat"));
    let (one, two) = (spec(&supervisor, "n1"), spec(&supervisor, "n2"));
    supervisor.ensure(vec![one.clone(), two.clone()]);
    let ready = |status: &ChildStatus| status.state == ChildState::Ready;
    let before = once(&supervisor, &one.name, ready).await;
    once(&supervisor, &two.name, ready).await;

    supervisor.ensure(vec![one.clone()]);
    let mut statuses = supervisor.watch();
    statuses.wait_for(|all| !all.contains_key(&two.name)).await.unwrap();
    assert_eq!(supervisor.statuses()[&one.name], before);
    supervisor.stop().await;
}

#[tokio::test]
async fn a_child_that_ends_is_started_again() {
    let supervisor = supervisor(&format!("{READY}; sleep 0.05"));
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec.clone()]);
    let again = |status: &ChildStatus| status.state == ChildState::Ready && status.restarts >= 1;
    let status = once(&supervisor, &spec.name, again).await;
    assert_eq!(status.listen, spec.listen, "the same address again");
    supervisor.stop().await;
}

#[tokio::test]
async fn a_child_that_ends_at_once_is_shown_with_its_last_words() {
    let supervisor = supervisor("echo 'the folder is damaged' >&2; exit 3");
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec.clone()]);
    let looping = |status: &ChildStatus| status.state == ChildState::CrashLooping;
    let status = once(&supervisor, &spec.name, looping).await;
    assert_eq!(status.last_end.as_deref(), Some("exit status: 3: the folder is damaged"));
    assert_eq!(status.restarts, 3);
    supervisor.stop().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let launch = Launch {
        program: "/nowhere/keyway".into(),
        arguments: Vec::new(),
        secret: Secret::new("0123456789abcdef").unwrap(),
        prefix: true,
    };
    let supervisor = Supervisor::new(launch, HERE, 0, Handle::current());
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec.clone()]);
    let status = once(&supervisor, &spec.name, |status| status.last_end.is_some()).await;
    assert!(status.last_end.unwrap().contains("/nowhere/keyway"));
    supervisor.stop().await;
}

#[tokio::test]
async fn a_child_with_the_wrong_name_is_not_taken() {
    let supervisor = supervisor(&format!("set -- --name other --listen $4; {READY}; cat"));
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec.clone()]);
    let status = once(&supervisor, &spec.name, |status| status.last_end.is_some()).await;
    assert_eq!(status.last_end.as_deref(), Some("it says that it is other"));
    supervisor.stop().await;
}

#[tokio::test]
async fn a_child_moves_when_a_stranger_has_its_port() {
    let stranger = TcpListener::bind((HERE, 0)).unwrap();
    let supervisor = supervisor(&format!("{READY}; cat"));
    let listen = stranger.local_addr().unwrap();
    let spec = ChildSpec { name: "n1".parse().unwrap(), listen, data: "/nowhere".into() };
    supervisor.ensure(vec![spec.clone()]);
    let status = once(&supervisor, &spec.name, |status| status.state == ChildState::Ready).await;
    assert_ne!(status.listen, listen);
    assert_eq!(status.url(), format!("http://{}", status.listen));
    supervisor.stop().await;
}

#[tokio::test]
async fn a_child_that_is_not_ready_yet_can_be_stopped() {
    let supervisor = supervisor("cat; sleep 60");
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec]);
    tokio::task::yield_now().await;
    let begin = Instant::now();
    supervisor.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_secret_is_in_the_environment_and_nowhere_else() {
    let script = format!(
        r#"[ ${{#KEYWAY_CLUSTER_SECRET}} = 16 ] || exit 3
           case "$*" in *"$KEYWAY_CLUSTER_SECRET"*) exit 4;; esac
           {READY}; cat"#
    );
    let supervisor = supervisor(&script);
    let spec = spec(&supervisor, "n1");
    supervisor.ensure(vec![spec.clone()]);
    once(&supervisor, &spec.name, |status| status.state == ChildState::Ready).await;
    assert!(!format!("{supervisor:?}").contains("0123456789abcdef"));
    supervisor.stop().await;
}

#[tokio::test]
async fn of_a_child_that_never_came_up_no_empty_folder_stays() {
    let data = tempfile::tempdir().unwrap();
    let supervisor = supervisor("exit 3");
    for (name, content) in [("n1", None), ("n2", Some("file"))] {
        let folder = data.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        if let Some(file) = content {
            std::fs::write(folder.join(file), "kept").unwrap();
        }
        let spec = ChildSpec { data: folder, ..spec(&supervisor, name) };
        supervisor.ensure(vec![spec.clone()]);
        once(&supervisor, &spec.name, |status| status.last_end.is_some()).await;
        supervisor.ensure(Vec::new());
        supervisor.watch().wait_for(BTreeMap::is_empty).await.unwrap();
    }
    assert!(!data.path().join("n1").exists());
    assert!(data.path().join("n2/file").exists());
}
