//! Calls of Daily's REST API, each in its class of rate limit.

use domain::event::PlatformKind;
use http::Method;
use secrecy::SecretString;

use crate::PlatformError;
use crate::rest::{Api, Call, Cost, InvalidUrl, Limit, Limiter};

/// Where Daily's API is.
pub const DEFAULT_API_URL: &str = "https://api.daily.co/v1";

/// Daily allows about 100 requests in 5 s. A full bucket and what is refilled in that time are 100.
const MOST: Limit = Limit {
    burst: 20,
    per_second: 16.0,
};

/// Daily allows about 2 requests in a second for lists and deletions, measured over half a minute.
const LISTS: Limit = Limit {
    burst: 5,
    per_second: 1.5,
};

/// Daily allows about one start of a recording in a second.
const STARTS: Limit = Limit {
    burst: 1,
    per_second: 1.0,
};

/// Which of Daily's rate limits a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// Calls with no limit of their own.
    Most,
    /// Lists and deletions.
    List,
    /// Starts of recordings.
    Start,
}

/// A client of one Daily domain. All calls of this process share its limits.
pub struct DailyClient {
    api: Api,
    most: Limiter,
    lists: Limiter,
    starts: Limiter,
}

impl DailyClient {
    /// Creates the client. Opens no connection.
    ///
    /// # Errors
    /// `api_url` is not an `http` or `https` URL.
    pub fn new(api_url: &str, api_key: SecretString) -> Result<Self, InvalidUrl> {
        Ok(Self {
            api: Api::new(PlatformKind::Daily, api_url, api_key)?,
            most: Limiter::new(MOST),
            lists: Limiter::new(LISTS),
            starts: Limiter::new(STARTS),
        })
    }

    /// Checks that Daily responds and accepts our key.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), PlatformError> {
        self.get(&["presence"], RateClass::Most).send_only().await
    }

    pub(super) fn get(&self, path: &[&str], class: RateClass) -> Call<'_> {
        self.call(Method::GET, path, class)
    }

    pub(super) fn post(&self, path: &[&str], class: RateClass) -> Call<'_> {
        self.call(Method::POST, path, class)
    }

    pub(super) fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path, RateClass::List)
    }

    fn call(&self, method: Method, path: &[&str], class: RateClass) -> Call<'_> {
        let limiter = match class {
            RateClass::Most => &self.most,
            RateClass::List => &self.lists,
            RateClass::Start => &self.starts,
        };
        self.api.call(method, path, Cost { limiter, tokens: 1 })
    }
}
