//! SHA-256 digests of objects.

use std::io::{self, BufReader, Read, Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::ObjectKey;
use futures::StreamExt;
use sha2::{Digest, Sha256};

use crate::{ObjectError, ObjectStore};

/// The length of a digest in bytes.
const LENGTH: usize = 32;

/// Size of the reads from disk, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// A SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sha256Digest([u8; LENGTH]);

impl Sha256Digest {
    /// Reads `source` to its end and returns the digest of what it read.
    pub fn read(source: impl Read) -> io::Result<Self> {
        let mut writer = Sha256Writer::new(io::sink());
        io::copy(&mut BufReader::with_capacity(BUFFER_BYTES, source), &mut writer)?;
        Ok(writer.into_parts().1)
    }

    /// Lower-case hex, as in manifests.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// As in S3's checksum headers.
    pub fn to_base64(self) -> String {
        BASE64_STANDARD.encode(self.0)
    }

    /// Parses lower-case hex; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_hex = text.len() == 2 * LENGTH && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let bytes = is_hex.then(|| hex::decode(text).ok()).flatten()?;
        bytes.try_into().ok().map(Self)
    }

    /// Parses S3's checksum headers; `None` for anything else, such as the checksum of checksums `…=-3`.
    pub fn from_base64(text: &str) -> Option<Self> {
        BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

/// Computes the digest of what is written through it.
pub(crate) struct Sha256Writer<W> {
    inner: W,
    digest: Sha256,
}

impl<W> Sha256Writer<W> {
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            digest: Sha256::new(),
        }
    }

    pub fn into_parts(self) -> (W, Sha256Digest) {
        (self.inner, Sha256Digest(self.digest.finalize().into()))
    }
}

impl<W: Write> Write for Sha256Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Reads an object and returns its digest as lower-case hex. For objects of which the store does not know it.
pub async fn read(store: &dyn ObjectStore, key: &ObjectKey) -> Result<String, ObjectError> {
    let mut object = store.get(key, None).await?;
    let mut digest = Sha256::new();
    while let Some(chunk) = object.stream.next().await {
        digest.update(&chunk?);
    }
    Ok(hex::encode(digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_digests_are_parsed() {
        let digest = Sha256Digest::read(io::empty()).unwrap();

        assert_eq!(Sha256Digest::from_hex(&digest.to_hex()), Some(digest));
        assert_eq!(Sha256Digest::from_base64(&digest.to_base64()), Some(digest));
        for hostile in [
            "",
            "ff",
            &"F".repeat(64),
            &"g".repeat(64),
            &"é".repeat(32),
            &"0".repeat(66),
        ] {
            assert_eq!(Sha256Digest::from_hex(hostile), None, "{hostile}");
        }
        for hostile in ["", "AAAA", &format!("{}-3", digest.to_base64()), "é"] {
            assert_eq!(Sha256Digest::from_base64(hostile), None, "{hostile}");
        }
    }
}
