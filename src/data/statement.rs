//! Statements, the values they take and the rows they give.

use sqlx::{
    Arguments, Encode, FromRow, MySql, Sqlite, Type,
    error::BoxDynError,
    mysql::{MySqlArguments, MySqlRow},
    sqlite::{SqliteArguments, SqliteRow},
};

/// A statement: one text where the dialects agree, two where they part.
///
/// `{…}` in a text is repeated, with commas, once for each row of [`Each`]: `IN ({?})`, `VALUES {(?, ?)}`.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// `data::order::PAY`: what errors and metrics call it.
    pub name: &'static str,
    /// The text for MySQL and MariaDB.
    pub mysql: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
}

/// Text with its `{…}` written `count` times; `None` when there is none to repeat.
pub(super) fn expand(text: &str, count: usize) -> Option<String> {
    let (head, rest) = text.split_once('{')?;
    let (part, tail) = rest.split_once('}')?;
    Some(format!("{head}{}{tail}", vec![part; count].join(", ")))
}

/// Name statements once, and keep the list of them for the test that prepares them all.
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:tt;)+) => {
        $($(#[$doc])* const $name: $crate::data::Sql =
            $crate::statements!(@ concat!(module_path!(), "::", stringify!($name)), $text);)+
        /// Every statement of this module.
        pub const STATEMENTS: &[$crate::data::Sql] = &[$($name),+];
    };
    (@ $name:expr, { mysql: $mysql:expr, sqlite: $sqlite:expr $(,)? }) => {
        $crate::data::Sql { name: $name, mysql: $mysql, sqlite: $sqlite }
    };
    (@ $name:expr, ($text:expr)) => { $crate::data::Sql { name: $name, mysql: $text, sqlite: $text } };
    (@ $name:expr, $text:literal) => { $crate::data::Sql { name: $name, mysql: $text, sqlite: $text } };
}

/// A row that either driver can give.
pub trait Row: for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, MySqlRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}

/// A value that either driver can take.
pub trait Value<'q>: Encode<'q, MySql> + Type<MySql> + Encode<'q, Sqlite> + Type<Sqlite> + Send {}
impl<'q, T> Value<'q> for T where T: Encode<'q, MySql> + Type<MySql> + Encode<'q, Sqlite> + Type<Sqlite> + Send {}

/// The values of one statement, in order: a tuple, [`Each`] or [`Then`].
pub trait Args<'q>: Send {
    /// How often the repeated part is written.
    fn repeats(&self) -> usize {
        1
    }
    /// Hand the values to the MySQL driver.
    fn mysql(self, list: &mut MySqlArguments) -> Result<(), BoxDynError>;
    /// Hand the values to the SQLite driver.
    fn sqlite(self, list: &mut SqliteArguments) -> Result<(), BoxDynError>;
}

/// The same tuple of values for each row.
pub struct Each<T>(
    /// The rows; never empty.
    pub Vec<T>,
);

/// The values of the first, then those of the second.
pub struct Then<A, B>(
    /// First.
    pub A,
    /// Then.
    pub B,
);

impl<'q, T: Args<'q>> Args<'q> for Each<T> {
    fn repeats(&self) -> usize {
        self.0.len()
    }
    fn mysql(self, list: &mut MySqlArguments) -> Result<(), BoxDynError> {
        self.0.into_iter().try_for_each(|row| row.mysql(list))
    }
    fn sqlite(self, list: &mut SqliteArguments) -> Result<(), BoxDynError> {
        self.0.into_iter().try_for_each(|row| row.sqlite(list))
    }
}

impl<'q, A: Args<'q>, B: Args<'q>> Args<'q> for Then<A, B> {
    fn repeats(&self) -> usize {
        self.0.repeats().max(self.1.repeats())
    }
    fn mysql(self, list: &mut MySqlArguments) -> Result<(), BoxDynError> {
        self.0.mysql(list)?;
        self.1.mysql(list)
    }
    fn sqlite(self, list: &mut SqliteArguments) -> Result<(), BoxDynError> {
        self.0.sqlite(list)?;
        self.1.sqlite(list)
    }
}

impl Args<'_> for () {
    fn mysql(self, _: &mut MySqlArguments) -> Result<(), BoxDynError> {
        Ok(())
    }
    fn sqlite(self, _: &mut SqliteArguments) -> Result<(), BoxDynError> {
        Ok(())
    }
}

macro_rules! args {
    ($($kind:ident $value:ident),+) => {
        impl<'q, $($kind: Value<'q>),+> Args<'q> for ($($kind,)+) {
            fn mysql(self, list: &mut MySqlArguments) -> Result<(), BoxDynError> {
                let ($($value,)+) = self;
                $(list.add($value)?;)+
                Ok(())
            }
            fn sqlite(self, list: &mut SqliteArguments) -> Result<(), BoxDynError> {
                let ($($value,)+) = self;
                $(list.add($value)?;)+
                Ok(())
            }
        }
    };
}
macro_rules! every_args {
    ($kind:ident $value:ident) => { args!($kind $value); };
    ($kind:ident $value:ident, $($rest:tt)+) => { args!($kind $value, $($rest)+); every_args!($($rest)+); };
}
every_args!(
    A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k, L l, M m, N n, O o, P p, Q q, R r
);

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn the_part_in_braces_is_repeated() {
        assert_eq!(expand("IN ({?}) AND x = ?", 3).as_deref(), Some("IN (?, ?, ?) AND x = ?"));
        assert_eq!(expand("VALUES {(?, ?)}", 2).as_deref(), Some("VALUES (?, ?), (?, ?)"));
        assert_eq!(expand("SELECT 1", 2), None);
    }
}
