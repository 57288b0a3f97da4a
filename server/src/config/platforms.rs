//! Which platforms are configured.

use std::sync::Arc;

use boot::config::{ConfigErrors, DailyArgs, LivekitApiArgs, WherebyArgs};
use clap::Args;
use domain::event::PlatformKind;
use platform::{
    Platform,
    daily::{Daily, DailyConfig},
    whereby::{Whereby, WherebyConfig},
};

use crate::state::random_ids;

/// Command-line arguments and variables of Daily and Whereby.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct HostedArgs {
    #[command(flatten)]
    pub daily: DailyArgs,
    #[command(flatten)]
    pub whereby: WherebyArgs,
}

impl HostedArgs {
    /// Returns the adapters of those that are configured, or adds an error for each invalid setting.
    pub(super) fn check(&self, errors: &mut ConfigErrors) -> Vec<Arc<dyn Platform>> {
        let daily = self.daily.check(errors).and_then(|api| {
            let config = DailyConfig::new(api.url, api.key, api.webhook_secrets, random_ids());
            errors.ok(Daily::new(config))
        });
        let whereby = self.whereby.check(errors).and_then(|api| {
            let config = WherebyConfig::new(api.url, api.key, api.webhook_secrets, random_ids());
            errors.ok(Whereby::new(config))
        });
        let daily = daily.map(|daily| Arc::new(daily) as Arc<dyn Platform>);
        let whereby = whereby.map(|whereby| Arc::new(whereby) as Arc<dyn Platform>);
        daily.into_iter().chain(whereby).collect()
    }
}

/// Returns the variables that a platform needs. Each is optional as a group: if none is set, the platform is not used.
pub fn variables(platform: PlatformKind) -> &'static [&'static str] {
    match platform {
        PlatformKind::Livekit => LivekitApiArgs::VARIABLES,
        PlatformKind::Daily => DailyArgs::VARIABLES,
        PlatformKind::Whereby => WherebyArgs::VARIABLES,
        PlatformKind::Other => &[],
    }
}

/// Says which variables would configure a platform.
pub fn how_to_configure(platform: PlatformKind) -> String {
    format!(
        "{platform} is not configured on this server; set {}",
        variables(platform).join(", ")
    )
}

/// Returns the platform of rooms that name none: the chosen one, or else the first that is configured. Adds an error if that is
/// none.
pub fn default_platform(
    chosen: Option<PlatformKind>,
    configured: &[PlatformKind],
    errors: &mut ConfigErrors,
) -> Option<PlatformKind> {
    match (chosen, configured.first()) {
        (_, None) => {
            let known = [PlatformKind::Livekit, PlatformKind::Daily, PlatformKind::Whereby];
            let needed = known.map(|platform| variables(platform).join(", ")).join("; or ");
            errors.add(format!(
                "no video platform is configured; set the variables of at least one: {needed}"
            ));
            None
        }
        (Some(chosen), _) if !configured.contains(&chosen) => {
            errors.add(format!(
                "DEFAULT_VIDEO_PLATFORM={chosen}, but {}",
                how_to_configure(chosen)
            ));
            None
        }
        (chosen, Some(first)) => chosen.or(Some(*first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_name_no_platform_are_on_a_configured_one() {
        use PlatformKind::{Daily, Livekit};
        let mut errors = ConfigErrors::default();
        let mut default = |chosen, configured: &[PlatformKind]| default_platform(chosen, configured, &mut errors);

        assert_eq!(default(None, &[Livekit, Daily]), Some(Livekit));
        assert_eq!(default(None, &[Daily]), Some(Daily));
        assert_eq!(default(Some(Daily), &[Livekit, Daily]), Some(Daily));
        assert_eq!(default(Some(Daily), &[Livekit]), None);
        assert_eq!(default(None, &[]), None);
        let message = errors.into_error("the settings").to_string();
        assert!(
            message.contains("DAILY_API_KEY") && message.contains("LIVEKIT_URL"),
            "{message}"
        );
    }
}
