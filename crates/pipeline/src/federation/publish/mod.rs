//! Where documents are published.

pub mod external;
