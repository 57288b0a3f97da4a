//! Ids that are computed from a name, so that a repeated request names the same thing.

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// Returns the UUID (version 5, RFC 9562 section 5.5) of a name in a namespace.
pub fn name_uuid(namespace: &Uuid, name: &str) -> Uuid {
    let digest = Sha1::new().chain_update(namespace).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_reproduced() {
        let made = name_uuid(&Uuid::NAMESPACE_DNS, "www.example.com");

        assert_eq!(made.to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
