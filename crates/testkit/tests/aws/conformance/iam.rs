//! Rows for iam.

use super::Row;

pub const ROWS: &[Row] = &[];
