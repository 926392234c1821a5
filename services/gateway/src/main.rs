//! `gateway serve|migrate`.
fn main() {}
