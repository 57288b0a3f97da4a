//! Which platforms are configured.

use boot::config::{ConfigErrors, LivekitApiArgs};
use domain::event::PlatformKind;

/// Returns the variables that a platform needs. Each is optional as a group: if none is set, the platform is not used.
pub fn variables(platform: PlatformKind) -> &'static [&'static str] {
    match platform {
        PlatformKind::Livekit => LivekitApiArgs::VARIABLES,
        PlatformKind::Daily => &["DAILY_API_KEY", "DAILY_WEBHOOK_SECRET"],
        PlatformKind::Whereby => &["WHEREBY_API_KEY", "WHEREBY_WEBHOOK_SECRET"],
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
            errors.add(format!(
                "no video platform is configured; set the variables of at least one: {}",
                PlatformKind::ALL
                    .iter()
                    .map(|p| variables(*p).join(", "))
                    .collect::<Vec<_>>()
                    .join("; or ")
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
