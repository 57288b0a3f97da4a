//! Converts the SDK's errors.

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};
use domain::ObjectKey;

use super::content_range::unsatisfied_total;
use crate::{BoxError, ObjectError};

/// The operation that failed, for error messages.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    pub action: &'static str,
    pub bucket: &'a str,
    /// `None` for a listing.
    pub key: Option<&'a ObjectKey>,
}

/// The kinds of error responses that are distinguished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    NoSuchObject,
    NoSuchBucket,
    Denied,
    OutOfRange,
    Busy,
    Refused,
}

impl Operation<'_> {
    pub fn error<E>(self, error: SdkError<E, HttpResponse>) -> ObjectError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let kind = match &error {
            SdkError::ServiceError(answer) => classify(answer.raw().status().as_u16(), answer.err().code()),
            SdkError::ConstructionFailure(_) => Kind::Refused,
            _ => Kind::Busy,
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
            (Kind::Busy, _) => ObjectError::Unavailable(source),
            (Kind::NoSuchBucket, _) => {
                let check = format!("that bucket {bucket} exists and that endpoint and region are correct");
                ObjectError::Denied { action, check, source }
            }
            (Kind::Denied, _) => {
                let check = format!(
                    "the access key, the secret, the region and this machine's clock, and that the key may \
                     read and write bucket {bucket}"
                );
                ObjectError::Denied { action, check, source }
            }
            (Kind::Refused | Kind::NoSuchObject | Kind::OutOfRange, _) => ObjectError::Failed { action, source },
        }
    }
}

/// Classifies a response by its error code, or by its status if it has none, as responses to HEAD.
fn classify(status: u16, code: Option<&str>) -> Kind {
    match (status, code) {
        (_, Some("NoSuchBucket")) => Kind::NoSuchBucket,
        (_, Some("NoSuchKey" | "NotFound")) | (404, _) => Kind::NoSuchObject,
        (_, Some("InvalidRange")) | (416, _) => Kind::OutOfRange,
        (_, Some("SlowDown" | "RequestTimeout" | "InternalError")) | (408 | 429 | 500.., _) => Kind::Busy,
        (401 | 403, _) | (_, Some("AuthorizationHeaderMalformed" | "InvalidAccessKeyId")) => Kind::Denied,
        // A redirect to another region, or a web server that is not a store.
        (300..=399, _) => Kind::NoSuchBucket,
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
            (404, None, Kind::NoSuchObject),
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
