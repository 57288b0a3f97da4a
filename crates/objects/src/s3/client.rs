//! The SDK's client, configured explicitly.

use std::{path::Path, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use url::Url;

use super::credentials;
use crate::{BoxError, Credentials, OpenError, S3Config};

/// Timeout for a TCP connection. Short, because stores are usually near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout of one attempt, including the upload of one part: 16 MiB take over two minutes at 1 Mbit/s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a transfer may make no progress. Longer than a store takes to flush its disks.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum attempts per call, including the first. Callers that can wait longer repeat the call.
const MAX_ATTEMPTS: u32 = 3;

/// Longest pause between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Builds a client for `endpoint`, or for Amazon S3 without one.
pub fn build(config: &S3Config, endpoint: Option<&Url>) -> Result<Client, OpenError> {
    let region = Region::new(config.region.clone());
    let http = http_client(config, endpoint)?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // Counted from the start of the request, so a shorter value would abort slow uploads.
        .read_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut sdk = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region.clone())
        .credentials_provider(credentials::provider(
            &config.credentials,
            region,
            credentials_http(config, &http)?,
        ))
        .identity_cache(IdentityCache::lazy().build())
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .grace_period(STALL_TIMEOUT)
                .build(),
        )
        .force_path_style(config.force_path_style)
        .timeout_config(timeouts)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_max_backoff(MAX_BACKOFF),
        )
        // Not every store supports the SDK's checksums in trailers. What we store has a SHA-256 in a header.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .http_client(http);
    if let Some(endpoint) = endpoint {
        sdk = sdk.endpoint_url(endpoint.as_str().trim_end_matches('/'));
    }
    Ok(Client::from_conf(sdk.build()))
}

/// Returns the HTTP client for requests to the services that give out credentials. Amazon's use HTTPS, also where the
/// store does not.
fn credentials_http(config: &S3Config, of_store: &SharedHttpClient) -> Result<SharedHttpClient, OpenError> {
    match config.credentials {
        Credentials::DefaultChain => http_client(config, None),
        Credentials::Keys(_) => Ok(of_store.clone()),
    }
}

fn http_client(config: &S3Config, endpoint: Option<&Url>) -> Result<SharedHttpClient, OpenError> {
    if endpoint.is_some_and(|url| url.scheme() == "http") {
        // Loads no certificates, so that plain HTTP works on machines without any.
        return Ok(Builder::new().build_http());
    }
    let mut trust = TrustStore::default();
    if let Some(path) = &config.ca_file {
        trust = trust.with_pem_certificate(read_certificates(path)?);
    }
    let context = TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|e| OpenError::CaFile {
        path: String::new(),
        source: e.into(),
    })?;
    Ok(Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}

/// Reads and validates the file, because the SDK panics on invalid certificates.
fn read_certificates(path: &Path) -> Result<Vec<u8>, OpenError> {
    let read = || -> Result<Vec<u8>, BoxError> {
        let pem = std::fs::read(path)?;
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err("the file contains no certificate".into());
        }
        let mut store = RootCertStore::empty();
        certificates
            .into_iter()
            .try_for_each(|certificate| store.add(certificate))?;
        Ok(pem)
    };
    read().map_err(|source| OpenError::CaFile {
        path: path.display().to_string(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_valid_certificates_is_rejected_at_startup() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

        for content in ["", "no certificate", damaged] {
            std::fs::write(file.path(), content).unwrap();
            let error = read_certificates(file.path()).unwrap_err();
            assert!(
                error.to_string().contains(&file.path().display().to_string()),
                "{error}"
            );
        }
    }
}
