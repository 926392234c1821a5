//! `chat serve|migrate`.
fn main() {}
