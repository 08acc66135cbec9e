//! The log.

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt, layer::SubscriberExt, registry, util::SubscriberInitExt};

use crate::args::LogFormat;

/// Starts logging to standard error.
///
/// # Errors
/// When the filter cannot be understood.
pub(crate) fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let registry = registry().with(EnvFilter::try_new(filter)?);
    match format {
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .init(),
        LogFormat::Text => registry
            .with(fmt::layer().with_writer(std::io::stderr).with_ansi(false))
            .init(),
    }
    Ok(())
}
