use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use domain::{
    event::{EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind},
    meeting::{LiveParticipant, LiveRoom},
    participant::{ObservedParticipant, ParticipantKind, Role},
    permissions::Permissions,
};
use platform::{
    Control, Platform, Platforms, TrackChoice,
    fake::{Availability, FakePlatform, SIGNATURE},
};
use serde_json::{Value, json};
use storage::PgPool;

use crate::{
    keys::Scope,
    support::{JOIN, READ, TestApp, WRITE},
    tokens::Signer,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The application on a fake platform, with an open meeting of Ada.
struct Call {
    app: TestApp,
    platform: Arc<FakePlatform>,
    meeting: String,
}

impl Call {
    async fn start(pool: PgPool) -> Self {
        let platform = Arc::new(FakePlatform::new(PlatformKind::Livekit));
        let adapter = platform.clone() as Arc<dyn Platform>;
        let app = TestApp::build(pool, |state| {
            state.platforms = Platforms::new(vec![adapter]);
            state.signer = Signer::new(vec![SECRET.into()]);
        });
        for (key, scope) in [(READ, Scope::Read), (WRITE, Scope::Write), (JOIN, Scope::Join)] {
            app.add_key(key, scope).await;
        }
        app.create_room("standup").await;
        let mut call = Self {
            app,
            platform,
            meeting: String::new(),
        };
        call.platform.set_room(LiveRoom {
            room: call.room(),
            listed_at: call.app.now(),
            participants: Vec::new(),
        });
        call.joins("ada").await;
        let meetings = call.app.get("/v1/meetings").await.json();
        call.meeting = meetings["items"][0]["id"].as_str().unwrap().to_owned();
        call
    }

    fn room(&self) -> EventRoom {
        EventRoom {
            name: Some("standup".to_owned()),
            key: "RM_1".into(),
            session: None,
            created_at: Some(self.app.now()),
        }
    }

    /// Somebody connects, and the platform sends its webhook.
    async fn joins(&self, identity: &str) {
        let participant = ObservedParticipant {
            sid: format!("PA_{identity}").as_str().into(),
            identity: identity.into(),
            display_name: identity.to_uppercase(),
            kind: ParticipantKind::Standard,
            joined_at: Some(self.app.now()),
        };
        self.platform.join_room(
            "standup",
            LiveParticipant {
                participant: participant.clone(),
                tracks: Vec::new(),
                capture_ids: Vec::new(),
                beat: None,
            },
        );
        self.event(&format!("joined-{identity}"), EventKind::ParticipantJoined(participant))
            .await;
    }

    async fn event(&self, id: &str, kind: EventKind) {
        let event = PlatformEvent {
            key: EventKey {
                platform: PlatformKind::Livekit,
                id: id.to_owned(),
            },
            name: id.to_owned(),
            occurred_at: self.app.now(),
            room: Some(self.room()),
            kind,
        };
        let request = Request::post("/v1/livekit/webhook")
            .header("authorization", SIGNATURE)
            .header("content-type", "application/webhook+json")
            .body(Body::from(serde_json::to_vec(&event).unwrap()))
            .unwrap();
        assert_eq!(self.app.send(request).await.status, StatusCode::OK, "{id}");
    }

    fn path(&self, command: &str) -> String {
        format!("/v1/meetings/{}/{command}", self.meeting)
    }

    async fn command(&self, key: &str, command: &str, body: Value) -> String {
        let answer = self
            .app
            .send_json_as(key, Method::POST, &self.path(command), &body)
            .await;
        match answer.status.is_success() {
            true => answer.status.as_u16().to_string(),
            false => format!("{} {}", answer.status.as_u16(), answer.problem()),
        }
    }

    /// Joins through the API and returns the participant token.
    async fn token(&self, body: Value) -> String {
        let answer = self.app.join("standup", &body).await;
        answer.json()["participant_token"].as_str().unwrap().to_owned()
    }

    async fn refresh(&self, token: &str) -> (u16, Value) {
        let body = json!({"participant_token": token});
        let answer = self
            .app
            .send_json_as("", Method::POST, "/v1/rooms/standup/refresh", &body)
            .await;
        (answer.status.as_u16(), answer.json())
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.app.pool).await.unwrap()
    }
}

fn person(identity: &str) -> Value {
    json!({"identity": identity})
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_removed_person_gets_no_token_until_they_are_readmitted(pool: PgPool) {
    let call = Call::start(pool).await;
    let body = json!({"display_name": "Ada", "identity": "ada"});
    let token = call.token(body.clone()).await;

    let removed = call.command(WRITE, "participants/remove", person("ada")).await;
    let again = call.command(WRITE, "participants/remove", person("ada")).await;
    let refused = call.app.join("standup", &body).await;
    let refreshed = call.refresh(&token).await;
    let readmitted = call.command(WRITE, "participants/readmit", person("ada")).await;
    let let_in = call.app.join("standup", &body).await;

    assert_eq!((removed.as_str(), again.as_str()), ("204", "204"));
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::FORBIDDEN, "removed")
    );
    assert_eq!(refreshed.0, 403);
    assert_eq!((readmitted.as_str(), let_in.status), ("204", StatusCode::CREATED));
    assert_eq!(
        call.platform.commands(),
        [Control::Remove("ada".into()), Control::Remove("ada".into())]
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_removal_is_kept_while_the_platform_is_down_and_a_return_is_noticed(pool: PgPool) {
    let call = Call::start(pool).await;
    let queued = "SELECT count(*) FROM jobs WHERE queue = 'enforce_controls'";
    call.platform.set_availability(Availability::Down);

    let removed = call.command(WRITE, "participants/remove", person("ada")).await;
    let refused = call
        .app
        .join("standup", &json!({"display_name": "Ada", "identity": "ada"}))
        .await;
    let first = call.count(queued).await;
    sqlx::query("UPDATE jobs SET state = 'done'")
        .execute(&call.app.pool)
        .await
        .unwrap();
    call.platform.set_availability(Availability::Up);
    call.joins("bob").await;
    let second = call.count(queued).await;

    assert_eq!(
        (removed.as_str(), refused.problem().as_str()),
        ("503 unavailable", "removed")
    );
    assert_eq!((first, second), (1, 2));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_locked_meeting_admits_only_those_who_were_in_it(pool: PgPool) {
    let call = Call::start(pool).await;
    let join = async |body: Value| call.app.join("standup", &body).await.status.as_u16();
    let (ada, bob) = (
        json!({"display_name": "Ada", "identity": "ada"}),
        json!({"display_name": "Bob", "identity": "bob"}),
    );

    let locked = [
        call.command(WRITE, "lock", json!(null)).await,
        call.command(WRITE, "lock", json!(null)).await,
    ];
    let answers = [
        join(ada).await,
        join(bob.clone()).await,
        join(json!({"display_name": "X"})).await,
    ];
    let shown = call.app.get(&call.path("participants/live")).await.json();
    let unlocked = [
        call.command(WRITE, "unlock", json!(null)).await,
        call.command(WRITE, "unlock", json!(null)).await,
    ];

    assert_eq!(
        (locked, unlocked),
        (["204", "204"].map(str::to_owned), ["204", "204"].map(str::to_owned))
    );
    assert_eq!(answers, [201, 403, 403]);
    assert_eq!(shown["locked"], true);
    assert_eq!(join(bob).await, 201);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn permissions_stay_changed_in_later_tokens(pool: PgPool) {
    let call = Call::start(pool).await;
    let token = call.token(json!({"display_name": "Ada", "identity": "ada"})).await;
    let quiet = Permissions {
        audio: false,
        ..Permissions::of(Role::Participant)
    };

    let changed = call
        .command(
            WRITE,
            "participants/permissions",
            json!({"identity": "ada", "audio": false}),
        )
        .await;
    let unknown = call
        .command(
            WRITE,
            "participants/permissions",
            json!({"identity": "eve", "audio": false}),
        )
        .await;
    let hidden = call
        .command(
            WRITE,
            "participants/permissions",
            json!({"identity": "ada", "hidden": true}),
        )
        .await;
    let (status, refreshed) = call.refresh(&token).await;

    assert_eq!(
        (changed.as_str(), unknown.as_str(), hidden.as_str()),
        ("200", "404 not-found", "422 invalid")
    );
    assert_eq!((status, &refreshed["permissions"]["audio"]), (201, &json!(false)));
    assert_eq!(call.platform.commands(), [Control::Permit("ada".into(), quiet)]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn tracks_are_muted_of_people_only(pool: PgPool) {
    let call = Call::start(pool).await;
    let one = json!({"identity": "ada", "track_sid": "TR_1"});

    let answers = [
        call.command(WRITE, "participants/mute", person("ada")).await,
        call.command(WRITE, "participants/unmute", one).await,
        call.command(WRITE, "participants/mute", person("eve")).await,
        call.command(WRITE, "participants/mute", person("egress-1")).await,
        call.command(WRITE, "participants/remove", person("EG_1")).await,
        call.command(WRITE, "participants/mute", json!({"identity": "ada", "all": true}))
            .await,
    ];

    assert_eq!(
        answers.map(|answer| answer[..3].to_owned()),
        ["204", "204", "404", "404", "404", "422"].map(str::to_owned)
    );
    let track = TrackChoice::One("TR_1".into());
    assert_eq!(
        call.platform.commands(),
        [
            Control::Mute("ada".into(), TrackChoice::All),
            Control::Unmute("ada".into(), track)
        ]
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn who_is_there_is_unknown_while_the_platform_does_not_answer(pool: PgPool) {
    let call = Call::start(pool).await;
    let shown = async || call.app.get(&call.path("participants/live")).await.json();

    let known = shown().await;
    call.platform.set_availability(Availability::Down);
    let unknown = shown().await;

    assert_eq!(
        (&known["presence"], &known["participants"][0]["identity"]),
        (&json!("known"), &json!("ada"))
    );
    assert_eq!(
        (&unknown["presence"], &unknown["participants"]),
        (&json!("unknown"), &json!([]))
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_meeting_that_is_over_has_no_people(pool: PgPool) {
    let call = Call::start(pool).await;
    let token = call.token(json!({"display_name": "Ada", "identity": "ada"})).await;

    let ended = call.command(WRITE, "end", json!(null)).await;
    call.event("ended", EventKind::MeetingEnded).await;
    let again = call.command(WRITE, "end", json!(null)).await;
    let answers = [
        call.command(WRITE, "lock", json!(null)).await,
        call.command(WRITE, "participants/remove", person("ada")).await,
        call.command(WRITE, "participants/mute", person("ada")).await,
    ];
    let (status, refreshed) = call.refresh(&token).await;

    assert_eq!((ended.as_str(), again.as_str()), ("204", "204"));
    assert!(answers.iter().all(|answer| answer == "409 meeting-over"), "{answers:?}");
    assert_eq!(
        (status, &refreshed["type"]),
        (409, &json!("urn:trackscribe:problem:meeting-over"))
    );
    assert_eq!(call.platform.commands(), [Control::End]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_host_controls_their_own_meeting_and_nobody_else_does(pool: PgPool) {
    let call = Call::start(pool).await;
    let join = async |identity: &str, role: &str| {
        let body = json!({"display_name": identity, "identity": identity, "role": role});
        call.token(body).await
    };
    let (host, guest) = (join("host", "host").await, join("bob", "participant").await);
    let mute = async |key: &str| call.command(key, "participants/mute", person("ada")).await;
    let damaged = format!("{host}x");

    let answers = [
        mute(&host).await,
        mute(&guest).await,
        mute(&damaged).await,
        mute("").await,
        mute(READ).await,
        mute(JOIN).await,
    ];
    let listed = call
        .app
        .send_json_as(&host, Method::GET, &call.path("participants/live"), &json!(null))
        .await;
    call.command(WRITE, "participants/remove", person("host")).await;
    let removed = mute(&host).await;
    let elsewhere = call
        .app
        .send_json_as(&host, Method::GET, "/v1/rooms", &json!(null))
        .await;

    assert_eq!(
        answers,
        [
            "204",
            "403 not-host",
            "401 invalid-token",
            "401 unauthenticated",
            "403 forbidden",
            "403 forbidden"
        ]
        .map(str::to_owned)
    );
    assert_eq!(listed.status, StatusCode::OK);
    assert_eq!(removed, "404 not-found");
    assert_eq!(elsewhere.status, StatusCode::UNAUTHORIZED);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_participant_token_is_refreshed_only_for_its_room_meeting_and_day(pool: PgPool) {
    let call = Call::start(pool).await;
    call.app.create_room("other").await;
    let token = call.token(json!({"display_name": "Ada", "identity": "ada"})).await;
    let body = json!({"participant_token": token});

    let (status, answer) = call.refresh(&token).await;
    let (again, _) = call.refresh(answer["participant_token"].as_str().unwrap()).await;
    let elsewhere = call
        .app
        .send_json_as("", Method::POST, "/v1/rooms/other/refresh", &body)
        .await;
    let in_query = call
        .app
        .send_json_as("", Method::POST, "/v1/rooms/standup/refresh?participant_token=x", &body)
        .await;
    let damaged = call.refresh(&token.replace('.', "_")).await.0;
    call.app.set_now(call.app.now() + chrono::TimeDelta::hours(24));
    let expired = call.refresh(&token).await.0;

    assert_eq!((status, again, answer["identity"].as_str()), (201, 201, Some("ada")));
    assert_eq!(
        (elsewhere.problem().as_str(), in_query.status.as_u16()),
        ("invalid-token", 422)
    );
    assert_eq!((damaged, expired), (401, 401));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_order_is_in_the_audit_with_who_gave_it(pool: PgPool) {
    let call = Call::start(pool).await;
    call.app.add_key("tsk_admin", Scope::Admin).await;
    let host = call
        .token(json!({"display_name": "Host", "identity": "host", "role": "host"}))
        .await;

    call.command(&host, "participants/mute", person("ada")).await;
    for _ in 0..2 {
        call.command(WRITE, "participants/remove", person("ada")).await;
        call.command(WRITE, "lock", json!(null)).await;
    }
    call.command(WRITE, "end", json!(null)).await;

    let admin = call
        .app
        .send_json_as("tsk_admin", Method::GET, "/v1/audit?limit=3", &json!(null))
        .await;
    let writer = call
        .app
        .send_json_as(WRITE, Method::GET, "/v1/audit", &json!(null))
        .await;
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT action || ' ' || split_part(actor, ':', 1) || ' ' || split_part(subject, ':', 1) || ' ' || details
         FROM audit ORDER BY seq",
    )
    .fetch_all(&call.app.pool)
    .await
    .unwrap();
    assert_eq!(
        rows,
        [
            r#"create_room key room {"consent":"none","language":"en","platform":"livekit","recording":"automatic"}"#,
            r#"mute_tracks participant meeting {"identity":"ada","track_sid":null}"#,
            r#"remove_participant key meeting {"identity":"ada"}"#,
            r#"lock_meeting key meeting {}"#,
            r#"end_meeting key meeting {}"#,
        ]
    );
    let newest = &admin.json()["items"][0];
    assert_eq!((&newest["action"], &newest["seq"]), (&json!("end_meeting"), &json!(5)));
    assert!(admin.json()["next"].is_string());
    assert_eq!(writer.status, StatusCode::FORBIDDEN);
    assert_eq!(storage::audit::verify(&call.app.pool).await.unwrap().unwrap().seq, 5);
}
