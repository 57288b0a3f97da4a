use std::time::Duration;

use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use chrono::TimeDelta;
use futures::{StreamExt, future::join_all};
use sqlx::PgPool;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::support::{READ, TestApp};

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open stream, read event by event.
struct Stream {
    body: BodyDataStream,
    read: String,
}

impl Stream {
    async fn open(app: &TestApp, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = Request::get(format!("/v1/events{query}")).header("authorization", format!("Bearer {READ}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = app
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self {
            body: response.into_body().into_data_stream(),
            read: String::new(),
        };
        assert!(stream.frame().await.unwrap().starts_with("retry: "));
        stream
    }

    /// Returns the next frame without its empty line; `None` if the stream has ended.
    async fn frame(&mut self) -> Option<String> {
        loop {
            if let Some((frame, rest)) = self.read.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.read = rest;
                return Some(frame);
            }
            let bytes = timeout(TIMEOUT, self.body.next())
                .await
                .expect("the stream is silent")?;
            self.read.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        }
    }

    /// Returns position and type of the next events.
    async fn events(&mut self, count: usize) -> Vec<(i64, String)> {
        let mut events = Vec::new();
        while events.len() < count {
            let frame = self.frame().await.expect("the stream has ended");
            let field = |name: &str| {
                frame
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::to_owned)
            };
            if let Some(kind) = field("event: ") {
                events.push((field("id: ").unwrap().parse().unwrap(), kind));
            }
        }
        events
    }
}

/// Adds events of these types, as transactions do.
async fn tell(pool: &PgPool, room: &str, types: &[&str]) {
    for kind in types {
        sqlx::query("INSERT INTO feed (id, type, room, data) VALUES (gen_random_uuid(), $1, $2, '{}')")
            .bind(kind)
            .bind(room)
            .execute(pool)
            .await
            .unwrap();
    }
}

async fn told(pool: &PgPool, room: &str, types: &[&str]) {
    tell(pool, room, types).await;
    storage::feed::publish(pool).await.unwrap();
}

fn expected(events: &[(i64, &str)]) -> Vec<(i64, String)> {
    events.iter().map(|(id, kind)| (*id, (*kind).to_owned())).collect()
}

/// Runs the feed as the server does; ends it when dropped.
fn run_feed(app: &TestApp) -> tokio_util::sync::DropGuard {
    let stop = CancellationToken::new();
    tokio::spawn(app.state.feed.clone().run(app.pool.clone(), stop.clone()));
    stop.drop_guard()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_client_receives_what_happens_and_resumes_without_a_gap(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let _running = run_feed(&app);
    told(&pool, "standup", &["meeting.opened"]).await;
    let mut first = Stream::open(&app, "", &[]).await;

    tell(&pool, "standup", &["recording.requested"]).await;
    let live = first.events(1).await;
    drop(first);
    told(&pool, "standup", &["recording.started", "meeting.closed"]).await;
    let mut resumed = Stream::open(&app, "?after=0", &[("last-event-id", "2")]).await;
    let missed = resumed.events(2).await;
    told(&pool, "standup", &["transcript.ready"]).await;

    assert_eq!(live, expected(&[(2, "recording.requested")]));
    assert_eq!(missed, expected(&[(3, "recording.started"), (4, "meeting.closed")]));
    assert_eq!(resumed.events(1).await, expected(&[(5, "transcript.ready")]));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_message_has_the_fields_of_standard_webhooks(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    app.create_room("standup-fixture").await;
    app.replay_call(2).await;
    storage::feed::publish(&pool).await.unwrap();

    let mut stream = Stream::open(&app, "?after=0", &[]).await;
    let frame = stream.frame().await.unwrap();

    let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let message: serde_json::Value = serde_json::from_str(data).unwrap();
    assert!(frame.starts_with("id: 1\nevent: meeting.opened\n"), "{frame}");
    assert_eq!(message["type"], "meeting.opened");
    assert_eq!(message["data"]["meeting"]["state"], "open");
    assert!(
        message["id"].is_string() && message["timestamp"].is_string(),
        "{message}"
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn filters_leave_out_other_rooms_meetings_and_types(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let _running = run_feed(&app);
    told(&pool, "standup", &["meeting.opened", "meeting.closed"]).await;
    told(&pool, "retro", &["meeting.opened"]).await;
    sqlx::query("UPDATE feed SET meeting_id = '00000000-0000-0000-0000-000000000007' WHERE position = 2")
        .execute(&pool)
        .await
        .unwrap();

    for (query, events) in [
        ("?after=0&room=retro", vec![(3, "meeting.opened")]),
        (
            "?after=0&type=meeting.closed,transcript.ready",
            vec![(2, "meeting.closed")],
        ),
        (
            "?after=0&meeting=00000000-0000-0000-0000-000000000007",
            vec![(2, "meeting.closed")],
        ),
    ] {
        let mut stream = Stream::open(&app, query, &[]).await;
        assert_eq!(stream.events(events.len()).await, expected(&events), "{query}");
    }
    let mut live = Stream::open(&app, "?room=standup", &[]).await;
    told(&pool, "retro", &["meeting.closed"]).await;
    told(&pool, "standup", &["meeting.opened"]).await;
    assert_eq!(live.events(1).await, expected(&[(5, "meeting.opened")]));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_client_whose_events_were_deleted_or_undone_is_told(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    told(&pool, "standup", &["meeting.opened", "meeting.closed"]).await;
    sqlx::query("UPDATE feed SET occurred_at = now() - interval '1 day' WHERE position = 1")
        .execute(&pool)
        .await
        .unwrap();
    storage::feed::prune(&pool, chrono::Utc::now() - TimeDelta::hours(1))
        .await
        .unwrap();

    let mut late = Stream::open(&app, "?after=0", &[]).await;
    let mut restored = Stream::open(&app, "?after=99", &[]).await;
    let mut in_time = Stream::open(&app, "?after=1", &[]).await;

    assert_eq!(
        late.events(2).await,
        expected(&[(1, "feed.lost"), (2, "meeting.closed")])
    );
    assert_eq!(restored.events(1).await, expected(&[(2, "feed.lost")]));
    assert_eq!(in_time.events(1).await, expected(&[(2, "meeting.closed")]));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_client_that_reads_slowly_gets_every_event_once(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let _running = run_feed(&app);
    let mut slow = Stream::open(&app, "", &[]).await;

    sqlx::query("INSERT INTO feed (id, type, data) SELECT gen_random_uuid(), 'meeting.opened', '{}' FROM generate_series(1, 3000)")
        .execute(&pool)
        .await
        .unwrap();
    let events = slow.events(3_000).await;

    let positions: Vec<_> = events.into_iter().map(|(position, _)| position).collect();
    assert_eq!(positions, (1..=3_000).collect::<Vec<_>>());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn streams_are_bounded_and_a_client_that_leaves_makes_room(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let streams = join_all((0..200).map(|_| Stream::open(&app, "", &[]))).await;

    let refused = app.get("/v1/events").await;
    drop(streams);
    let room = async {
        while app.state.feed.subscribe().is_none() {
            tokio::task::yield_now().await;
        }
    };

    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, Some("30"))
    );
    timeout(TIMEOUT, room).await.unwrap();
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn streams_end_when_the_server_stops(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let running = run_feed(&app);
    let mut stream = Stream::open(&app, "", &[]).await;

    drop(running);

    assert_eq!(stream.frame().await, None);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn invalid_positions_and_filters_are_named(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for (query, field) in [
        ("?after=-1", "after"),
        ("?after=x", "after"),
        ("?type=meeting.exploded", "type"),
        ("?type=", "type"),
        ("?room=No%20Name", "room"),
        ("?meeting=7", "meeting"),
    ] {
        let answer = app.get(&format!("/v1/events{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text());
    }
    let header = app
        .request(axum::http::Method::GET, "/v1/events", &[("last-event-id", "7; DROP")])
        .await;
    assert_eq!(header.json()["errors"][0]["field"], "Last-Event-ID");
}
