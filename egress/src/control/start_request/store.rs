//! The store that a request names, or the configured one.

use livekit_protocol::{DirectFileOutput, S3Upload, direct_file_output::Output as Upload};
use objects::{Credentials, Keys, S3Config};

use super::{missing, required};
use crate::{
    config::{
        StorageConfig,
        storage::{DEFAULT_REGION, endpoint_url},
    },
    psrpc::RpcError,
    session::SpecStore,
};

/// Returns the store of the request if it names one, otherwise the configured one.
pub(super) fn store(file: &DirectFileOutput, storage: Option<&StorageConfig>) -> Result<SpecStore, RpcError> {
    let other = |name| RpcError::unimplemented(format!("this worker stores to S3 or a folder, not to {name}"));
    match &file.output {
        Some(Upload::S3(upload)) => s3(upload).map(|s3| SpecStore::Own(Box::new(s3))),
        Some(Upload::Gcp(_)) => Err(other("Google Cloud Storage")),
        Some(Upload::Azure(_)) => Err(other("Azure")),
        Some(Upload::AliOss(_)) => Err(other("Alibaba OSS")),
        None => storage
            .and_then(|storage| storage.store.clone())
            .map(|store| SpecStore::Configured(Box::new(store)))
            .ok_or_else(|| missing("output")),
    }
}

fn s3(upload: &S3Upload) -> Result<S3Config, RpcError> {
    refuse_unsupported(upload)?;
    let endpoint = match upload.endpoint.as_str() {
        "" => None,
        text => Some(endpoint_url(text).ok_or_else(|| missing("s3.endpoint"))?),
    };
    Ok(S3Config {
        bucket: required(&upload.bucket, "s3.bucket")?,
        region: if upload.region.is_empty() {
            DEFAULT_REGION.to_owned()
        } else {
            upload.region.clone()
        },
        credentials: Credentials::fixed(Keys {
            access_key: required(&upload.access_key, "s3.access_key")?.into(),
            secret: required(&upload.secret, "s3.secret")?.into(),
            session_token: Some(upload.session_token.as_str())
                .filter(|token| !token.is_empty())
                .map(Into::into),
        }),
        endpoint,
        force_path_style: upload.force_path_style,
        ca_file: None,
        public_url: None,
    })
}

/// Refuses settings that this worker would otherwise ignore silently.
fn refuse_unsupported(upload: &S3Upload) -> Result<(), RpcError> {
    let settings = [
        ("assume_role_arn", !upload.assume_role_arn.is_empty()),
        ("proxy", upload.proxy.is_some()),
        ("metadata", !upload.metadata.is_empty()),
        ("tagging", !upload.tagging.is_empty()),
        (
            "content_disposition",
            !matches!(upload.content_disposition.as_str(), "" | "inline"),
        ),
    ];
    match settings.into_iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => Err(RpcError::unimplemented(format!(
            "s3.{field} is not supported by this worker"
        ))),
        None => Ok(()),
    }
}
