//! Converts the SDK's errors.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use domain::ObjectKey;

use super::content_range::unsatisfied_total;
use crate::{BoxError, ObjectError, error::is_out_of_file_handles};

/// The operation that failed, for error messages.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    pub action: &'static str,
    pub bucket: &'a str,
    /// `None` for a listing.
    pub key: Option<&'a ObjectKey>,
}

/// The kinds of errors that are distinguished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NoSuchObject,
    NoSuchBucket,
    Denied,
    OutOfRange,
    Busy,
    NotImplemented,
    Refused,
    Unreachable,
    NoFileHandles,
}

impl Operation<'_> {
    pub fn error<E>(self, error: SdkError<E, HttpResponse>) -> ObjectError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let kind = match &error {
            SdkError::ServiceError(answer) => classify(answer.raw().status().as_u16(), answer.err().code()),
            _ if has_no_credentials(&error) => Kind::Denied,
            _ if is_out_of_file_handles(&error) => Kind::NoFileHandles,
            SdkError::ConstructionFailure(_) => Kind::Refused,
            _ => Kind::Unreachable,
        };
        let total_bytes = error.raw_response().and_then(unsatisfied_total);
        // Displayed alone, the SDK's error is only "service error"; the context adds the whole chain.
        let source = BoxError::from(DisplayErrorContext(&error).to_string());
        self.into_object_error(kind, total_bytes, source)
    }

    fn into_object_error(self, kind: Kind, total_bytes: Option<u64>, source: BoxError) -> ObjectError {
        let (action, bucket) = (self.action, self.bucket);
        match (kind, self.key.cloned()) {
            (Kind::NoSuchObject, Some(key)) => ObjectError::NotFound(key),
            (Kind::OutOfRange, Some(key)) => ObjectError::OutOfRange {
                key,
                total_bytes: total_bytes.unwrap_or_default(),
            },
            (Kind::Unreachable, _) => ObjectError::Unavailable(source),
            (Kind::Busy, _) => ObjectError::Busy(source),
            (Kind::NoFileHandles, _) => ObjectError::NoFileHandles(source),
            (Kind::NotImplemented, _) => ObjectError::NotImplemented { action, source },
            (Kind::NoSuchBucket, _) => ObjectError::NoBucket {
                bucket: bucket.to_owned(),
                source,
            },
            (Kind::Denied, _) => {
                let check = format!(
                    "the access key, the secret, the region and this machine's clock, and that the key may \
                     read, write and list bucket {bucket}"
                );
                ObjectError::Denied { action, check, source }
            }
            (Kind::Refused | Kind::NoSuchObject | Kind::OutOfRange, _) => ObjectError::Failed { action, source },
        }
    }
}

/// Returns the status of the response, if there was one.
pub fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// Whether the store answered that it has no such multipart upload: it was completed or aborted.
pub fn is_no_such_upload<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("NoSuchUpload")
}

fn has_no_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| (*cause).source());
    causes.any(|cause| cause.is::<CredentialsError>())
}

/// Classifies a response by its error code, or by its status if it has none, as responses to HEAD.
fn classify(status: u16, code: Option<&str>) -> Kind {
    match (status, code) {
        (_, Some("NoSuchBucket")) => Kind::NoSuchBucket,
        (_, Some("NoSuchKey")) => Kind::NoSuchObject,
        (_, Some("InvalidRange")) | (416, _) => Kind::OutOfRange,
        (_, Some("NotImplemented")) | (501, _) => Kind::NotImplemented,
        (_, Some("SlowDown" | "RequestTimeout" | "InternalError")) | (408 | 429 | 500.., _) => Kind::Busy,
        (401 | 403, _) => Kind::Denied,
        (_, Some("AuthorizationHeaderMalformed" | "InvalidAccessKeyId" | "ExpiredToken" | "InvalidToken")) => {
            Kind::Denied
        }
        (_, Some("NoSuchUpload")) => Kind::Refused,
        // A redirect to another region, or a web server that is not a store: without S3's code, 404 says nothing about
        // the object.
        (300..=399 | 404, _) => Kind::NoSuchBucket,
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_classified_by_code_or_else_by_status() {
        let table = [
            (404, Some("NoSuchKey"), Kind::NoSuchObject),
            (404, Some("NoSuchBucket"), Kind::NoSuchBucket),
            (404, None, Kind::NoSuchBucket),
            (404, Some("NotFound"), Kind::NoSuchBucket),
            (404, Some("NoSuchUpload"), Kind::Refused),
            (400, Some("ExpiredToken"), Kind::Denied),
            (501, None, Kind::NotImplemented),
            (403, Some("SignatureDoesNotMatch"), Kind::Denied),
            (400, Some("AuthorizationHeaderMalformed"), Kind::Denied),
            (403, None, Kind::Denied),
            (416, Some("InvalidRange"), Kind::OutOfRange),
            (503, Some("SlowDown"), Kind::Busy),
            (500, None, Kind::Busy),
            (429, None, Kind::Busy),
            (301, Some("PermanentRedirect"), Kind::NoSuchBucket),
            (400, Some("EntityTooLarge"), Kind::Refused),
        ];

        for (status, code, kind) in table {
            assert_eq!(classify(status, code), kind, "{status} {code:?}");
        }
    }
}
