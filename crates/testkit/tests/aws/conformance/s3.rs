//! Rows for s3.

use super::Row;

pub const ROWS: &[Row] = &[];
