//! The key of the store is replaced, and the programs find credentials as the AWS SDK does.

use std::{fs, time::Duration};

use e2e::{
    api::Recording,
    stack::{Stack, StackBuilder},
};
use test_support::{CredentialsEndpoint, KeysIn, Microphone, Participant, Store, audio::Chirp, wait_until};

/// Retries of uploads and jobs wait up to a minute for a store that denies them.
const TIMEOUT: Duration = Duration::from_secs(100);

#[tokio::test]
async fn a_key_that_is_revoked_while_recordings_end_is_replaced_in_the_files() {
    let mut stack = stack(Store::with_own_server(KeysIn::Files).await).start().await;
    let (ada, microphone) = speaker(&stack).await;
    let track = microphone.sid().to_owned();

    stack.store.replace_key().await;
    ada.leave().await;
    wait_until("the old key is denied", TIMEOUT, async || {
        stack.egress_log().contains("cannot store a recording").then_some(())
    })
    .await;
    stack.store.write_keys();
    stack.write_egress_config();

    assert_is_accepted(&stack, &track).await;
    stack.finish().await;
}

#[tokio::test]
async fn credentials_are_found_in_the_environment() {
    let store = Store::with_own_server(KeysIn::DefaultChain).await;
    let (access_key, secret) = store.key();
    let stack = stack(store)
        .everywhere("AWS_ACCESS_KEY_ID", access_key)
        .everywhere("AWS_SECRET_ACCESS_KEY", secret)
        .start()
        .await;

    let track = record(&stack).await;

    assert_is_accepted(&stack, &track).await;
    stack.finish().await;
}

#[tokio::test]
async fn credentials_in_a_profile_file_may_be_replaced() {
    let store = Store::with_own_server(KeysIn::DefaultChain).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let write = |(access_key, secret): (String, String)| {
        let lines = format!("[recorder]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret}\n");
        fs::write(&file, lines).unwrap();
    };
    write(store.key());
    let mut stack = stack(store)
        .everywhere("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap())
        .everywhere("AWS_PROFILE", "recorder")
        .start()
        .await;

    let first = record(&stack).await;
    assert_is_accepted(&stack, &first).await;
    stack.store.replace_key().await;
    write(stack.store.key());
    let second = record(&stack).await;

    assert_is_accepted(&stack, &second).await;
    stack.finish().await;
}

#[tokio::test]
async fn credentials_of_a_container_expire_and_are_asked_for_again() {
    let store = Store::with_own_server(KeysIn::DefaultChain).await;
    let role = CredentialsEndpoint::start(store.key()).await;
    let mut stack = stack(store)
        .everywhere("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.url())
        .start()
        .await;

    let first = record(&stack).await;
    assert_is_accepted(&stack, &first).await;
    stack.store.replace_key().await;
    role.set(stack.store.key());
    let asked = role.times();
    let second = record(&stack).await;

    assert_is_accepted(&stack, &second).await;
    assert!(role.times() > asked, "nobody asked for other credentials");
    stack.finish().await;
}

fn stack(store: Store) -> StackBuilder {
    Stack::builder().store(store)
}

/// Lets Ada speak until her recording is active.
async fn speaker(stack: &Stack) -> (Participant, Microphone) {
    if stack.api().meetings("standup").await.is_empty() {
        stack.api().create_room("standup").await;
    }
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    stack.active_recording("standup", microphone.sid()).await;
    microphone.play(&Chirp::default().at(&[0, 24_000], 48_000)).await;
    (ada, microphone)
}

/// Records a track to its end, and returns its sid.
async fn record(stack: &Stack) -> String {
    let (ada, microphone) = speaker(stack).await;
    let track = microphone.sid().to_owned();
    ada.leave().await;
    track
}

/// Waits until egress and worker have stored and verified the recording, and downloads it from the server.
async fn assert_is_accepted(stack: &Stack, track: &str) {
    let is_accepted = |recording: &Recording| recording.state == "complete" && recording.offset_ms.is_some();
    let recording = stack
        .recording("standup", track, "it is accepted", TIMEOUT, is_accepted)
        .await;
    let key = recording.object_key.as_ref().expect("an accepted recording has a key");
    let object = stack.store.read(key).await;
    wait_until("the server can read it", TIMEOUT, async || {
        let path = format!("/v1/recordings/{}/audio", recording.id);
        let answer = stack.api().send(reqwest::Method::GET, &path, None).await;
        let audio = answer.bytes().await.expect("the body is complete");
        (audio == object).then_some(())
    })
    .await;
    let chirps = Chirp::default().find(&stack.decode(&recording).await.samples);
    assert_eq!(
        chirps.len(),
        2,
        "at {chirps:?} of {:?}",
        stack.manifest(&recording).await
    );
}
