//! Logs: readable on a terminal, JSON lines otherwise.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Logging arguments, flattened into the command line of every role.
#[derive(Clone, Debug, Args)]
pub struct TelemetryArgs {
    /// Log level, or levels per module such as `info,egress=debug`
    #[arg(
        long = "log",
        env = "TRACKSCRIBE_LOG",
        default_value = Self::DEFAULT_FILTER,
        global = true,
        value_name = "FILTER"
    )]
    pub filter: String,
    /// Format of log lines
    #[arg(long, env = "TRACKSCRIBE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto, global = true)]
    pub log_format: LogFormat,
}

impl TelemetryArgs {
    /// Default log filter.
    pub const DEFAULT_FILTER: &str = "info";
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `human` on a terminal, `json` otherwise
    Auto,
    /// Text for people
    Human,
    /// One JSON object per line
    Json,
}

/// The log filter cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("TRACKSCRIBE_LOG is not a valid log filter; example: info,egress=debug")]
pub struct InvalidFilter(#[from] tracing_subscriber::filter::ParseError);

/// Writes logs to standard error in the format of `args`. Later calls in the same process have no effect.
pub fn init(args: &TelemetryArgs) -> Result<(), InvalidFilter> {
    let filter = EnvFilter::builder().parse(&args.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let terminal = stderr().is_terminal();
    let outcome = match args.log_format.resolve(terminal) {
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(stderr))
            .try_init(),
        _ => registry
            .with(fmt::layer().with_ansi(terminal).with_writer(stderr))
            .try_init(),
    };
    // Fails only if a subscriber is already set, as in tests that share a process.
    drop(outcome);
    Ok(())
}

impl LogFormat {
    fn resolve(self, terminal: bool) -> Self {
        match self {
            Self::Auto if terminal => Self::Human,
            Self::Auto => Self::Json,
            chosen => chosen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_text_on_a_terminal_and_json_otherwise() {
        assert_eq!(LogFormat::Auto.resolve(true), LogFormat::Human);
        assert_eq!(LogFormat::Auto.resolve(false), LogFormat::Json);
        assert_eq!(LogFormat::Human.resolve(false), LogFormat::Human);
    }

    #[test]
    fn an_invalid_filter_is_reported_with_its_variable() {
        let args = TelemetryArgs {
            filter: "info,=[".into(),
            log_format: LogFormat::Auto,
        };

        let error = init(&args).unwrap_err();

        assert!(error.to_string().contains("TRACKSCRIBE_LOG"), "{error}");
    }
}
