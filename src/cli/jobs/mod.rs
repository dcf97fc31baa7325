//! `weizhan jobs`: work outside requests.

mod queue;
mod run;

use super::Sources;

/// Options of `jobs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Do now what is else done once a day.
    Run(run::Args),
    #[command(flatten)]
    Queue(queue::Act),
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    match args.command {
        Command::Run(work) => run::run(work, sources).await,
        Command::Queue(act) => Box::pin(queue::run(act, args.json, sources)).await,
    }
}
