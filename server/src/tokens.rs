//! Tokens that we sign ourselves: they need no row to be checked, and end by themselves.
//!
//! A token is `PREFIX1.CLAIMS.SIGNATURE`: a prefix that says what it is for, the version of the format, the claims as JSON
//! in base64url, and an HMAC-SHA256 of everything before it. The prefix is signed, so a token of one kind is never accepted
//! as another. Tokens travel in bodies and the `Authorization` header, never in a URL.

mod participant;

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

pub use participant::ParticipantClaims;

/// Longest token that is read, in bytes. The longest that is issued has about 1,500.
const MAX_BYTES: usize = 4096;

/// Shortest secret, in characters: as long as a digest in base64, so that guessing it is no easier than forging one.
pub const MIN_SECRET_CHARS: usize = 32;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Proves who somebody in a meeting is.
    Participant,
}

/// Signs and verifies tokens. Without a secret it issues none and accepts none.
#[derive(Clone, Default)]
pub struct Signer(Arc<[SecretString]>);

impl TokenKind {
    /// Returns what tokens of this kind begin with: a prefix that secret scanners recognize, and the format's version.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Participant => "tsp_1",
        }
    }
}

impl Signer {
    /// Uses the first secret to sign, and all of them to verify, so that secrets can be rotated.
    pub fn new(secrets: Vec<SecretString>) -> Self {
        Self(secrets.into())
    }

    /// Returns a signed token; `None` without a secret.
    pub fn sign<T: Serialize>(&self, kind: TokenKind, claims: &T) -> Option<SecretString> {
        let secret = self.0.first()?;
        let claims = serde_json::to_vec(claims).expect("claims are structs of strings and numbers");
        let signed = format!("{}.{}", kind.prefix(), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(mac(&signed, secret).finalize().into_bytes());
        Some(format!("{signed}.{signature}").into())
    }

    /// Returns the claims of a token; `None` if it is of another kind, damaged, or signed with another secret.
    pub fn verify<T: DeserializeOwned>(&self, kind: TokenKind, token: &str) -> Option<T> {
        if token.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (prefix, claims) = signed.split_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let is_signed = self
            .0
            .iter()
            .any(|secret| mac(signed, secret).verify_slice(&signature).is_ok());
        if prefix != kind.prefix() || !is_signed {
            return None;
        }
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    }
}

fn mac(signed: &str, secret: &SecretString) -> Hmac<Sha256> {
    let key = secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(secrets: &[&str]) -> Signer {
        Signer::new(secrets.iter().map(|secret| SecretString::from(*secret)).collect())
    }

    fn token(signer: &Signer) -> String {
        let token = signer.sign(TokenKind::Participant, &("ada", 7)).unwrap();
        token.expose_secret().to_owned()
    }

    fn read(signer: &Signer, token: &str) -> Option<(String, i32)> {
        signer.verify(TokenKind::Participant, token)
    }

    #[test]
    fn a_token_is_accepted_while_its_secret_is_known() {
        let (old, new) = (signer(&["old-secret"]), signer(&["new-secret", "old-secret"]));

        let issued = token(&old);

        assert_eq!(read(&new, &issued), Some(("ada".to_owned(), 7)));
        assert_eq!(read(&old, &token(&new)), None);
        assert_eq!(read(&Signer::default(), &issued), None);
        assert!(Signer::default().sign(TokenKind::Participant, &7).is_none());
    }

    #[test]
    fn a_damaged_token_is_refused() {
        let signer = signer(&["secret"]);
        let whole = token(&signer);

        for at in 0..whole.len() {
            let mut damaged = whole.clone().into_bytes();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(read(&signer, &String::from_utf8(damaged).unwrap()), None, "byte {at}");
            assert_eq!(read(&signer, &whole[..at]), None, "cut at {at}");
        }
        for hostile in [
            "",
            ".",
            "..",
            "tsp_1..",
            "tsp_1.e30.",
            "ä.ö.ü",
            &"x".repeat(5000),
            &format!("{whole}."),
        ] {
            assert_eq!(read(&signer, hostile), None, "{hostile}");
        }
    }

    #[test]
    fn a_token_of_another_kind_or_version_is_refused() {
        let signer = signer(&["secret"]);
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"["ada",7]"#);

        for prefix in ["tsi_1", "tsp_2", "tsp_", ""] {
            let signed = format!("{prefix}.{claims}");
            let signature = mac(&signed, &"secret".into()).finalize().into_bytes();
            let forged = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
            assert_eq!(read(&signer, &forged), None, "{prefix}");
        }
        assert_eq!(read(&signer, &token(&signer)), Some(("ada".to_owned(), 7)));
    }
}
