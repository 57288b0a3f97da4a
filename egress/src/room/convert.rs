//! Converts the types of `rtc`, which knows no other crate of ours, to those of `domain` and `media`.

use std::time::UNIX_EPOCH;

use domain::{PlatformRoomKey, UnixNanos};
use media::{
    RtpPacket, SenderReport,
    rtp::{SeqNo, Ssrc},
};

pub fn room_sid(sid: &rtc::RoomSid) -> PlatformRoomKey {
    PlatformRoomKey::from(sid.as_str())
}

/// Converts an RTP packet to that of the recorder.
pub fn packet(packet: &rtc::RtpPacket) -> RtpPacket {
    RtpPacket {
        ssrc: Ssrc(packet.ssrc.0),
        seq_no: SeqNo(packet.seq_no.0),
        timestamp: packet.timestamp,
        arrival: packet.arrival,
        payload: packet.payload.clone(),
    }
}

/// Converts a sender report to that of the recorder.
pub fn sender_report(report: &rtc::SenderReport) -> SenderReport {
    let since_1970 = report.publisher_time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SenderReport {
        ssrc: Ssrc(report.ssrc.0),
        rtp_timestamp: report.rtp_timestamp,
        publisher_time: UnixNanos(i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)),
        arrival: report.arrival,
    }
}
