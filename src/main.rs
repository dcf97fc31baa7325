//! The `weizhan` program.

use clap::Parser as _;
use std::process::ExitCode;

/// A request makes about a hundred small pieces of memory and gives them back at once.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    weizhan::cli::run(weizhan::cli::Cli::parse())
}
