//! The `weizhan` program.

fn main() {}
