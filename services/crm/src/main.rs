//! `crm serve|migrate`.
fn main() {}
