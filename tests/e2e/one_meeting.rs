//! Two voices meet; what they said is in the transcript, under their names and in their order.

use e2e::{
    api::Transcript,
    audio::{Voice, words, words_hit},
    stack::Stack,
};

const ADA_SAYS: [&str; 2] = [
    "the first thing on the agenda is the budget for next year",
    "we will start the test on monday and finish on wednesday",
];
const BOB_SAYS: [&str; 2] = [
    "the team in london will be on holiday next week",
    "all right then i will see you all tomorrow",
];

/// Of each speaker's words; PocketSphinx gets these sentences right in both voices.
const SHARE_HIT: f64 = 0.9;

#[tokio::test]
async fn each_word_is_under_the_name_of_who_said_it() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let (ada, bob) = (stack.join("standup", "Ada").await, stack.join("standup", "Bob").await);
    let (identity_of_ada, identity_of_bob) = (ada.identity.clone(), bob.identity.clone());
    let (ada_speaks, bob_speaks) = (ada.microphone().await, bob.microphone().await);
    for microphone in [&ada_speaks, &bob_speaks] {
        stack.active_recording("standup", microphone.sid()).await;
    }

    for (first, second) in ADA_SAYS.iter().zip(BOB_SAYS) {
        ada_speaks.play(&Voice::Rms.say(first)).await;
        bob_speaks.play(&Voice::Awb.say(second)).await;
    }
    ada.leave().await;
    bob.leave().await;

    let meeting = stack.transcribed("standup", "ready").await;
    let transcript = stack.api().transcript(&meeting.id).await;
    let hit = |identity: &str, said: [&str; 2]| share_hit(&transcript, identity, &said.join(" "));
    assert!(hit(&identity_of_ada, ADA_SAYS) >= SHARE_HIT, "{transcript:#?}");
    assert!(hit(&identity_of_bob, BOB_SAYS) >= SHARE_HIT, "{transcript:#?}");
    assert!(hit(&identity_of_ada, BOB_SAYS) < 0.5, "{transcript:#?}");
    assert!(transcript.segments.is_sorted_by_key(|segment| segment.start_ms));
    let order: Vec<_> = transcript
        .segments
        .iter()
        .map(|segment| segment.speaker == identity_of_ada)
        .collect();
    assert_eq!(order, [true, false, true, false], "{transcript:#?}");
    let names: Vec<_> = transcript
        .speakers
        .iter()
        .map(|speaker| speaker.display_name.as_str())
        .collect();
    assert_eq!(names, ["Ada", "Bob"]);
    assert!(transcript.missing.is_empty());
    stack.finish().await;
}

fn share_hit(transcript: &Transcript, identity: &str, said: &str) -> f64 {
    let own = transcript.segments.iter().filter(|segment| segment.speaker == identity);
    let heard: Vec<String> = own.flat_map(|segment| words(&segment.text)).collect();
    let said = words(said);
    words_hit(&said, &heard) as f64 / said.len() as f64
}
