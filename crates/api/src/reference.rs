//! docs/api.md.

/// Placeholder.
pub fn api_reference() {}
