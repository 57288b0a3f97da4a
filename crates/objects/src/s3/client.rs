//! The SDK's client, with every choice that it would otherwise make for us.

use std::{path::Path, time::Duration};

use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
        retry::RetryConfig, timeout::TimeoutConfig,
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
use secrecy::ExposeSecret;
use url::Url;

use crate::{BoxError, S3Config, open::OpenError};

/// Until a TCP connection stands; stores are near, or the address is wrong.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One attempt, the sending of one part included: 16 MiB at 1 Mbit/s take over two minutes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(300);

/// Attempts of one call, the first included. Who needs more patience repeats the call.
const MAX_ATTEMPTS: u32 = 3;

/// Longest pause before another attempt.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Builds a client whose requests go to `endpoint`, or to Amazon where there is none.
pub fn build(config: &S3Config, endpoint: Option<&Url>) -> Result<Client, OpenError> {
    let token = config
        .session_token
        .as_ref()
        .map(|token| token.expose_secret().to_owned());
    let (key, secret) = (config.access_key.expose_secret(), config.secret.expose_secret());
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // Counts from the start of the request, so a slow upload would hit a shorter one.
        .read_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut sdk = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .credentials_provider(Credentials::new(key, secret, token, None, "trackscribe"))
        .force_path_style(config.force_path_style)
        .timeout_config(timeouts)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(MAX_ATTEMPTS)
                .with_max_backoff(MAX_BACKOFF),
        )
        // The newer checksum trailers are not understood by every store; the digest in the manifest guards the audio.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .http_client(http_client(config, endpoint)?);
    if let Some(endpoint) = endpoint {
        sdk = sdk.endpoint_url(endpoint.as_str().trim_end_matches('/'));
    }
    Ok(Client::from_conf(sdk.build()))
}

fn http_client(config: &S3Config, endpoint: Option<&Url>) -> Result<SharedHttpClient, OpenError> {
    if endpoint.is_some_and(|url| url.scheme() == "http") {
        // No certificates are loaded, so a machine without any can use a store beside it.
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

/// Reads and checks the file, because the SDK panics on certificates that it cannot use.
fn read_certificates(path: &Path) -> Result<Vec<u8>, OpenError> {
    let read = || -> Result<Vec<u8>, BoxError> {
        let pem = std::fs::read(path)?;
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err("it holds no certificate".into());
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
    fn a_file_without_usable_certificates_is_refused_before_the_first_request() {
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
