//! What `weizhan dev` and `weizhan cluster` have in common: a directory of their own, a simulated WeChat, settings with
//! secrets that no real server takes, a member of staff and demo products.

pub(super) mod directory;
pub(super) mod settings;

use super::{private, seed, tour::TourTarget};
use crate::{
    app::App,
    config::Secret,
    model::staff::Permission,
    service::{self, staff::Clerk},
    wechat::pay::sign::random_text,
};
use directory::Directory;
use reqwest::Url;
use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::TcpListener;

/// Sign-in name of the account that is made.
pub(super) const STAFF_NAME: &str = "admin";
/// File of its password, among the secrets.
const STAFF_PASSWORD: &str = "staff_password";

/// Where the password of staff is kept.
pub(super) fn password_file(data: &Path) -> PathBuf {
    data.join("secrets").join(STAFF_PASSWORD)
}

/// The tour of the shop whose data is there.
pub(super) fn target(api: Url, simulator: Url, password_file: &Path) -> anyhow::Result<TourTarget> {
    let password = private::keep(password_file, String::new)?;
    Ok(TourTarget {
        api,
        simulator,
        staff_name: STAFF_NAME.to_owned(),
        staff_password: Secret::new(password),
        patience: Duration::from_secs(30),
        retry: Duration::ZERO,
        alone: true,
    })
}

/// This port of this machine, or any other when somebody has it.
pub(super) async fn listen(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
        bound => bound,
    }
}

/// The account and the products, once.
pub(super) async fn furnish(app: &App, directory: &Directory) -> anyhow::Result<()> {
    let password =
        private::keep(&directory.secret_file(STAFF_PASSWORD), || random_text(super::admin::PASSWORD_LENGTH))?;
    let staff = seed::find_staff(app, STAFF_NAME).await?;
    let staff = match staff {
        Some(staff) => staff,
        None => service::staff::create(app, STAFF_NAME, &password, Permission::ALL).await?,
    };
    let clerk: Clerk = seed::clerk(&staff);
    seed::fill(app, &clerk).await.map(drop)
}
