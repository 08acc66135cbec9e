//! The AWS double as a process.
fn main() {}
