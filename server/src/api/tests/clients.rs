//! Clients and checks that others generate from the OpenAPI document, against a running server.

use std::{net::SocketAddr, path::PathBuf, process::Stdio};

use storage::PgPool;
use tempfile::TempDir;
use tokio::{net::TcpListener, process::Command, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::document::CHECKED_IN;
use crate::{
    keys::Scope,
    serve::{ConnectionLimits, serve},
    support::TestApp,
};

/// Key with all scopes.
const ADMIN: &str = "tsk_admin";

/// The application, served on a port.
struct Served {
    app: TestApp,
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    /// Serves an application that has seen a call.
    async fn start(pool: PgPool) -> Self {
        let app = TestApp::new(pool).await;
        app.add_key(ADMIN, Scope::Admin).await;
        app.create_room("standup-fixture").await;
        app.replay_call(10).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let limits = ConnectionLimits::default();
        let serving = tokio::spawn(serve(listener, app.router.clone(), limits, stop.clone()));
        Self {
            app,
            address,
            stop,
            serving,
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.app.state.tasks.close();
        self.app.state.tasks.wait().await;
    }
}

/// The folder of programs that `scripts/install-deps.sh tests` installs for this test.
fn programs() -> PathBuf {
    let tools = std::env::var_os("TRACKSCRIBE_TOOLS").expect("run scripts/test.sh, which sets TRACKSCRIBE_TOOLS");
    PathBuf::from(tools).join("python-api/bin")
}

/// Runs a program in a folder. Panics with its output if it fails.
async fn run(folder: &TempDir, program: &str, args: &[&str]) {
    let path = std::env::join_paths([programs(), "/usr/bin".into(), "/bin".into()]).unwrap();
    let output = Command::new(programs().join(program))
        .args(args)
        .current_dir(folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap_or_else(|error| panic!("{program}: {error}; run scripts/install-deps.sh tests"));
    let text = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{program} {args:?}: {}",
        String::from_utf8_lossy(&text)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_generated_client_runs_the_quick_start(pool: PgPool) {
    let served = Served::start(pool).await;
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/quick_start.py");
    std::fs::copy(script, folder.path().join("quick_start.py")).unwrap();

    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/openapi-client.yaml");
    #[rustfmt::skip]
    let generate = [
        "generate", "--path", CHECKED_IN, "--config", config, "--output-path", "client", "--meta", "none",
        "--fail-on-warning",
    ];
    run(&folder, "openapi-python-client", &generate).await;
    // Checks the script, and how it uses the client; the client's own types are its generator's business.
    let check = [
        "--strict",
        "--follow-imports=silent",
        "--no-error-summary",
        "quick_start.py",
    ];
    run(&folder, "mypy", &check).await;
    let url = format!("http://{}", served.address);
    run(&folder, "python", &["quick_start.py", &url, ADMIN]).await;

    served.stop().await;
}

/// Returns settings of schemathesis: the ids of what exists, which it cannot guess.
async fn config(app: &TestApp) -> String {
    let id = async |path: &str| {
        app.get(path).await.json()["items"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let meeting = id("/v1/meetings").await;
    let recording = id(&format!("/v1/meetings/{meeting}/recordings")).await;
    let operations = [("meetings", meeting), ("recordings", recording)];
    let sections = operations.map(|(list, id)| {
        format!("[[operations]]\ninclude-path-regex = \"^/v1/{list}/\"\nparameters = {{ \"path.id\" = \"{id}\" }}\n")
    });
    sections.concat()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn requests_made_from_the_document_give_documented_responses(pool: PgPool) {
    let served = Served::start(pool).await;
    let folder = tempfile::tempdir().unwrap();
    let (url, key) = (
        format!("http://{}", served.address),
        format!("Authorization: Bearer {ADMIN}"),
    );

    #[rustfmt::skip]
    std::fs::write(folder.path().join("schemathesis.toml"), config(&served.app).await).unwrap();

    #[rustfmt::skip]
    let checks = [
        "run", CHECKED_IN, "--url", &url, "--header", &key, "--generation-deterministic", "--max-examples", "25",
        "--phases", "examples,coverage,fuzzing", "--request-timeout", "10", "--no-color",
        // Its response does not end.
        "--exclude-path", "/v1/events",
        // No schema can say which cursors and idempotency keys exist.
        "--exclude-checks", "positive_data_acceptance",
    ];
    run(&folder, "schemathesis", &checks).await;

    served.stop().await;
}
