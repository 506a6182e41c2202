//! The `soru` program.
fn main() {}
