//! What we read from the server's SDP ourselves, and the one thing that we change in it before str0m sees it.
//!
//! str0m remembers the first track of a section only; LiveKit reuses sections for later tracks with a new SSRC. So
//! which SSRC belongs to which track is read here, from the text.

use crate::ids::Ssrc;

/// An offer claims no more SSRCs than this for one section; LiveKit gives one to an audio track.
const MAX_SSRCS: usize = 16;

/// What an offer says, as far as it matters here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer<'a> {
    pub sections: Vec<Section<'a>>,
    /// Changes with each restart of ICE.
    pub ice_ufrag: &'a str,
    /// Of the server's certificate. Must stay the same as long as the connection lives.
    pub fingerprint: &'a str,
    /// Candidate lines, without `a=`.
    pub candidates: Vec<&'a str>,
}

/// One `m=` section.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// `audio`, `video` or `application`.
    pub kind: &'a str,
    pub mid: &'a str,
    /// Whether the server sends media here now.
    pub sending: bool,
    pub ssrcs: Vec<Ssrc>,
    /// The second word of `a=msid`; empty where nothing is sent.
    pub track_sid: &'a str,
}

/// Reads an offer line by line. Lines that make no sense are passed over: str0m judges the text as a whole.
pub(crate) fn scan(sdp: &str) -> Offer<'_> {
    let mut offer = Offer::default();
    for line in sdp.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            let kind = media.split(' ').next().unwrap_or_default();
            offer.sections.push(Section {
                kind,
                ..Default::default()
            });
            continue;
        }
        let Some(attribute) = line.strip_prefix("a=") else {
            continue;
        };
        scan_connection(&mut offer, attribute);
        if let Some(section) = offer.sections.last_mut() {
            scan_section(section, attribute);
        }
    }
    offer
}

/// Turns `sendrecv` into `sendonly` and `recvonly` into `inactive` in media sections: the server never wants media from
/// a subscriber, and with this the answer says so instead of announcing streams of our own.
pub(crate) fn rewrite_directions(sdp: &str) -> String {
    let mut out = String::with_capacity(sdp.len() + 64);
    let mut in_media = false;
    for line in sdp.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            in_media = media.starts_with("audio ") || media.starts_with("video ");
        }
        out.push_str(match line {
            "a=sendrecv" if in_media => "a=sendonly",
            "a=recvonly" if in_media => "a=inactive",
            other => other,
        });
        out.push_str("\r\n");
    }
    out
}

/// Takes RED out of the audio sections for which `keeps_red` says no to their mid. LiveKit takes a track for RED as soon
/// as its section names RED, whatever was announced and whatever is sent.
pub(crate) fn strip_red(sdp: &str, keeps_red: impl Fn(&str) -> bool) -> String {
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        sections.last_mut().expect("there is a first one").push(line);
    }
    let mut out = String::with_capacity(sdp.len());
    for section in sections {
        let mid = section
            .iter()
            .find_map(|line| line.strip_prefix("a=mid:"))
            .unwrap_or_default();
        let red = section
            .iter()
            .find_map(|line| red_payload_type(line))
            .filter(|_| !keeps_red(mid));
        for line in section {
            push_without(&mut out, line, red);
        }
    }
    out
}

/// Of a line like `a=rtpmap:63 red/48000/2`.
fn red_payload_type(line: &str) -> Option<&str> {
    let (payload_type, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    codec.starts_with("red/").then_some(payload_type)
}

/// Adds the line as it is, without the payload type, or not at all.
fn push_without(out: &mut String, line: &str, payload_type: Option<&str>) {
    let Some(payload_type) = payload_type else {
        out.push_str(line);
        return out.push_str("\r\n");
    };
    if line.starts_with("m=") {
        let kept: Vec<_> = line
            .split(' ')
            .enumerate()
            .filter(|(at, word)| *at < 3 || *word != payload_type)
            .map(|(_, word)| word)
            .collect();
        out.push_str(&kept.join(" "));
        return out.push_str("\r\n");
    }
    let about = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"]
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix));
    if about.and_then(|rest| rest.split(' ').next()) != Some(payload_type) {
        out.push_str(line);
        out.push_str("\r\n");
    }
}

fn scan_connection<'a>(offer: &mut Offer<'a>, attribute: &'a str) {
    if let Some(ufrag) = attribute.strip_prefix("ice-ufrag:") {
        offer.ice_ufrag = ufrag;
    } else if let Some(fingerprint) = attribute.strip_prefix("fingerprint:") {
        // Repeated in every section; the first one stands for all.
        if offer.fingerprint.is_empty() {
            offer.fingerprint = fingerprint;
        }
    } else if attribute.starts_with("candidate:") {
        offer.candidates.push(attribute);
    }
}

fn scan_section<'a>(section: &mut Section<'a>, attribute: &'a str) {
    match attribute.split_once(':') {
        None => match attribute {
            "sendrecv" | "sendonly" => section.sending = true,
            "recvonly" | "inactive" => section.sending = false,
            _ => {}
        },
        Some(("mid", mid)) => section.mid = mid,
        Some(("msid", msid)) => section.track_sid = msid.split(' ').nth(1).unwrap_or_default(),
        Some(("ssrc", ssrc)) => scan_ssrc(section, ssrc),
        Some(_) => {}
    }
}

fn scan_ssrc(section: &mut Section<'_>, ssrc: &str) {
    let Some(Ok(ssrc)) = ssrc.split(' ').next().map(str::parse) else {
        return;
    };
    let ssrc = Ssrc(ssrc);
    if section.ssrcs.len() < MAX_SSRCS && !section.ssrcs.contains(&ssrc) {
        section.ssrcs.push(ssrc);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\na=fingerprint:sha-256 AA:BB\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 CC:DD\r\n\
        a=ssrc:1116200470 cname:PA_p|TR_a\r\na=ssrc:1116200470 msid:PA_p|TR_a TR_a\r\na=msid:PA_p|TR_a TR_a\r\n\
        a=candidate:1 1 udp 2130706431 10.0.0.5 45580 typ host\r\na=sendrecv\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\na=sendrecv\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:2\r\na=recvonly\r\n";

    #[test]
    fn an_offer_tells_which_ssrc_carries_which_track() {
        let offer = scan(OFFER);

        let audio = &offer.sections[0];
        assert_eq!((audio.kind, audio.mid, audio.track_sid), ("audio", "1", "TR_a"));
        assert_eq!(audio.ssrcs, [Ssrc(1116200470)]);
        assert!(audio.sending);
        assert_eq!(offer.ice_ufrag, "abcd");
        assert_eq!(offer.fingerprint, "sha-256 AA:BB");
        assert_eq!(
            offer.candidates,
            ["candidate:1 1 udp 2130706431 10.0.0.5 45580 typ host"]
        );
    }

    #[test]
    fn a_detached_section_sends_nothing() {
        let offer = scan(OFFER);

        let detached = &offer.sections[2];

        assert!(!detached.sending);
        assert_eq!(detached.track_sid, "");
        assert!(detached.ssrcs.is_empty());
    }

    #[test]
    fn directions_are_rewritten_in_media_sections_only() {
        let rewritten = rewrite_directions(OFFER);

        let directions: Vec<_> = rewritten
            .lines()
            .filter(|l| l.ends_with("only") || *l == "a=inactive" || *l == "a=sendrecv")
            .collect();
        assert_eq!(directions, ["a=sendonly", "a=sendrecv", "a=inactive"]);
    }

    #[test]
    fn red_is_taken_out_of_the_sections_that_do_not_keep_it() {
        let section = |mid: u32| {
            format!(
                "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=mid:{mid}\r\na=rtpmap:111 opus/48000/2\r\n\
                 a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
            )
        };
        let sdp = format!("v=0\r\n{}{}", section(1), section(2));

        let stripped = strip_red(&sdp, |mid| mid == "2");

        let plain = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=rtpmap:111 opus/48000/2\r\n";
        assert_eq!(stripped, format!("v=0\r\n{plain}{}", section(2)));
    }

    #[test]
    fn lines_that_make_no_sense_are_passed_over() {
        let offer = scan("a=mid:7\nm=\na=ssrc:\na=ssrc:99999999999 x\na=msid:\na=msid:only\na=candidate:\nm=audio\r\n");

        assert_eq!(offer.sections.len(), 2);
        assert_eq!(offer.sections[0], Section::default());
        assert_eq!(offer.sections[1].kind, "audio");
    }

    #[test]
    fn a_section_with_endless_ssrcs_is_cut_off() {
        let mut sdp = String::from("m=audio 9 x 111\r\n");
        for ssrc in 0..10_000 {
            sdp.push_str(&format!("a=ssrc:{ssrc} cname:x\r\n"));
        }

        let offer = scan(&sdp);

        assert_eq!(offer.sections[0].ssrcs.len(), MAX_SSRCS);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_scanner_panic(text in "\\PC*", lines in prop::collection::vec("[am]=[a-z:0-9 ]{0,20}", 0..30)) {
            scan(&text);
            let sdp = lines.join("\r\n");
            let sections = scan(&sdp).sections.len();

            strip_red(&sdp, |_| false);
            let rewritten = rewrite_directions(&sdp);

            prop_assert_eq!(scan(&rewritten).sections.len(), sections);
        }
    }
}
