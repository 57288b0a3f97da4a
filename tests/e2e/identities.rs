//! Identities that are hard to store: long, hostile, or nearly the same.

use std::collections::HashSet;

use e2e::stack::Stack;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use test_support::{Store, audio::tone};

/// The longest identity that LiveKit accepts, in bytes.
const LONGEST: usize = 256;

/// How many people are in the room at the same time. More would overload a small machine.
const GROUP: usize = 6;

/// Identities that join accepts. Many differ in a way that a file system or a store may ignore.
fn accepted() -> Vec<String> {
    let long = |part: &str, last: &str| part.repeat((LONGEST - last.len()) / part.len()) + last;
    let odd = [
        ".",
        "..",
        "...",
        "/",
        "//a//",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a%2Fb",
        "%2E%2E",
        "_",
        "~",
        " ",
        "-",
        "*?",
        "Ada",
        "ada",
        "ADA",
        "zo\u{eb}",
        "zoe\u{308}",
        "\u{202e}gnp",
        "\u{feff}",
        "{egress_id}",
        "{publisher_identity}",
        "'; DROP TABLE recordings; --",
        "a\"b<c>&d",
        "con",
        ".trackscribe",
    ];
    let long = [
        long("x", "x"),
        long("x", "y"),
        long("🦀", "🦀"),
        long("🦀", "🦞"),
        long("/", "/"),
        long(".", "."),
        long("%", "%"),
        "x".repeat(200),
    ];
    odd.map(str::to_owned).into_iter().chain(long).collect()
}

#[tokio::test]
async fn every_identity_is_recorded_under_its_own_key_in_a_bucket() {
    check(Store::bucket().await).await;
}

#[tokio::test]
async fn every_identity_is_recorded_under_its_own_key_in_a_folder() {
    check(Store::folder()).await;
}

#[tokio::test]
async fn identities_that_livekit_or_a_key_refuses_are_refused_at_once() {
    let stack = Stack::builder().workers(0).folder_store().start().await;
    stack.api().create_room("standup").await;

    for refused in [
        "",
        "a\nb",
        "a\0b",
        "\u{7f}",
        "\u{85}",
        "egress-1",
        "EG_1",
        &"é".repeat(129),
        &"x".repeat(257),
    ] {
        let body = Some(json!({ "display_name": "Ada", "identity": refused }));
        let answer = stack.api().send(Method::POST, "/v1/rooms/standup/join", body).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
    }
    stack.finish().await;
}

async fn check(store: Store) {
    let stack = Stack::builder().store(store).start().await;
    stack.api().create_room("standup").await;
    // Keeps the meeting open.
    let host = stack.join("standup", "Host").await;
    let identities = accepted();
    let mut tracks = Vec::new();
    for group in identities.chunks(GROUP) {
        tracks.extend(record(&stack, group).await);
    }
    host.leave().await;

    let mut keys = HashSet::new();
    for (identity, track) in identities.iter().zip(&tracks) {
        let recording = stack.accepted_recording("standup", track).await;
        let key = recording.object_key.clone().expect("an accepted recording has a key");
        let folder = key.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let object = stack.store.read(&key).await;
        assert_eq!(recording.identity, *identity);
        let manifest = stack.manifest(&recording).await;
        assert_eq!(manifest.publisher_identity.as_str(), identity);
        assert!(stack.api().audio(&recording.id).await == object, "{identity:?}");
        assert!(keys.insert(folder), "{identity:?} shares {key}");
    }
    stack.transcribed("standup", "empty").await;
    stack.finish().await;
}

/// Records everyone in a group for a moment, and returns their tracks.
async fn record(stack: &Stack, identities: &[String]) -> Vec<String> {
    let people = join_all(identities.iter().map(async |identity| {
        let person = stack.join_as("standup", identity).await;
        (person.microphone().await, person)
    }))
    .await;
    let tracks: Vec<String> = people
        .iter()
        .map(|(microphone, _)| microphone.sid().to_owned())
        .collect();
    for track in &tracks {
        stack.active_recording("standup", track).await;
    }
    let sound = tone(440.0, 9_600);
    join_all(people.iter().map(|(microphone, _)| microphone.play(&sound))).await;
    join_all(people.into_iter().map(|(_, person)| person.leave())).await;
    tracks
}
