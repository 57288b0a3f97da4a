//! The credentials of a store, as the SDK asks for them.

use aws_config::{default_provider::credentials::DefaultCredentialsChain, provider_config::ProviderConfig};
use aws_credential_types::{
    Credentials as AwsCredentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, future},
};
use aws_sdk_s3::config::{Region, SharedHttpClient};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use crate::{Credentials, Keys};

/// Returns the provider of `credentials`. The default chain sends its requests, for example to the metadata service of
/// the machine, with `http`.
pub fn provider(credentials: &Credentials, region: Region, http: SharedHttpClient) -> SharedCredentialsProvider {
    match credentials.keys() {
        Some(keys) => SharedCredentialsProvider::new(fixed(keys)),
        None => SharedCredentialsProvider::new(DefaultChain {
            region,
            http,
            chain: OnceCell::new(),
        }),
    }
}

fn fixed(keys: &Keys) -> AwsCredentials {
    let token = keys
        .session_token
        .as_ref()
        .map(|token| token.expose_secret().to_owned());
    let (key, secret) = (keys.access_key.expose_secret(), keys.secret.expose_secret());
    AwsCredentials::new(key, secret, token, None, "trackscribe")
}

/// The default chain, built at its first use because that is asynchronous.
#[derive(Debug)]
struct DefaultChain {
    region: Region,
    http: SharedHttpClient,
    chain: OnceCell<DefaultCredentialsChain>,
}

impl DefaultChain {
    async fn credentials(&self) -> provider::Result {
        let chain = self.chain.get_or_init(async || self.build().await).await;
        chain.provide_credentials().await
    }

    async fn build(&self) -> DefaultCredentialsChain {
        let settings = ProviderConfig::without_region()
            .with_region(Some(self.region.clone()))
            .with_http_client(self.http.clone());
        let chain = DefaultCredentialsChain::builder().configure(settings);
        chain.region(self.region.clone()).build().await
    }
}

impl ProvideCredentials for DefaultChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}
