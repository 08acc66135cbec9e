//! Flags that each process has, and the environment variables that say the same.

use std::net::SocketAddr;

use clap::Args;

use crate::log::LogFormat;

/// How a process is watched.
#[derive(Debug, Clone, Args)]
pub struct ProcessArgs {
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, env = "METRICS_ADDR", default_value = "0.0.0.0:8080", value_name = "HOST:PORT")]
    pub metrics_addr: SocketAddr,

    /// Form of the log.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// What is logged: a level, or target=level,….
    #[arg(long, env = "LOG_FILTER", default_value = "info", value_name = "FILTER")]
    pub log_filter: String,
}
