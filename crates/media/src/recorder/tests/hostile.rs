use proptest::prelude::*;

use super::*;

/// Anything that may happen to a recorder.
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
        publisher_ns: i64,
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
        1 => (any::<u32>(), any::<i64>()).prop_map(|(timestamp, publisher_ns)| Event::Report { timestamp, publisher_ns }),
        1 => any::<bool>().prop_map(Event::Mute),
        1 => Just(Event::Reconnect),
        2 => Just(Event::Timeout),
    ]
}

impl Studio {
    fn suffer(&mut self, event: Event) {
        match event {
            Event::Packet {
                ssrc,
                seq_no,
                timestamp,
                payload,
            } => {
                (self.ssrc, self.seq_no, self.timestamp) = (ssrc, seq_no, timestamp);
                self.arrive(seq_no, timestamp, payload.into());
            }
            Event::Next {
                seq_step,
                timestamp_step,
                payload,
            } => {
                self.seq_no = self.seq_no.wrapping_add(seq_step);
                self.timestamp = self.timestamp.wrapping_add(timestamp_step);
                self.arrive(self.seq_no, self.timestamp, payload.into());
            }
            Event::Report {
                timestamp,
                publisher_ns,
            } => self.report(self.ssrc, timestamp, publisher_ns),
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
    fn whatever_comes_makes_a_readable_file_no_longer_than_time_allows(
        events in prop::collection::vec((event(), prop_oneof![4 => 0u64..40, 1 => 0u64..2000, 1 => 0u64..50_000]), 0..100)
    ) {
        let mut studio = Studio::open();
        let mut passed_ms = 0;

        for (event, ms) in events {
            studio.suffer(event);
            studio.pass(ms);
            passed_ms += ms;
        }
        let recording = studio.finish();

        // 30 s and 0.1 % ahead of the arrivals, and what packets of up to 120 ms play
        let most = (passed_ms + passed_ms / 1000 + 30_000 + 100 * 120) * 48;
        prop_assert!(recording.summary.samples <= most);
        let silence_samples: u64 = recording.summary.gaps.iter().map(|gap| gap.samples).sum();
        prop_assert!(silence_samples <= recording.summary.samples);
    }

    #[test]
    fn arrivals_in_any_order_of_time_do_no_harm(
        events in prop::collection::vec((event(), 0u64..300_000), 0..60)
    ) {
        let mut studio = Studio::open();

        for (event, at_ms) in events {
            studio.now_ms = at_ms;
            studio.suffer(event);
            studio.drain();
        }

        let recording = studio.finish();
        prop_assert!(recording.ms() <= 300_000 + 300 + 30_000 + 60 * 120);
    }
}
