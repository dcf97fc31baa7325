//! The command line: it starts things, and it prints.
//!
//! It may use everything; nothing may use it but `main` and tests. It is the one place that reads the environment of
//! the process (`Sources`); everything below gets settings. Lines for people go to standard output, complaints and
//! logs to standard error. The exit code is 0 when all went well, 1 when something failed, 2 when the settings or the
//! command line are wrong.
//!
//! **How to add a command:** a file here with its `Args` and a `run`, a variant of `Command`, and its line in
//! `start`. A command that reads rows and serves nobody takes its settings from `Sources::for_tools`, so that it
//! also works on the directory of `weizhan dev`.

mod admin;
mod backup;
mod chaos;
mod check;
#[cfg(unix)]
mod cluster;
mod demo;
mod dev;
mod doctor;
mod events;
mod explain;
mod export;
mod jobs;
mod lang;
mod migrate;
mod migrate_store;
mod nodes;
mod notify;
mod openapi;
mod private;
mod reconcile;
mod seed;
mod serve;
mod server;
mod signal;
mod simulator;
mod sources;
mod storage;
pub mod tour;
mod verify;

use crate::config::Faults;
use clap::{Parser, Subcommand};
use sources::Sources;
use std::{path::PathBuf, process::ExitCode};

/// Self-hosted backend for WeChat mini-programs. `weizhan dev` is the place to start.
#[derive(Debug, Parser)]
#[command(name = "weizhan", version)]
pub struct Cli {
    /// Settings that differ from config/default.toml; `WEIZHAN__SECTION__KEY` in the environment outranks them.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the shop: one node of a deployment.
    Serve(serve::Args),
    /// The whole shop on a laptop: SQLite, a simulated WeChat and demo products, nothing to install or to set.
    Dev(dev::Args),
    /// The whole shop as several nodes behind nginx on a private database and Redis, all on this machine.
    #[cfg(unix)]
    Cluster(cluster::Args),
    /// Buy something as a real client would, against a running server, and show each step.
    Tour(tour::Args),
    /// A simulated WeChat and WeChat Pay, for any backend in any language.
    Simulator(simulator::Args),
    /// Do on purpose what goes wrong with payments, and check that the money is right afterwards.
    Chaos(chaos::Args),
    /// Bring the database to the schema of this binary.
    Migrate,
    /// Copy all rows into an empty database of either kind, compare both, and verify the copy.
    MigrateStore(migrate_store::Args),
    /// Write rows and objects as they are at this moment into one sealed file; the shop may be open.
    Backup(backup::Args),
    /// Read a backup into an empty database and the storage, and verify what arrived.
    Restore(backup::RestoreArgs),
    /// The storage of objects: whether rows and objects fit together.
    Storage(storage::Args),
    /// Show the settings as `serve` would read them, without secrets, and every fault in them.
    Check,
    /// Ask everything a deployment stands on whether it is well, and say what to do; exits 1 when something is not.
    Doctor(doctor::Args),
    /// What an error code of WeChat, WeChat Pay or of this server means, and what to do.
    Explain(explain::Args),
    /// Recompute from the rows what must be true of them; exits 1 when anything is not.
    Verify(verify::Args),
    /// Compare days with WeChat's bills; exits 1 when a difference is open or a day could not be compared.
    Reconcile(reconcile::Args),
    /// Write days of events or orders as Parquet files, for Spark and its like.
    Export(export::Args),
    /// Work outside requests: the queues, pauses, limits, bindings, and figures made anew.
    Jobs(jobs::Args),
    /// Accounts of staff.
    Admin(admin::Args),
    /// Show the nodes that serve the shop: number, address, state, leader, clock.
    Nodes(nodes::Args),
    /// The log of events: how far its consumers are, and sending one back.
    Events(events::Args),
    /// Put demo products into the shop; what is there already is left alone.
    Seed(seed::Args),
    /// Print the `OpenAPI` document.
    Openapi,
}

/// A command that has already printed what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("told above")]
struct Told;

/// Run a command to its end and give the exit code of the process.
pub fn run(cli: Cli) -> ExitCode {
    // Both read, and the second also clears, variables of the process: that must happen while it has one thread.
    let sources = Sources::of_process(cli.config);
    let inherited = listenfd::ListenFd::from_env();
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(start(cli.command, sources, inherited)));
    ended.map_or_else(|error| tell(&error), |()| ExitCode::SUCCESS)
}

async fn start(command: Command, sources: Sources, inherited: listenfd::ListenFd) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => Box::pin(serve::run(args, &sources, inherited)).await,
        Command::Dev(args) => Box::pin(dev::run(args, &sources)).await,
        #[cfg(unix)]
        Command::Cluster(args) => Box::pin(cluster::run(args, &sources, inherited)).await,
        Command::Tour(args) => Box::pin(tour::command(args)).await,
        Command::Simulator(args) => simulator::run(args, &sources).await,
        Command::Chaos(args) => Box::pin(chaos::run(args, &sources)).await,
        Command::Migrate => migrate::run(&sources).await,
        Command::MigrateStore(args) => migrate_store::run(args, &sources).await,
        Command::Backup(args) => Box::pin(backup::run(args, &sources)).await,
        Command::Restore(args) => Box::pin(backup::restore(args, &sources)).await,
        Command::Storage(args) => storage::run(args, &sources).await,
        Command::Check => check::run(&sources),
        Command::Doctor(args) => doctor::run(args, &sources).await,
        Command::Explain(args) => explain::run(&args),
        Command::Verify(args) => verify::run(args, &sources).await,
        Command::Reconcile(args) => Box::pin(reconcile::run(args, &sources)).await,
        Command::Export(args) => Box::pin(export::run(args, &sources)).await,
        Command::Jobs(args) => Box::pin(jobs::run(args, &sources)).await,
        Command::Admin(args) => Box::pin(admin::run(args, &sources)).await,
        Command::Nodes(args) => nodes::run(args, &sources).await,
        Command::Events(args) => events::run(args, &sources).await,
        Command::Seed(args) => seed::run(args, &sources).await,
        Command::Openapi => openapi::run(),
    }
}

fn tell(error: &anyhow::Error) -> ExitCode {
    if let Some(faults) = error.downcast_ref::<Faults>() {
        eprintln!("weizhan: the settings have {} fault(s)", faults.0.len());
        faults.0.iter().for_each(|fault| eprintln!("  {fault}"));
        return ExitCode::from(2);
    }
    // A reader that has seen enough (`weizhan check | head`) is no failure worth a line.
    let closed = error.downcast_ref::<std::io::Error>().is_some_and(|it| it.kind() == std::io::ErrorKind::BrokenPipe);
    if !closed && !error.is::<Told>() {
        eprintln!("weizhan: {}", chain(error));
    }
    ExitCode::FAILURE
}

/// An error with its causes; a layer whose text already ends with its cause does not repeat it.
fn chain(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |text, cause| match (text.as_str(), cause.to_string()) {
        ("", cause) => cause,
        (told, cause) if told.ends_with(&cause) => text,
        (told, cause) => format!("{told}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent_and_every_option_has_a_meaning() {
        fn explained(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for option in
                command.get_arguments().filter(|option| !["help", "version"].contains(&option.get_id().as_str()))
            {
                assert!(option.get_help().is_some(), "{} {}", command.get_name(), option.get_id());
            }
            command.get_subcommands().filter(|command| command.get_name() != "help").for_each(explained);
        }
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        explained(&command);
    }

    #[test]
    fn a_chain_says_nothing_twice() {
        let error = Err::<(), _>(std::io::Error::other("disk full")).context("the database: disk full");
        let error = error.context("migrating").expect_err("an error");
        assert_eq!(chain(&error), "migrating: the database: disk full");
    }

    #[test]
    fn wrong_settings_have_an_exit_code_of_their_own() {
        let faults = crate::config::Config::load(Some("no such file".as_ref()), std::iter::empty(), &[]);
        assert_eq!(tell(&faults.expect_err("faults").into()), ExitCode::from(2));
        assert_eq!(tell(&anyhow::anyhow!("a failure")), ExitCode::FAILURE);
    }
}
