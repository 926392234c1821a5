//! `agent serve|migrate`.
fn main() {}
