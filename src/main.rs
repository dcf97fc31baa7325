//! The `weizhan` program.

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    weizhan::cli::run(weizhan::cli::Cli::parse())
}
