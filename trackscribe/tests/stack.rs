//! A whole machine's stack, run by the built binary against the real programs: `up` and `demo`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Ample for a stack's start or end on a busy machine; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(90);

/// A data folder that ends with the test, PostgreSQL's elsewhere included.
struct Data(tempfile::TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The children of a running `up`, by its pid files.
    fn children(&self) -> Vec<u64> {
        let files = fs::read_dir(self.path().join("run"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let pids = files.filter(|file| file.extension().is_some_and(|extension| extension == "pid"));
        pids.filter_map(|file| pid_in(&file)).collect()
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trackscribe"));
        command.arg(subcommand).arg("--data-dir").arg(self.path());
        // What a developer has set for a server of their own must not reach this one.
        for (name, _) in std::env::vars().filter(|(name, _)| name.contains("STORAGE") || name.starts_with("LIVEKIT_")) {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Ok(elsewhere) = fs::read_to_string(self.path().join("postgres.location"))
            && let Some(home) = PathBuf::from(elsewhere.trim()).parent()
        {
            fs::remove_dir_all(home).ok();
        }
    }
}

/// A running `up`; killed with the test.
struct Up {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Up {
    fn start(data: &Data) -> Self {
        let mut command = data.command("up");
        let mut process = command
            .args(["--ports", "free"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { process, lines }
    }

    fn wait_for(&self, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .unwrap_or_else(|e| panic!("`{wanted}` was never printed: {e}"));
            if line == wanted {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// `None` while it is not there, or being written.
fn pid_in(file: &Path) -> Option<u64> {
    let identity: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    identity["pid"].as_u64()
}

fn is_running(pid: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until_gone(pids: &[u64]) {
    let until = Instant::now() + PATIENCE;
    while pids.iter().any(|pid| is_running(*pid)) {
        assert!(Instant::now() < until, "{pids:?} still run");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn a_stack_ends_with_a_killed_up_and_starts_again_on_the_same_data() {
    let data = Data::new();
    let mut first = Up::start(&data);
    first.wait_for("ready");
    let (children, key) = (
        data.children(),
        fs::read_to_string(data.path().join("admin.key")).unwrap(),
    );

    first.process.kill().unwrap();
    first.process.wait().unwrap();
    wait_until_gone(&children);
    let mut second = Up::start(&data);
    second.wait_for("ready");
    second.signal("-TERM");
    second.wait_for("stopped");

    assert_eq!(children.len(), 6, "{children:?}");
    assert!(second.process.wait().unwrap().success());
    assert_eq!(fs::read_to_string(data.path().join("admin.key")).unwrap(), key);
    assert!(data.children().is_empty());
}

#[test]
fn a_child_that_was_killed_is_there_again() {
    let data = Data::new();
    let up = Up::start(&data);
    up.wait_for("ready");
    let file = data.path().join("run/redis.pid");
    let killed = pid_in(&file).unwrap();

    assert!(
        Command::new("kill")
            .args(["-KILL", &killed.to_string()])
            .status()
            .unwrap()
            .success()
    );
    wait_until_gone(&[killed]);

    let until = Instant::now() + PATIENCE;
    while !pid_in(&file).is_some_and(is_running) {
        assert!(Instant::now() < until, "redis was not started again");
        std::thread::sleep(Duration::from_millis(20));
    }
    up.signal("-INT");
    up.wait_for("stopped");
}

#[test]
fn a_taken_port_stops_the_start_with_the_flag_that_changes_it() {
    let data = Data::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

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
fn two_voices_come_out_under_their_names() {
    let data = Data::new();

    let output = data.command("demo").output().unwrap();

    assert!(output.status.success(), "{}", text(&output));
    assert!(data.children().is_empty());
}

#[test]
fn voices_under_swapped_names_fail_the_demo() {
    let data = Data::new();

    let output = data.command("demo").arg("--swap-names").output().unwrap();

    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(text(&output).matches("FAILED").count(), 2, "{}", text(&output));
}
