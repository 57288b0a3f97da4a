//! A store with the S3 protocol: Amazon S3, Garage, MinIO and others.

mod client;
mod content_range;
mod error;
mod multipart;

use std::{fmt, io, time::Duration};

use async_trait::async_trait;
use aws_sdk_s3::{Client, operation::get_object::GetObjectOutput, presigning::PresigningConfig};
use chrono::{DateTime, Utc};
use domain::ObjectKey;
use futures::StreamExt;
use tokio_util::io::ReaderStream;
use url::Url;

use self::{
    error::Operation,
    multipart::{PART_BYTES, Upload},
};
use crate::{Body, ByteRange, Listed, Object, ObjectError, ObjectInfo, ObjectStore, OpenError, S3Config, Stored};

/// Content type of objects without one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Size of the chunks of a streamed object, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A bucket in an S3 store.
pub struct S3 {
    client: Client,
    bucket: String,
    /// Signs URLs for browsers.
    public: Option<Client>,
    /// URL prefix of all objects, without a trailing slash.
    base: String,
}

impl S3 {
    /// Builds the clients. Sends no request.
    pub fn open(config: &S3Config) -> Result<Self, OpenError> {
        let client = client::build(config, config.endpoint.as_ref())?;
        let public = config
            .public_url
            .as_ref()
            .map(|url| client::build(config, Some(url)))
            .transpose()?;
        Ok(Self {
            client,
            bucket: config.bucket.clone(),
            public,
            base: config.base_url(),
        })
    }

    fn operation<'a>(&'a self, action: &'static str, key: Option<&'a ObjectKey>) -> Operation<'a> {
        Operation {
            action,
            bucket: &self.bucket,
            key,
        }
    }

    /// Returns the error for an invalid response of the store.
    fn invalid_response(&self, action: &'static str, what: &'static str) -> ObjectError {
        ObjectError::Failed {
            action,
            source: what.into(),
        }
    }

    async fn put_whole(&self, upload: &Upload<'_>) -> Result<(), ObjectError> {
        let operation = self.operation("store an object", Some(upload.key));
        let body = multipart::byte_stream(upload.body, 0, upload.size_bytes).await?;
        let request = self.client.put_object().bucket(&self.bucket).key(upload.key.as_str());
        let request = request.content_type(upload.content_type).body(body);
        request.send().await.map_err(|e| operation.error(e))?;
        Ok(())
    }

    fn object(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        answer: GetObjectOutput,
    ) -> Result<Object, ObjectError> {
        let length = answer
            .content_length
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or_default();
        let (start, total_bytes) = content_range::served_range(answer.content_range.as_deref(), range, length)
            .ok_or_else(|| {
                self.invalid_response("read an object", "the store returned a different range than requested")
            })?;
        let stream = ReaderStream::with_capacity(answer.body.into_async_read(), CHUNK_BYTES)
            .map(|chunk| chunk.map_err(|e: io::Error| ObjectError::Unavailable(e.into())))
            .boxed();
        let content_type = answer.content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
        Ok(Object {
            key: key.clone(),
            stream,
            total_bytes,
            range: start..start + length,
            content_type,
        })
    }
}

#[async_trait]
impl ObjectStore for S3 {
    async fn put(&self, key: &ObjectKey, body: Body, content_type: &str) -> Result<Stored, ObjectError> {
        let size_bytes = size_of(&body).await?;
        let upload = Upload {
            key,
            body: &body,
            size_bytes,
            content_type,
        };
        if size_bytes > PART_BYTES {
            multipart::put(self, &upload).await?;
        } else {
            self.put_whole(&upload).await?;
        }
        Ok(Stored {
            location: format!("{}/{key}", self.base),
            size_bytes,
        })
    }

    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        let operation = self.operation("read an object", Some(key));
        let request = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let request = request.set_range(range.map(ByteRange::to_header));
        match request.send().await.map_err(|e| operation.error(e)) {
            Ok(answer) => self.object(key, range, answer),
            // Some stores do not include the size in a 416 response.
            Err(ObjectError::OutOfRange { key, total_bytes: 0 }) => {
                let total_bytes = self.head(&key).await?.map_or(0, |info| info.size_bytes);
                Err(ObjectError::OutOfRange { key, total_bytes })
            }
            Err(error) => Err(error),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError> {
        let operation = self.operation("read an object", Some(key));
        let request = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        let answer = match request.send().await.map_err(|e| operation.error(e)) {
            Err(error) if error.is_not_found() => return Ok(None),
            answer => answer?,
        };
        Ok(Some(ObjectInfo {
            sha256: None,
            size_bytes: answer
                .content_length
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or_default(),
            content_type: answer.content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()),
            modified_at: answer.last_modified.and_then(to_utc),
        }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        let operation = self.operation("list objects", None);
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| operation.error(e))?;
            found.extend(page.contents.unwrap_or_default().into_iter().filter_map(listed));
        }
        Ok(found)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let operation = self.operation("delete an object", Some(key));
        let request = self.client.delete_object().bucket(&self.bucket).key(key.as_str());
        match request.send().await.map_err(|e| operation.error(e)) {
            Ok(_) | Err(ObjectError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn presign_get(&self, key: &ObjectKey, ttl: Duration) -> Result<Option<Url>, ObjectError> {
        let Some(public) = &self.public else { return Ok(None) };
        let action = "sign a URL";
        let operation = self.operation(action, Some(key));
        let plan = PresigningConfig::expires_in(ttl).map_err(|e| ObjectError::Failed {
            action,
            source: e.into(),
        })?;
        let request = public.get_object().bucket(&self.bucket).key(key.as_str());
        let signed = request.presigned(plan).await.map_err(|e| operation.error(e))?;
        let url = Url::parse(signed.uri()).map_err(|e| ObjectError::Failed {
            action,
            source: e.into(),
        })?;
        Ok(Some(url))
    }

    fn describe(&self) -> String {
        format!("S3 bucket {}", self.base)
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("base", &self.base).finish_non_exhaustive()
    }
}

async fn size_of(body: &Body) -> Result<u64, ObjectError> {
    match body {
        Body::Bytes(bytes) => Ok(bytes.len() as u64),
        Body::File(path) => {
            let metadata = tokio::fs::metadata(path).await;
            metadata.map(|m| m.len()).map_err(|source| ObjectError::Source {
                path: path.clone(),
                source,
            })
        }
    }
}

/// Returns `None` for names that are not valid keys, such as the folder markers that some tools create.
fn listed(object: aws_sdk_s3::types::Object) -> Option<Listed> {
    let key = ObjectKey::parse(object.key?).ok()?;
    let size_bytes = object.size.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    Some(Listed {
        key,
        size_bytes,
        modified_at: object.last_modified.and_then(to_utc),
    })
}

fn to_utc(time: aws_sdk_s3::primitives::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}
