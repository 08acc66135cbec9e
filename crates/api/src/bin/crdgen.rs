//! Prints the CRDs.
fn main() {}
