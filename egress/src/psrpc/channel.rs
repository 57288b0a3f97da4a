//! Names of the channels on Redis.

/// Where a service's requests for one method and topic arrive.
pub fn request(service: &str, method: &str, topic: &str) -> String {
    join(&[service, method, topic, "REQ"])
}

/// Where a caller says which server it has chosen.
pub fn grant(service: &str, method: &str, topic: &str) -> String {
    join(&[service, method, topic, "RCLAIM"])
}

/// Where servers offer themselves to one client.
pub fn claim(service: &str, client_id: &str) -> String {
    join(&[service, client_id, "CLAIM"])
}

/// Where answers to one client arrive.
pub fn response(service: &str, client_id: &str) -> String {
    join(&[service, client_id, "RES"])
}

/// An empty topic disappears together with its separator.
fn join(parts: &[&str]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| sanitise(part))
        .collect();
    parts.join("|")
}

/// Escapes what is no letter, digit or `_`: `u+` and 4 hex digits, beyond the basic plane `U+` and 8.
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
        assert_eq!(claim("EgressInternal", "CLI_x"), "EgressInternal|CLI_x|CLAIM");
        assert_eq!(response("IOInfo", "CLI_x"), "IOInfo|CLI_x|RES");
    }

    #[test]
    fn whatever_a_topic_holds_cannot_name_another_channel() {
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
