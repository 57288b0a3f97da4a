//! What we read from and change in SDP ourselves, besides str0m.
//!
//! str0m only remembers the first track of a section, but LiveKit reuses sections for later tracks with new SSRCs. So the
//! mapping from SSRCs to tracks is read from the text here.

use crate::ids::Ssrc;

/// The most SSRCs read for one section; LiveKit assigns one to an audio track.
const MAX_SSRCS: usize = 16;

/// The parts of an offer that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer<'a> {
    pub sections: Vec<Section<'a>>,
    /// Changes with each ICE restart.
    pub ice_ufrag: &'a str,
    /// Of the server's certificate. It must stay the same for the life of the connection.
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
    /// Whether the server sends media in this section.
    pub sending: bool,
    pub ssrcs: Vec<Ssrc>,
    /// The second word of `a=msid`; empty if nothing is sent.
    pub track_sid: &'a str,
}

/// Reads an offer line by line. Ignores invalid lines, because str0m validates the whole text.
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

/// Replaces `sendrecv` by `sendonly` and `recvonly` by `inactive` in media sections. The server never wants media from a
/// subscriber; without this the answer would announce streams that we do not send.
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

/// Removes RED from the sections for whose mid `keeps_red` returns false. LiveKit treats a track as RED as soon as its
/// section names RED, whatever was announced and whatever is sent.
pub(crate) fn strip_red(sdp: &str, keeps_red: impl Fn(&str) -> bool) -> String {
    let mut sections: Vec<Vec<&str>> = vec![Vec::new()];
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        sections.last_mut().expect("there is at least one section").push(line);
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

/// Returns the payload type of a line like `a=rtpmap:63 red/48000/2`.
fn red_payload_type(line: &str) -> Option<&str> {
    let (payload_type, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
    codec.starts_with("red/").then_some(payload_type)
}

/// Appends a line without the payload type; omits it if it is about the payload type.
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
        // Repeated in every section with the same value.
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
    fn an_offer_maps_ssrcs_to_tracks() {
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
    fn an_inactive_section_sends_nothing() {
        let offer = scan(OFFER);

        let detached = &offer.sections[2];

        assert!(!detached.sending);
        assert_eq!(detached.track_sid, "");
        assert!(detached.ssrcs.is_empty());
    }

    #[test]
    fn directions_are_rewritten_only_in_media_sections() {
        let rewritten = rewrite_directions(OFFER);

        let directions: Vec<_> = rewritten
            .lines()
            .filter(|l| l.ends_with("only") || *l == "a=inactive" || *l == "a=sendrecv")
            .collect();
        assert_eq!(directions, ["a=sendonly", "a=sendrecv", "a=inactive"]);
    }

    #[test]
    fn red_is_removed_from_sections_that_do_not_keep_it() {
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
    fn invalid_lines_are_ignored() {
        let offer = scan("a=mid:7\nm=\na=ssrc:\na=ssrc:99999999999 x\na=msid:\na=msid:only\na=candidate:\nm=audio\r\n");

        assert_eq!(offer.sections.len(), 2);
        assert_eq!(offer.sections[0], Section::default());
        assert_eq!(offer.sections[1].kind, "audio");
    }

    #[test]
    fn the_number_of_ssrcs_in_a_section_is_limited() {
        let mut sdp = String::from("m=audio 9 x 111\r\n");
        for ssrc in 0..10_000 {
            sdp.push_str(&format!("a=ssrc:{ssrc} cname:x\r\n"));
        }

        let offer = scan(&sdp);

        assert_eq!(offer.sections[0].ssrcs.len(), MAX_SSRCS);
    }

    proptest! {
        #[test]
        fn no_text_makes_scanning_panic(text in "\\PC*", lines in prop::collection::vec("[am]=[a-z:0-9 ]{0,20}", 0..30)) {
            scan(&text);
            let sdp = lines.join("\r\n");
            let sections = scan(&sdp).sections.len();

            strip_red(&sdp, |_| false);
            let rewritten = rewrite_directions(&sdp);

            prop_assert_eq!(scan(&rewritten).sections.len(), sections);
        }
    }
}
