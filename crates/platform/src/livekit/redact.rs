//! Redacts secrets in webhook bodies before they are stored.

use serde_json::Value;

/// Replaces a secret.
const REMOVED: &str = "[removed]";

/// Names of fields with secrets, in lower case without underscores: credentials of stores (a failed automatic egress
/// contains them in clear text), streams and proxies, and the room's TURN password.
const SECRET_FIELDS: &[&str] = &[
    "accesskey",
    "accesskeyid",
    "secret",
    "secretkey",
    "secretaccesskey",
    "sessiontoken",
    "assumerolearn",
    "assumeroleexternalid",
    "accountkey",
    "accountname",
    "credentials",
    "password",
    "username",
    "turnpassword",
    "token",
    "streamkey",
    "signingkey",
    "url",
    "urls",
    "websocketurl",
    "proxy",
];

/// Replaces secrets by `[removed]` and NUL characters, which PostgreSQL's text cannot store, by U+FFFD.
pub fn redact(value: &mut Value) {
    match value {
        Value::String(text) => replace_nul(text),
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains('\0')) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, v)| (name.replace('\0', "\u{fffd}"), v))
                    .collect();
            }
            for (name, value) in fields.iter_mut() {
                if is_secret(name) {
                    *value = Value::from(REMOVED)
                } else {
                    redact(value)
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace_nul(text: &mut String) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| *c != '_')
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_FIELDS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_removed_at_any_depth_in_both_spellings() {
        let mut body = json!({"egressInfo": {"error": "x", "request": [{"s3": {"accessKey": "AK", "session_token": {"a": 1}, "bucket": "b"}}]}});

        redact(&mut body);

        assert_eq!(
            body,
            json!({"egressInfo": {"error": "x", "request": [{"s3": {"accessKey": "[removed]", "session_token": "[removed]", "bucket": "b"}}]}})
        );
    }

    #[test]
    fn nul_characters_are_replaced() {
        let mut body = json!({"a\0": "b\0c"});

        redact(&mut body);

        assert_eq!(body, json!({"a\u{fffd}": "b\u{fffd}c"}));
    }
}
