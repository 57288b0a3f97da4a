//! Calls of Whereby's REST API. Whereby counts points, which all keys of an organization share.

use domain::event::PlatformKind;
use http::Method;
use secrecy::SecretString;

use crate::PlatformError;
use crate::rest::{Api, Call, Cost, InvalidUrl, Limit, Limiter};

/// Where Whereby's API is.
pub const DEFAULT_API_URL: &str = "https://api.whereby.dev/v1";

/// Points in a minute of the plan "Build". "Enterprise" has 1000.
pub const DEFAULT_POINTS_PER_MINUTE: u32 = 100;

/// Which part of a minute's points can be used at once. The rest is refilled within the minute, so that no minute uses more
/// than the plan has.
const BURST_SHARE: f64 = 0.4;

/// What calls cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Points {
    /// Reading one thing.
    Read = 1,
    /// Changing something, or reading a list.
    Write = 3,
    /// Reading insights. Whereby charges 5 to 10.
    Heavy = 10,
}

/// A client of one Whereby organization. All calls of this process share its points.
pub struct WherebyClient {
    api: Api,
    points: Limiter,
}

impl WherebyClient {
    /// Creates the client. Opens no connection.
    ///
    /// # Errors
    /// `api_url` is not an `http` or `https` URL.
    pub fn new(api_url: &str, api_key: SecretString, points_per_minute: u32) -> Result<Self, InvalidUrl> {
        Ok(Self {
            api: Api::new(PlatformKind::Whereby, api_url, api_key)?,
            points: Limiter::new(limit(points_per_minute)),
        })
    }

    /// Checks that Whereby responds and accepts our key.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), PlatformError> {
        self.get(&["meetings"], Points::Write)
            .query("limit", "1")
            .send_only()
            .await
    }

    pub(super) fn get(&self, path: &[&str], points: Points) -> Call<'_> {
        self.call(Method::GET, path, points)
    }

    pub(super) fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path, Points::Write)
    }

    pub(super) fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path, Points::Write)
    }

    fn call(&self, method: Method, path: &[&str], points: Points) -> Call<'_> {
        let cost = Cost {
            limiter: &self.points,
            tokens: points as u32,
        };
        self.api.call(method, path, cost)
    }
}

/// Returns a limit in which every call fits, whatever the plan.
fn limit(points_per_minute: u32) -> Limit {
    let points = f64::from(points_per_minute.max(Points::Heavy as u32));
    let burst = (points * BURST_SHARE).max(f64::from(Points::Heavy as u32));
    Limit {
        burst: burst as u32,
        per_second: (points - burst).max(1.0) / 60.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_uses_more_points_than_the_plan_has_and_every_call_fits() {
        for plan in [20, 100, 1000] {
            let limit = limit(plan);
            assert!(
                f64::from(limit.burst) + 60.0 * limit.per_second <= f64::from(plan),
                "{plan}"
            );
        }
        for plan in [0, 1, 100] {
            assert!(
                limit(plan).burst >= Points::Heavy as u32 && limit(plan).per_second > 0.0,
                "{plan}"
            );
        }
    }
}
