use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use irsa_testkit::controlplane::{ControlPlane, ControlPlaneError};
use serde_json::json;

use crate::support::is_alive;

/// Set in the child process of `servers_do_not_outlive_a_killed_process`.
const CHILD: &str = "IRSA_TESTKIT_TEST_CHILD";

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_start_at_once_and_know_nothing_of_each_other() {
    let (one, two) = tokio::join!(ControlPlane::builder().start(), ControlPlane::builder().start());
    let (one, two) = (one.unwrap(), two.unwrap());
    one.create_namespace("only-in-one").await.unwrap();
    assert_eq!(
        two.client()
            .unwrap()
            .get("/api/v1/namespaces/only-in-one")
            .await
            .unwrap()
            .status,
        404
    );
    let foreign = one.client().unwrap().with_token(Some(two.admin_token()));
    assert_eq!(foreign.get("/api").await.unwrap().status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_and_drop_leave_no_process_and_no_file() {
    for by_drop in [false, true] {
        let plane = ControlPlane::builder().start().await.unwrap();
        let (pids, directory) = (plane.pids(), plane.directory().to_owned());
        assert_eq!(pids.len(), 2);
        assert!(pids.iter().all(|pid| is_alive(*pid)));
        if by_drop {
            drop(plane);
        } else {
            plane.stop().await;
        }
        assert!(pids.iter().all(|pid| !is_alive(*pid)), "by_drop: {by_drop}");
        assert!(!directory.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_do_not_outlive_a_killed_process() {
    if env::var_os(CHILD).is_some() {
        let plane = ControlPlane::builder().start().await.unwrap();
        println!("directory {}", plane.directory().display());
        println!("pids {:?}", plane.pids());
        tokio::time::sleep(Duration::from_mins(1)).await;
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "lifecycle::servers_do_not_outlive_a_killed_process",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let mut after = |label: &str| {
        lines
            .find_map(|line| Some(line.split_once(label)?.1.to_owned()))
            .unwrap()
    };
    let directory = after("directory ");
    let line = after("pids [").trim_end_matches(']').to_owned();
    let pids: Vec<u32> = line.split(", ").map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");

    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(Instant::now() < deadline, "still alive: {pids:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Nobody was left to do it.
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_was_stopped_or_killed_comes_back_at_its_address() {
    let mut plane = ControlPlane::builder().start().await.unwrap();
    plane.create_namespace("kept").await.unwrap();
    plane.stop_api_server(0).await.unwrap();
    assert!(matches!(
        plane.client().unwrap().get("/api").await,
        Err(ControlPlaneError::Transport { .. })
    ));
    plane.start_api_server(0).await.unwrap();
    plane.kill_api_server(0).await.unwrap();
    plane.start_api_server(0).await.unwrap();
    assert!(
        plane
            .client()
            .unwrap()
            .get("/api/v1/namespaces/kept")
            .await
            .unwrap()
            .is_success()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_start_shows_the_end_of_its_log() {
    let error = ControlPlane::builder()
        .flag("--no-such-flag=1")
        .start()
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ControlPlaneError::Ended {
                server: "kube-apiserver",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("unknown flag: --no-such-flag"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_namespaces_get_their_default_service_account() {
    let plane = ControlPlane::builder().start().await.unwrap();
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "applied"}});
    plane.apply_yaml(&namespace.to_string()).await.unwrap();
    for name in ["applied", "default", "kube-system"] {
        let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        assert!(plane.client().unwrap().get(&path).await.unwrap().is_success(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_manager_makes_default_service_accounts_and_finishes_namespace_deletion() {
    let plane = ControlPlane::builder().controller_manager(true).start().await.unwrap();
    let client = plane.client().unwrap();
    plane.create_namespace("short-lived").await.unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let account = "/api/v1/namespaces/short-lived/serviceaccounts/default";
    while !client.get(account).await.unwrap().is_success() {
        assert!(Instant::now() < deadline, "no default ServiceAccount");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.delete("/api/v1/namespaces/short-lived").await.unwrap();
    while client.get("/api/v1/namespaces/short-lived").await.unwrap().status != 404 {
        assert!(Instant::now() < deadline, "the namespace is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
