//! Rows for s3.

use super::Row;

pub(crate) const ROWS: &[Row] = &[];
