//! The project's chores. `cargo xtask test` runs everything.
fn main() {}
