//! A recorder dies at any moment, its files are cut anywhere, and its journal says anything.

use domain::SampleTime;
use proptest::prelude::*;

use super::life::*;
use crate::recorder::JournalEntry;

/// Speech, pauses and losses.
fn speak_unevenly(life: &mut Life, steps: &[(u8, u32)]) {
    for &(kind, length) in steps {
        match kind {
            0 => life.silence(u64::from(length) * 100),
            1 => life.lose(length),
            _ => life.speak(length * 5),
        }
        life.speak(2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_recorder_killed_anywhere_is_continued(
        before in prop::collection::vec((0u8..5, 1u32..30), 1..12),
        between in prop::collection::vec((0u8..5, 1u32..30), 0..6),
        after in prop::collection::vec((0u8..5, 1u32..30), 1..6),
        cuts in prop::array::uniform2((0usize..6000, 0usize..700, 0u64..5000, any::<bool>())),
    ) {
        let mut life = Life::new();
        speak_unevenly(&mut life, &before);
        for (cut, steps) in cuts.into_iter().zip([between, after]) {
            let (lost_bytes, lost_text, down_ms, is_told) = cut;
            life = life.restart(lost_bytes, lost_text, down_ms / 20 * 20);
            if is_told {
                life.step(|scenario| scenario.joined());
            }
            life.scenario.number += (down_ms / 20) as u32;
            speak_unevenly(&mut life, &steps);
            life.speak(10);
        }
        let sent = life.scenario.sent.clone();
        let recording = life.finish();

        let speech = checked(&recording);
        let sent_ms = |number: u32| sent.iter().find(|(sent, _)| *sent == number).map(|(_, ms)| *ms);
        let first_ms = sent_ms(speech[0].0).unwrap();
        for (number, at_ms) in speech {
            prop_assert_eq!(first_ms + at_ms, sent_ms(number).unwrap(), "packet {}", number);
        }
    }
}

proptest! {
    // each may fill 24 h
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_journal_is_tolerated(
        lines in prop::collection::vec(any_entry(), 0..8),
        speech in 1u32..100,
    ) {
        let mut life = Life::new();
        life.speak(100);
        let (file, _) = life.pages_and_lines();
        life.scenario.restart(file, lines, 1000);
        life.pages = 0;
        life.speak(speech);

        let samples = life.scenario.recorder.samples();

        prop_assert!(samples <= SampleTime(2 * 86_400 * SECOND));
    }
}

fn any_entry() -> impl Strategy<Value = JournalEntry> {
    let number = prop_oneof![
        Just("0"),
        Just("-9223372036854775808"),
        Just("9223372036854775807"),
        Just("96000")
    ];
    prop::collection::vec(number, 16).prop_map(|n| {
        let text = format!(
            r#"{{"listened_until_ns":{},"samples":{},"last":{{"rtp_timestamp":7,"arrival_ns":{},"sample":{}}},
            "first":{{"rtp_timestamp":7,"arrival_ns":{},"sample":{}}},"points":[{{"sample":{},"arrival":{}}}],
            "gaps":{{"from":3,"items":[{{"start_sample":{},"samples":{},"cause":"loss","lost_packets":1}}]}},
            "mutes":{{"from":0,"items":[{{"start_sample":{},"end_sample":{}}}]}},
            "anchors":{{"from":9,"items":[{{"sample":{},"publisher_ns":{},"arrival_ns":{}}}]}},
            "holes":[{{"start_sample":{},"cause":"silence"}}]}}"#,
            n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12], n[13], n[14], n[15]
        );
        serde_json::from_str(&text).unwrap()
    })
}
