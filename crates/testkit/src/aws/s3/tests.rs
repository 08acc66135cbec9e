//! S3 as a caller sees it.
