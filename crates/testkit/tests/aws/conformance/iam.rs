//! Rows for iam.

use super::Row;

pub(crate) const ROWS: &[Row] = &[];
