//! `up` and `demo` of the built binary with the real programs.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::{fs, net::TcpListener};

use rustix::process::{Pid, Signal, kill_process};
use test_support::wait_until;

use self::support::{DataFolder, TIMEOUT, is_running, pid_in, text, wait_until_gone};

#[tokio::test]
async fn the_children_of_a_killed_up_exit_and_the_next_up_uses_the_same_data() {
    let data = DataFolder::new();
    let mut first = data.up();
    first.wait_for("ready").await;
    let (children, key) = (
        data.children(),
        fs::read_to_string(data.path().join("admin.key")).unwrap(),
    );

    first.process.kill();
    wait_until_gone(&children).await;
    let mut second = data.up();
    second.wait_for("ready").await;
    second.process.signal(Signal::TERM);
    second.wait_for("stopped").await;

    assert_eq!(children.len(), 6, "{children:?}");
    let status = wait_until("up has exited", TIMEOUT, async || second.process.exit_status()).await;
    assert!(status.success());
    assert_eq!(fs::read_to_string(data.path().join("admin.key")).unwrap(), key);
    assert!(data.children().is_empty());
}

#[tokio::test]
async fn a_killed_child_is_restarted() {
    let data = DataFolder::new();
    let mut up = data.up();
    up.wait_for("ready").await;
    let file = data.path().join("run/redis.pid");
    let killed = pid_in(&file).unwrap();

    let pid = Pid::from_raw(i32::try_from(killed).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    wait_until_gone(&[killed]).await;

    wait_until("redis runs again", TIMEOUT, async || {
        pid_in(&file).is_some_and(is_running).then_some(())
    })
    .await;
    up.process.signal(Signal::INT);
    up.wait_for("stopped").await;
}

#[test]
fn an_error_for_a_port_in_use_names_the_flag_that_sets_it() {
    let data = DataFolder::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();

    let output = data
        .command("up")
        .args(["--ports", "free", "--api-port", &port])
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("--api-port") && text(&output).contains(&port),
        "{}",
        text(&output)
    );
}

#[test]
fn the_demo_attributes_two_voices_to_their_names() {
    let data = DataFolder::new();

    let output = data.command("demo").output().unwrap();

    assert!(output.status.success(), "{}", text(&output));
    assert!(data.children().is_empty());
}

#[test]
fn the_demo_fails_if_the_names_are_swapped() {
    let data = DataFolder::new();

    let output = data.command("demo").arg("--swap-names").output().unwrap();

    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(text(&output).matches("FAILED").count(), 2, "{}", text(&output));
}
