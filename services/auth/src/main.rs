//! `auth serve|migrate`.
fn main() {}
