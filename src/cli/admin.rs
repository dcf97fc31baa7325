//! `weizhan admin`: accounts of staff. Nothing else makes them, so there is no default account to forget.

use super::Sources;
use crate::{
    app::{App, Role, SystemClock},
    model::staff::Permission,
    service, telemetry,
    wechat::pay::sign::random_text,
};
use anyhow::{Context as _, ensure};
use clap::Subcommand;
use std::{path::PathBuf, sync::Arc};

/// Characters of a password that is made up: 95 bits.
pub(super) const PASSWORD_LENGTH: usize = 16;
/// A shorter password is refused.
const PASSWORD_LENGTH_MIN: usize = 12;

/// Options of `admin`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make an account.
    Create(Create),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// Sign-in name: 1 to 32 characters without spaces.
    #[arg(long)]
    name: String,
    /// What the account may do, separated by commas, or `all`.
    #[arg(long, value_parser = permissions)]
    permissions: Permissions,
    /// File that holds the password, 12 characters or more; without it one is made up and printed once.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A list of permissions; a type of its own since the parser of an option gives one value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Permissions(Vec<Permission>);

fn permissions(text: &str) -> Result<Permissions, String> {
    if text == "all" {
        return Ok(Permissions(Permission::ALL.to_vec()));
    }
    let known = || Permission::ALL.iter().map(|right| right.word()).collect::<Vec<_>>().join(", ");
    let parse = |word: &str| word.trim().parse().map_err(|_| format!("`{word}` is none of: {}, all", known()));
    text.split(',').map(parse).collect::<Result<_, _>>().map(Permissions)
}

pub(super) async fn run(args: Args, sources: &Sources) -> anyhow::Result<()> {
    let Act::Create(Create { name, permissions, password_file }) = args.act;
    let fits =
        (1..=32).contains(&name.chars().count()) && !name.contains(|c: char| c.is_whitespace() || c.is_control());
    ensure!(fits, "a name has 1 to 32 characters and no spaces");
    let given = password_file.map(|path| {
        let text = std::fs::read_to_string(&path);
        text.with_context(|| format!("{} cannot be read", path.display()))
    });
    let given = given.transpose()?.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
    let enough = given.as_ref().is_none_or(|password| password.chars().count() >= PASSWORD_LENGTH_MIN);
    ensure!(enough, "a password has {PASSWORD_LENGTH_MIN} characters or more");
    let password = given.clone().unwrap_or_else(|| random_text(PASSWORD_LENGTH));

    let config = sources.for_tools()?;
    telemetry::init(&config.log);
    let app = App::open(config, Arc::new(SystemClock), Role::Tool).await?;
    let created = service::staff::create(&app, &name, &password, &permissions.0).await;
    app.shut_down().await;
    let staff = created?;
    println!("{} may sign in and do: {}", staff.name, staff.permissions);
    if given.is_none() {
        println!("password (shown this once): {password}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_words_or_all_of_them() {
        assert_eq!(permissions("all"), Ok(Permissions(Permission::ALL.to_vec())));
        let two = Permissions(vec![Permission::OrderRead, Permission::StockWrite]);
        assert_eq!(permissions("order.read, stock.write"), Ok(two));
        for text in ["", "order", "order.read,,stock.write", "ALL"] {
            assert!(permissions(text).is_err_and(|message| message.contains("order.ship")), "{text}");
        }
    }
}
