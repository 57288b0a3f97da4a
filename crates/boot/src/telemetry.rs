//! Logs: for people on a terminal, JSON lines everywhere else.

use std::io::{IsTerminal, stderr};

use clap::{Args, ValueEnum};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// How logs are written; flattened into the command line of every role.
#[derive(Clone, Debug, Args)]
pub struct TelemetryArgs {
    /// What is logged: a level, or levels per module as in `info,egress=debug`
    #[arg(
        long = "log",
        env = "TRACKSCRIBE_LOG",
        default_value = Self::DEFAULT_FILTER,
        global = true,
        value_name = "FILTER"
    )]
    pub filter: String,
    /// How a log line looks
    #[arg(long, env = "TRACKSCRIBE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto, global = true)]
    pub log_format: LogFormat,
}

impl TelemetryArgs {
    /// What is logged if nobody says.
    pub const DEFAULT_FILTER: &str = "info";
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `human` on a terminal, else `json`
    Auto,
    Human,
    Json,
}

/// A log filter that nobody can read.
#[derive(Debug, thiserror::Error)]
#[error("TRACKSCRIBE_LOG is no log filter; an example: info,egress=debug")]
pub struct InvalidFilter(#[from] tracing_subscriber::filter::ParseError);

/// Sends everything that is traced to standard error, as `args` say. Later calls in the same process change nothing.
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
    // Err means that a subscriber is set already, as in tests that share a process.
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
    fn logs_are_for_people_on_a_terminal_and_json_elsewhere() {
        assert_eq!(LogFormat::Auto.resolve(true), LogFormat::Human);
        assert_eq!(LogFormat::Auto.resolve(false), LogFormat::Json);
        assert_eq!(LogFormat::Human.resolve(false), LogFormat::Human);
    }

    #[test]
    fn a_filter_that_nobody_can_read_names_the_variable() {
        let args = TelemetryArgs {
            filter: "info,=[".into(),
            log_format: LogFormat::Auto,
        };

        let error = init(&args).unwrap_err();

        assert!(error.to_string().contains("TRACKSCRIBE_LOG"), "{error}");
    }
}
