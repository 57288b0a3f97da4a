//! The transcript of a meeting of two people.

use domain::transcript::accuracy::{words, words_hit};
use e2e::{api::Transcript, stack::Stack};
use test_support::audio::Voice;

const ADA_SAYS: [&str; 2] = [
    "the first thing on the agenda is the budget for next year",
    "we will start the test on monday and finish on wednesday",
];
const BOB_SAYS: [&str; 2] = [
    "the team in london will be on holiday next week",
    "all right then i will see you all tomorrow",
];

/// Of each speaker's words; PocketSphinx recognizes these sentences in both voices.
const REQUIRED_SHARE: f64 = 0.9;

#[tokio::test]
async fn each_word_is_attributed_to_its_speaker() {
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
    let share = |identity: &str, spoken: [&str; 2]| recognized_share(&transcript, identity, &spoken.join(" "));
    assert!(share(&identity_of_ada, ADA_SAYS) >= REQUIRED_SHARE, "{transcript:#?}");
    assert!(share(&identity_of_bob, BOB_SAYS) >= REQUIRED_SHARE, "{transcript:#?}");
    assert!(share(&identity_of_ada, BOB_SAYS) < 0.5, "{transcript:#?}");
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

/// The share of `spoken` that the transcript attributes to `identity`.
fn recognized_share(transcript: &Transcript, identity: &str, spoken: &str) -> f64 {
    let own = transcript.segments.iter().filter(|segment| segment.speaker == identity);
    let recognized: Vec<String> = own.flat_map(|segment| words(&segment.text)).collect();
    let spoken = words(spoken);
    words_hit(&spoken, &recognized) as f64 / spoken.len() as f64
}
