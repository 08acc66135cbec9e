//! STS: temporary credentials.

/// STS's state: the sessions it handed out.
#[derive(Debug, Default)]
pub struct Sts {}
