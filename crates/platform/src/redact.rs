//! Redacts secrets in webhook bodies before they are stored.

use serde_json::Value;

/// Replaces a secret.
const REMOVED: &str = "[removed]";

/// Replaces the values of secret fields by `[removed]` and NUL characters, which PostgreSQL's text cannot store, by U+FFFD.
/// The names of the fields are in lower case and without underscores.
pub fn redact(value: &mut Value, secret_fields: &[&str]) {
    match value {
        Value::String(text) => replace_nul(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secret_fields)),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.contains('\0')) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, v)| (name.replace('\0', "\u{fffd}"), v))
                    .collect();
            }
            for (name, value) in fields.iter_mut() {
                if is_secret(name, secret_fields) {
                    *value = Value::from(REMOVED)
                } else {
                    redact(value, secret_fields)
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

fn is_secret(name: &str, secret_fields: &[&str]) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| *c != '_')
        .flat_map(char::to_lowercase)
        .collect();
    secret_fields.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_removed_at_any_depth_in_both_spellings() {
        let mut body = json!({"egressInfo": {"error": "x", "request": [{"s3": {"accessKey": "AK", "session_token": {"a": 1}, "bucket": "b"}}]}});

        redact(&mut body, &["accesskey", "sessiontoken"]);

        assert_eq!(
            body,
            json!({"egressInfo": {"error": "x", "request": [{"s3": {"accessKey": "[removed]", "session_token": "[removed]", "bucket": "b"}}]}})
        );
    }

    #[test]
    fn nul_characters_are_replaced() {
        let mut body = json!({"a\0": "b\0c"});

        redact(&mut body, &["accesskey", "sessiontoken"]);

        assert_eq!(body, json!({"a\u{fffd}": "b\u{fffd}c"}));
    }
}
