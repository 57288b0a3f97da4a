//! Multipart uploads: a lost connection costs only one part of a long object.

use aws_sdk_s3::{
    primitives::{ByteStream, Length},
    types::{CompletedMultipartUpload, CompletedPart},
};
use domain::ObjectKey;
use futures::{StreamExt, TryStreamExt, stream};

use super::S3;
use crate::{Body, ObjectError};

/// Size of a part in bytes. Shorter objects are uploaded at once. S3 requires at least 5 MiB and allows 10,000 parts:
/// 156 GiB, more than a year of one track.
pub const PART_BYTES: u64 = 16 * 1024 * 1024;

/// Parts uploaded concurrently. Parts of a body in memory are not copied.
const PARALLEL_PARTS: usize = 3;

/// An object to be uploaded.
pub struct Upload<'a> {
    pub key: &'a ObjectKey,
    pub body: &'a Body,
    pub size_bytes: u64,
    pub content_type: &'a str,
}

/// Uploads all parts and completes the upload. After a failure the uploaded parts are deleted.
pub async fn put(store: &S3, upload: &Upload<'_>) -> Result<(), ObjectError> {
    let id = create(store, upload).await?;
    let outcome = match parts(store, upload, &id).await {
        Ok(parts) => complete(store, upload.key, &id, parts).await,
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        abort(store, upload.key, &id).await;
    }
    outcome
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
            let unreadable = |e| ObjectError::Source {
                path: path.clone(),
                source: std::io::Error::other(e),
            };
            part.build().await.map_err(unreadable)
        }
    }
}

async fn create(store: &S3, upload: &Upload<'_>) -> Result<String, ObjectError> {
    let operation = store.operation("store an object", Some(upload.key));
    let request = store
        .client
        .create_multipart_upload()
        .bucket(&store.bucket)
        .key(upload.key.as_str());
    let answer = request
        .content_type(upload.content_type)
        .send()
        .await
        .map_err(|e| operation.error(e))?;
    answer
        .upload_id
        .ok_or_else(|| store.invalid_response("store an object", "the response contains no upload id"))
}

async fn parts(store: &S3, upload: &Upload<'_>, id: &str) -> Result<Vec<CompletedPart>, ObjectError> {
    let offsets = (0..upload.size_bytes).step_by(PART_BYTES as usize);
    let numbered = (1..)
        .zip(offsets)
        .map(|(number, offset)| part(store, upload, id, number, offset));
    stream::iter(numbered).buffered(PARALLEL_PARTS).try_collect().await
}

async fn part(
    store: &S3,
    upload: &Upload<'_>,
    id: &str,
    number: i32,
    offset: u64,
) -> Result<CompletedPart, ObjectError> {
    let operation = store.operation("store an object", Some(upload.key));
    let length = PART_BYTES.min(upload.size_bytes - offset);
    let body = byte_stream(upload.body, offset, length).await?;
    let request = store
        .client
        .upload_part()
        .bucket(&store.bucket)
        .key(upload.key.as_str());
    let request = request.upload_id(id).part_number(number).body(body);
    let answer = request.send().await.map_err(|e| operation.error(e))?;
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(answer.e_tag)
        .build())
}

async fn complete(store: &S3, key: &ObjectKey, id: &str, parts: Vec<CompletedPart>) -> Result<(), ObjectError> {
    let operation = store.operation("store an object", Some(key));
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = store
        .client
        .complete_multipart_upload()
        .bucket(&store.bucket)
        .key(key.as_str());
    request
        .upload_id(id)
        .multipart_upload(parts)
        .send()
        .await
        .map_err(|e| operation.error(e))?;
    Ok(())
}

async fn abort(store: &S3, key: &ObjectKey, id: &str) {
    let request = store
        .client
        .abort_multipart_upload()
        .bucket(&store.bucket)
        .key(key.as_str())
        .upload_id(id);
    if let Err(error) = request.send().await {
        let error = aws_sdk_s3::error::DisplayErrorContext(&error);
        tracing::warn!(object.key = %key, "cannot delete the parts of a failed upload from the store: {error}");
    }
}
