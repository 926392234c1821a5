//! `analytics serve|migrate`.
fn main() {}
