use domain::SampleTime;
use proptest::prelude::*;

use super::support::*;
use crate::recorder::MuteState;

/// Any input to a recorder.
#[derive(Clone, Debug)]
enum Event {
    Packet {
        ssrc: u32,
        seq_no: u64,
        timestamp: u32,
        payload: Vec<u8>,
    },
    Next {
        seq_step: u64,
        timestamp_step: u32,
        payload: Vec<u8>,
    },
    Report {
        timestamp: u32,
        publisher_time: i64,
    },
    Mute(bool),
    Reconnect,
    Timeout,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..40),
        3 => Just(speech(1).to_vec()),
        1 => Just(injected().to_vec()),
        1 => Just(vec![0xfb, 63]),
        1 => prop::collection::vec(any::<u8>(), 1000..1600),
    ]
}

fn seq_no() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), 0u64..50, Just(u64::MAX), (0u64..5).prop_map(|n| n * 2999)]
}

fn event() -> impl Strategy<Value = Event> {
    let step = prop_oneof![
        Just(960u32),
        any::<u32>(),
        0u32..2_000_000,
        Just(29 * 48_000),
        Just(960u32.wrapping_neg())
    ];
    prop_oneof![
        3 => (0u32..3, seq_no(), any::<u32>(), payload())
            .prop_map(|(ssrc, seq_no, timestamp, payload)| Event::Packet { ssrc, seq_no, timestamp, payload }),
        8 => (0u64..4, step, payload())
            .prop_map(|(seq_step, timestamp_step, payload)| Event::Next { seq_step, timestamp_step, payload }),
        1 => (any::<u32>(), any::<i64>()).prop_map(|(timestamp, publisher_time)| Event::Report { timestamp, publisher_time }),
        1 => any::<bool>().prop_map(Event::Mute),
        1 => Just(Event::Reconnect),
        2 => Just(Event::Timeout),
    ]
}

impl Scenario {
    fn apply(&mut self, event: Event) {
        match event {
            Event::Packet {
                ssrc,
                seq_no,
                timestamp,
                payload,
            } => {
                (self.ssrc, self.seq_no, self.timestamp) = (ssrc, seq_no, timestamp);
                self.receive(seq_no, timestamp, payload.into());
            }
            Event::Next {
                seq_step,
                timestamp_step,
                payload,
            } => {
                self.seq_no = self.seq_no.wrapping_add(seq_step);
                self.timestamp = self.timestamp.wrapping_add(timestamp_step);
                self.receive(self.seq_no, self.timestamp, payload.into());
            }
            Event::Report {
                timestamp,
                publisher_time,
            } => self.report(self.ssrc, timestamp, publisher_time),
            Event::Mute(true) => self.mute(MuteState::Muted),
            Event::Mute(false) => self.mute(MuteState::Unmuted),
            Event::Reconnect => self.reconnect(self.ssrc, self.seq_no),
            Event::Timeout => self.recorder.handle_timeout(self.now()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_input_gives_a_readable_file_no_longer_than_the_time_that_passed(
        events in prop::collection::vec((event(), prop_oneof![4 => 0u64..40, 1 => 0u64..2000, 1 => 0u64..50_000]), 0..100)
    ) {
        let mut scenario = Scenario::new();
        let mut passed_ms = 0;

        for (event, ms) in events {
            scenario.apply(event);
            scenario.pass(ms);
            passed_ms += ms;
        }
        let recording = scenario.finish();

        // at most 30 s and 0.1 % ahead of the arrivals, plus packets of up to 120 ms
        let most = SampleTime::from_millis(passed_ms + passed_ms / 1000 + 30_000 + 100 * 120);
        prop_assert!(recording.summary.samples <= most);
        let silence: SampleTime = recording.summary.gaps.iter().map(|gap| gap.samples).sum();
        prop_assert!(silence <= recording.summary.samples);
    }

    #[test]
    fn arrival_times_in_any_order_are_tolerated(
        events in prop::collection::vec((event(), 0u64..300_000), 0..60)
    ) {
        let mut scenario = Scenario::new();

        for (event, at_ms) in events {
            scenario.now_ms = at_ms;
            scenario.apply(event);
            scenario.drain();
        }

        let recording = scenario.finish();
        prop_assert!(recording.ms() <= 300_000 + 300 + 30_000 + 60 * 120);
    }
}
