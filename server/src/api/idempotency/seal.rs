//! Encrypts stored answers with the caller's API key, of which the database has only a digest: whoever reads the database
//! cannot read the tokens and secrets that answers contain.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// The keys that follow from one API key. API keys have 256 random bits, so no slow derivation is needed.
pub struct Seal {
    digests: hmac::Key,
    answers: RandomizedNonceKey,
}

impl Seal {
    pub fn new(api_key: &SecretString) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, api_key.expose_secret().as_bytes());
        let derive = |purpose: &str| hmac::sign(&root, format!("trackscribe idempotency {purpose}").as_bytes());
        Self {
            digests: hmac::Key::new(hmac::HMAC_SHA256, derive("digests").as_ref()),
            answers: RandomizedNonceKey::new(&AES_256_GCM, derive("answers").as_ref())
                .expect("SHA-256 has the 32 bytes of an AES-256 key"),
        }
    }

    /// Returns the digest of `parts`. The length of each is a part of it, so that no two lists have the same text.
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.digests);
        for part in [purpose.as_bytes()].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    /// Encrypts the answer of an attempt: nonce, text, tag.
    pub fn close(&self, id: Uuid, mut answer: Vec<u8>) -> Vec<u8> {
        let nonce = self
            .answers
            .seal_in_place_append_tag(Aad::from(id.as_bytes()), &mut answer)
            .expect("answers are far shorter than the limit of AES-GCM");
        [nonce.as_ref().as_slice(), &answer].concat()
    }

    /// Decrypts the answer of an attempt. `None` if it was changed, or is another attempt's or caller's.
    pub fn open(&self, id: Uuid, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.answers.open_in_place(nonce, Aad::from(id.as_bytes()), text).ok()?;
        Some(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);

    fn seal(key: &str) -> Seal {
        Seal::new(&SecretString::from(key))
    }

    #[test]
    fn only_the_same_api_key_opens_the_answer_of_the_same_attempt() {
        let sealed = seal("tsk_a").close(ID, b"secret".to_vec());

        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        assert_eq!(seal("tsk_a").open(ID, sealed.clone()), Some(b"secret".to_vec()));
        assert_eq!(seal("tsk_b").open(ID, sealed.clone()), None);
        assert_eq!(seal("tsk_a").open(Uuid::nil(), sealed.clone()), None);
        for damaged in [&sealed[..sealed.len() - 1], &sealed[1..], &sealed[..5], &[]] {
            assert_eq!(seal("tsk_a").open(ID, damaged.to_vec()), None);
        }
    }

    #[test]
    fn digests_differ_by_key_purpose_and_parts() {
        let digest = |key, purpose, parts: &[&[u8]]| seal(key).digest(purpose, parts);
        let first = digest("a", "x", &[b"bc", b"d"]);

        assert_eq!(first, digest("a", "x", &[b"bc", b"d"]));
        for other in [
            digest("b", "x", &[b"bc", b"d"]),
            digest("a", "y", &[b"bc", b"d"]),
            digest("a", "x", &[b"b", b"cd"]),
            digest("a", "x", &[b"bc", b"d", b""]),
        ] {
            assert_ne!(first, other);
        }
    }
}
