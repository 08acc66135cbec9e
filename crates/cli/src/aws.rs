//! The way to AWS, with whatever credentials the SDK finds.

use irsa_aws::{SdkConnect, Settings, SettingsError};
use irsa_process::kubernetes;

/// Nothing is called yet.
///
/// # Errors
/// The CA bundle or the proxy of the environment cannot be used.
pub(crate) fn connect() -> Result<SdkConnect, SettingsError> {
    SdkConnect::new(Settings {
        user_agent: kubernetes::user_agent(),
        ..Settings::default()
    })
}
