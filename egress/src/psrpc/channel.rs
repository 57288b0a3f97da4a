//! The names of psrpc's channels on Redis.

/// The channel of the requests for one method and topic of a service.
pub fn request(service: &str, method: &str, topic: &str) -> String {
    join(&[service, method, topic, "REQ"])
}

/// The channel on which a caller names the server that it has chosen.
pub fn grant(service: &str, method: &str, topic: &str) -> String {
    join(&[service, method, topic, "RCLAIM"])
}

/// The channel of the servers' offers to one client.
pub fn offer(service: &str, client_id: &str) -> String {
    join(&[service, client_id, "CLAIM"])
}

/// The channel of the responses to one client.
pub fn response(service: &str, client_id: &str) -> String {
    join(&[service, client_id, "RES"])
}

/// Joins the parts with `|`. An empty topic is left out together with its separator.
fn join(parts: &[&str]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| sanitise(part))
        .collect();
    parts.join("|")
}

/// Escapes every character except letters, digits and `_`: as `u+` and 4 hex digits, or as `U+` and 8 beyond the Basic
/// Multilingual Plane.
fn sanitise(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for c in part.chars() {
        match u32::from(c) {
            _ if c.is_ascii_alphanumeric() || c == '_' => out.push(c),
            code if code < 0x1_0000 => out.push_str(&format!("u+{code:04x}")),
            code => out.push_str(&format!("U+{code:08x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_as_livekit_names_them() {
        assert_eq!(
            request("EgressInternal", "StartEgress", ""),
            "EgressInternal|StartEgress|REQ"
        );
        assert_eq!(
            grant("EgressHandler", "StopEgress", "EG_ab"),
            "EgressHandler|StopEgress|EG_ab|RCLAIM"
        );
        assert_eq!(offer("EgressInternal", "CLI_x"), "EgressInternal|CLI_x|CLAIM");
        assert_eq!(response("IOInfo", "CLI_x"), "IOInfo|CLI_x|RES");
    }

    #[test]
    fn no_topic_can_name_another_channel() {
        let cases = [
            ("us-east", "usu+002deast"),
            ("软件", "u+8f6fu+4ef6"),
            ("a|b", "au+007cb"),
            ("😀", "U+0001f600"),
            ("a\n", "au+000a"),
        ];

        for (topic, escaped) in cases {
            assert_eq!(sanitise(topic), escaped, "{topic}");
        }
    }
}
