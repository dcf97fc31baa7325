//! `weizhan jobs`: work outside requests.

mod run;

use super::Sources;

/// Options of `jobs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Do now what is else done once a day.
    Run(run::Args),
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    match args.command {
        Command::Run(args) => run::run(args, sources).await,
    }
}
