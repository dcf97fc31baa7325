//! Staff: signing in, and accounts.

use crate::{
    app::App,
    data,
    model::{
        id::{SignInId, StaffId},
        staff::{Permission, Staff, StaffRefusal},
        token::{Audience, TokenRefusal, Tokens},
    },
    service::{Error, Fault, attempt, token},
};
use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// A signed-in member of staff, and where the request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clerk {
    /// Who.
    pub id: StaffId,
    /// The device.
    pub sign_in: SignInId,
    /// What may be done.
    pub rights: Vec<Permission>,
    /// From where.
    pub ip: String,
    /// By which request.
    pub request_id: String,
}

impl Clerk {
    /// Whether the right is there.
    pub fn require(&self, permission: Permission) -> Result<(), StaffRefusal> {
        if self.rights.contains(&permission) { Ok(()) } else { Err(StaffRefusal::Forbidden { permission }) }
    }
    /// How histories name this person.
    pub fn actor(&self) -> String {
        format!("staff:{}", self.id)
    }
}

/// Hashed when a name is not known, so that knowing takes no longer than not knowing.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody has this password").unwrap_or_default());

fn hash(password: &str) -> Result<String, Fault> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| Fault::broken(format!("a password could not be hashed: {error}")))
}

fn matches(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
}

/// Passwords hashed at a time: each takes 19 MB, and a crowd of guesses must not take all there is.
const HASHES_MAX: usize = 2;
static HASHING: Semaphore = Semaphore::const_new(HASHES_MAX);

/// Hashing takes tens of milliseconds: it must not stop the threads that serve.
async fn heavy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let _turn = HASHING.acquire().await.map_err(|error| Fault::broken(error.to_string()))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::broken(error.to_string()))
}

/// Sign in with name and password. What is wrong is not said.
pub async fn sign_in(app: &App, name: &str, password: &str) -> Result<(Staff, Tokens), Error<StaffRefusal>> {
    let staff = data::staff::find_by_name(&mut app.database.read().await?, name).await?;
    let (stored, password) = (staff.as_ref().map(|staff| staff.password_hash.clone()), password.to_owned());
    let right = heavy(move || matches(&password, stored.as_deref().unwrap_or(&NOBODY))).await?;
    let staff = staff.filter(|staff| right && staff.active).ok_or(StaffRefusal::SignInWrong)?;
    attempt(|| async {
        let mut session = app.database.write().await?;
        let tokens = token::issue(app, &mut session, Audience::Staff, staff.id.0, "", "").await?;
        session.commit().await?;
        Ok((staff.clone(), tokens))
    })
    .await
}

/// The member of staff who holds this access token.
pub async fn clerk(app: &App, token: &str, ip: String, request_id: String) -> Result<Clerk, Error<TokenRefusal>> {
    let (sign_in, standing) = token::authenticate(app, Audience::Staff, token).await?;
    let id = StaffId(standing.holder_id);
    let staff = data::staff::find(&mut app.database.read().await?, id).await?;
    let staff = staff.filter(|staff| staff.active).ok_or(TokenRefusal::Revoked)?;
    Ok(Clerk { id, sign_in, rights: staff.rights(), ip, request_id })
}

/// A new account. Only the command line makes them.
pub async fn create(
    app: &App,
    name: &str,
    password: &str,
    rights: &[Permission],
) -> Result<Staff, Error<StaffRefusal>> {
    let words: Vec<_> = rights.iter().map(|right| right.word()).collect();
    let password = password.to_owned();
    let password_hash = heavy(move || hash(&password)).await??;
    attempt(|| async {
        let staff = Staff {
            id: app.ids.next(StaffId),
            name: name.to_owned(),
            password_hash: password_hash.clone(),
            permissions: words.join(","),
            active: true,
            created_ms: app.now(),
        };
        let mut session = app.database.write().await?;
        if !data::staff::insert(&mut session, &staff).await? {
            let taken = data::staff::find_by_name(&mut session, name).await?.is_some();
            // An id that a process beside this one made at the same moment is a race, and not the name.
            return Err(if taken {
                StaffRefusal::NameTaken.into()
            } else {
                Fault::contended("the id is taken").into()
            });
        }
        session.commit().await?;
        Ok(staff)
    })
    .await
}
