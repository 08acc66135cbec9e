//! How a process is told to stop.

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

/// Ends at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not listen for them.
pub fn stopped() -> std::io::Result<impl Future<Output = ()> + Send + Sync + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: finishing what has begun"),
            _ = interrupt.recv() => info!("SIGINT: finishing what has begun"),
        }
    })
}
