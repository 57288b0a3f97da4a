//! Signatures of Standard Webhooks: HMAC-SHA256 of id, time and body.

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::endpoint::EndpointSecret;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Returns the value of `webhook-signature`: one signature by each key, separated by spaces.
pub fn signatures(secrets: &[EndpointSecret], id: &str, timestamp: i64, body: &str) -> String {
    let signed = format!("{id}.{timestamp}.{body}");
    let signatures: Vec<_> = secrets
        .iter()
        .map(|secret| signature(secret, signed.as_bytes()))
        .collect();
    signatures.join(" ")
}

fn signature(secret: &EndpointSecret, signed: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("HMAC takes keys of any length");
    mac.update(signed);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message and the signature are those of the reference implementation in Python, standardwebhooks 1.1.
    #[test]
    fn signatures_are_those_of_the_reference_implementation() {
        let secret = EndpointSecret(BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#);

        let one = signatures(std::slice::from_ref(&secret), id, 1_614_265_330, body);
        let two = signatures(&[secret, EndpointSecret(vec![7; 32])], id, 1_614_265_330, body);

        assert_eq!(one, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let (first, second) = two.split_once(' ').unwrap();
        assert_eq!(first, one);
        assert!(second.starts_with("v1,") && second != one);
    }
}
