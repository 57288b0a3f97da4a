//! JSON Web Tokens with HS256 (RFC 7515, RFC 7519), as LiveKit uses them. LiveKit's own library reads the system clock;
//! here validity is left to the caller, which has the time as an argument.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// A parsed token whose signature has not been verified.
pub struct Unverified<'a> {
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// Not a JWT, or not signed with HS256.
#[derive(Debug, PartialEq, Eq)]
pub struct MalformedToken;

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl<'a> Unverified<'a> {
    /// Splits and decodes a token. Does not verify its signature.
    pub fn parse(token: &'a str) -> Result<Self, MalformedToken> {
        let (signed, signature) = token.rsplit_once('.').ok_or(MalformedToken)?;
        let (header, claims) = signed.split_once('.').ok_or(MalformedToken)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| MalformedToken)?;
        if header.alg != "HS256" {
            return Err(MalformedToken);
        }
        Ok(Self {
            signed,
            claims: decode(claims)?,
            signature: decode(signature)?,
        })
    }

    /// Deserializes the claims. Trust them only after [`Self::is_signed_by`].
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, MalformedToken> {
        serde_json::from_slice(&self.claims).map_err(|_| MalformedToken)
    }

    /// Verifies the signature in constant time.
    pub fn is_signed_by(&self, secret: &SecretString) -> bool {
        mac(self.signed, secret).verify_slice(&self.signature).is_ok()
    }
}

/// Signs `claims` as a token.
pub fn sign<T: Serialize>(claims: &T, secret: &SecretString) -> String {
    let claims = serde_json::to_vec(claims).expect("claims are structs of strings and numbers");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = mac(&signed, secret).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn mac(signed: &str, secret: &SecretString) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}

fn decode(part: &str) -> Result<Vec<u8>, MalformedToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| MalformedToken)
}
