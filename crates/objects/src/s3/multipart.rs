//! Multipart uploads: a lost connection costs only one part of a long object.

use aws_sdk_s3::{
    Client,
    error::DisplayErrorContext,
    primitives::{ByteStream, Length},
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{S3, error, ledger, put::Upload};
use crate::{Body, ObjectError, body::unreadable};

/// Size of a part in bytes. Shorter objects are uploaded at once. S3 requires at least 5 MiB and allows 10,000 parts:
/// 156 GiB, more than a year of one track.
pub const PART_BYTES: u64 = 16 * 1024 * 1024;

/// Parts uploaded concurrently. Parts of a body in memory are not copied.
const PARALLEL_PARTS: usize = 3;

/// Uploads all parts and completes the upload. After a failure the uploaded parts are deleted, unless the object turns
/// out to be complete.
pub async fn put(store: &S3, client: &Client, upload: &Upload<'_>) -> Result<(), ObjectError> {
    let id = create(store, client, upload).await?;
    if let Some(path) = upload.ledger {
        ledger::add(path, &id).await.map_err(|e| unreadable(path, e))?;
    }
    let outcome = match parts(store, client, upload, &id).await {
        Ok(parts) => complete(store, client, upload, &id, parts).await,
        Err(error) => Err(error),
    };
    let aborted = outcome.is_ok() || abort(store, client, upload, &id).await;
    if let Some(path) = upload.ledger.filter(|_| aborted)
        && let Err(error) = ledger::keep(path, &[]).await
    {
        tracing::warn!(%error, "cannot write the list of unfinished uploads in {}", path.display());
    }
    outcome
}

/// Aborts the uploads that earlier attempts began and left. What cannot be aborted now is tried again the next time.
pub async fn abort_earlier(store: &S3, client: &Client, upload: &Upload<'_>) {
    let Some(path) = upload.ledger else { return };
    let earlier = ledger::read(path).await;
    if earlier.is_empty() {
        return;
    }
    let mut left = Vec::new();
    for id in earlier {
        if !abort(store, client, upload, &id).await {
            left.push(id);
        }
    }
    if let Err(error) = ledger::keep(path, &left).await {
        tracing::warn!(%error, "cannot write the list of unfinished uploads in {}", path.display());
    }
}

/// Returns `length` bytes from `offset`. Files are read from disk as they are sent.
pub async fn byte_stream(body: &Body, offset: u64, length: u64) -> Result<ByteStream, ObjectError> {
    match body {
        Body::Bytes(bytes) => Ok(ByteStream::from(
            bytes.slice(offset as usize..(offset + length) as usize),
        )),
        Body::File(path) => {
            let part = ByteStream::read_from()
                .path(path)
                .offset(offset)
                .length(Length::Exact(length));
            part.build()
                .await
                .map_err(|e| unreadable(path, std::io::Error::other(e)))
        }
    }
}

async fn create(store: &S3, client: &Client, upload: &Upload<'_>) -> Result<String, ObjectError> {
    let operation = store.operation("store an object", Some(upload.key));
    let request = client
        .create_multipart_upload()
        .bucket(&store.bucket)
        .key(upload.key.as_str())
        .content_type(upload.content_type)
        .metadata(super::DIGEST_METADATA, upload.sha256.to_hex());
    let request = request.set_checksum_algorithm(upload.checked.then_some(ChecksumAlgorithm::Sha256));
    let answer = request.send().await.map_err(|e| operation.error(e))?;
    answer
        .upload_id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| store.invalid_response("store an object", "the response contains no upload id"))
}

async fn parts(store: &S3, client: &Client, upload: &Upload<'_>, id: &str) -> Result<Vec<CompletedPart>, ObjectError> {
    let offsets = (0..upload.size_bytes).step_by(PART_BYTES as usize);
    let numbered = (1..)
        .zip(offsets)
        .map(|(number, offset)| part(store, client, upload, id, number, offset));
    stream::iter(numbered).buffered(PARALLEL_PARTS).try_collect().await
}

async fn part(
    store: &S3,
    client: &Client,
    upload: &Upload<'_>,
    id: &str,
    number: i32,
    offset: u64,
) -> Result<CompletedPart, ObjectError> {
    let operation = store.operation("store an object", Some(upload.key));
    let length = PART_BYTES.min(upload.size_bytes - offset);
    let checksum = if upload.checked {
        Some(upload.body.sha256(offset..offset + length).await?.to_base64())
    } else {
        None
    };
    let body = byte_stream(upload.body, offset, length).await?;
    let request = client.upload_part().bucket(&store.bucket).key(upload.key.as_str());
    let request = request.upload_id(id).part_number(number).body(body);
    let request = request.set_checksum_sha256(checksum.clone());
    let answer = request.send().await.map_err(|e| operation.error(e))?;
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(answer.e_tag)
        .set_checksum_sha256(checksum)
        .build())
}

/// Completes the upload. If the answer is lost, a repeated request is answered with an error although the object is
/// complete, so after an error the object is looked up.
async fn complete(
    store: &S3,
    client: &Client,
    upload: &Upload<'_>,
    id: &str,
    parts: Vec<CompletedPart>,
) -> Result<(), ObjectError> {
    let operation = store.operation("store an object", Some(upload.key));
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = client
        .complete_multipart_upload()
        .bucket(&store.bucket)
        .key(upload.key.as_str());
    let request = request.upload_id(id).multipart_upload(parts);
    let Err(error) = request.send().await.map_err(|e| operation.error(e)) else {
        return Ok(());
    };
    match store.head_with(client, upload.key).await {
        Ok(Some(info)) if upload.is_same(&info) => Ok(()),
        _ => Err(error),
    }
}

/// Returns whether the upload does not exist any more.
async fn abort(store: &S3, client: &Client, upload: &Upload<'_>, id: &str) -> bool {
    let request = client
        .abort_multipart_upload()
        .bucket(&store.bucket)
        .key(upload.key.as_str())
        .upload_id(id);
    match request.send().await {
        Ok(_) => true,
        Err(error) if error::is_no_such_upload(&error) => true,
        Err(error) => {
            let error = DisplayErrorContext(&error);
            tracing::warn!(object.key = %upload.key, "cannot delete the parts of a failed upload from the store: {error}");
            false
        }
    }
}
