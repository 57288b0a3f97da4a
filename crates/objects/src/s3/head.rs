//! Looks up an object: its size and digest, or the proof that it does not exist.

use aws_sdk_s3::{
    Client,
    operation::{get_object::GetObjectOutput, head_object::HeadObjectOutput},
    types::{ChecksumMode, ChecksumType},
};
use domain::ObjectKey;

use super::{DIGEST_METADATA, S3, UNKNOWN_TYPE, content_range, error, to_utc};
use crate::{ByteRange, ObjectError, ObjectInfo, digest::Sha256Digest};

/// The range that is requested to learn why there is no object: the shortest that there is.
const FIRST_BYTE: ByteRange = ByteRange::Within { first: 0, last: 0 };

impl S3 {
    /// Returns `None` only if the store says that the bucket exists and the object does not.
    pub(super) async fn head_with(&self, client: &Client, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError> {
        let operation = self.operation("read an object", Some(key));
        let request = client.head_object().bucket(&self.bucket).key(key.as_str());
        match request.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(answer) => Ok(Some(info(answer))),
            Err(error) if error::status(&error) == Some(404) => self.confirm_absence(client, key).await,
            Err(error) => Err(operation.error(error)),
        }
    }

    /// The answer to HEAD has no body, so 404 can also mean that there is no such bucket, or that a proxy in front of
    /// the store does not reach it. The answer to GET tells.
    async fn confirm_absence(&self, client: &Client, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError> {
        let operation = self.operation("read an object", Some(key));
        let request = client.get_object().bucket(&self.bucket).key(key.as_str());
        let request = request
            .range(FIRST_BYTE.to_header())
            .checksum_mode(ChecksumMode::Enabled);
        match request.send().await.map_err(|e| operation.error(e)) {
            // Stored between the two requests.
            Ok(answer) => self.info_of_part(answer).map(Some),
            Err(ObjectError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn info_of_part(&self, answer: GetObjectOutput) -> Result<ObjectInfo, ObjectError> {
        let length = length(answer.content_length);
        let header = answer.content_range.as_deref();
        let (_, size_bytes) = content_range::served_range(header, Some(FIRST_BYTE), length).ok_or_else(|| {
            self.invalid_response("read an object", "the store returned a different range than requested")
        })?;
        let metadata = answer.metadata.unwrap_or_default();
        Ok(ObjectInfo {
            size_bytes,
            sha256: digest(None, metadata.get(DIGEST_METADATA)),
            content_type: answer.content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()),
            modified_at: answer.last_modified.and_then(to_utc),
        })
    }
}

fn info(answer: HeadObjectOutput) -> ObjectInfo {
    let metadata = answer.metadata.unwrap_or_default();
    // The checksum of an object that was uploaded in parts is one of checksums. The ETag of such an object has a dash.
    let is_whole = answer.checksum_type != Some(ChecksumType::Composite)
        && answer.e_tag.as_ref().is_some_and(|tag| !tag.contains('-'));
    let checksum = answer.checksum_sha256.filter(|_| is_whole);
    ObjectInfo {
        size_bytes: length(answer.content_length),
        sha256: digest(checksum.as_deref(), metadata.get(DIGEST_METADATA)),
        content_type: answer.content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()),
        modified_at: answer.last_modified.and_then(to_utc),
    }
}

/// Returns the digest that the store computed itself, or else the one that we stored with the object.
fn digest(checksum: Option<&str>, metadata: Option<&String>) -> Option<String> {
    let computed = checksum.and_then(Sha256Digest::from_base64);
    let digest = computed.or_else(|| Sha256Digest::from_hex(metadata?));
    digest.map(Sha256Digest::to_hex)
}

fn length(header: Option<i64>) -> u64 {
    header.and_then(|n| u64::try_from(n).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::head_object::HeadObjectOutput;

    use super::*;

    #[test]
    fn the_stores_own_checksum_precedes_the_stored_digest_unless_it_is_one_of_parts() {
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let answer = |tag: &str, checksum: &str, metadata: &str| {
            let answer = HeadObjectOutput::builder().e_tag(tag).checksum_sha256(checksum);
            info(answer.metadata(DIGEST_METADATA, metadata).build()).sha256
        };
        let (stored, computed) = ("1".repeat(64), "0".repeat(64));

        assert_eq!(answer("\"ab\"", zeros, &stored), Some(computed.clone()));
        assert_eq!(answer("\"ab-3\"", zeros, &stored), Some(stored.clone()));
        assert_eq!(answer("\"ab\"", "AAAA-3", &stored), Some(stored));
        assert_eq!(answer("\"ab\"", "", "../../etc/passwd"), None);
    }
}
