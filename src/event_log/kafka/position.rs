//! Where a consumer is: what all its moves, in the order of their log, come to.
//!
//! A move says from where and to where. It counts if the consumer is at that `from` when its turn comes, and is nothing
//! otherwise; one without a `from` is a rewind and always counts. So of two who move from the same place one does, whatever
//! the time between looking and moving, and a late move of one that was frozen falls flat however late it comes.
//!
//! Nobody wants to read all moves from the beginning. Kafka's committed offset of the consumer's group is the position after
//! some of them, and what is said with it is how many those were: the rest is read from there. An old one that comes late
//! does no harm, since more is read then.

use super::{Error, number, reader::Reader};

/// One record of the topic of positions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Move {
    pub(super) consumer: String,
    pub(super) partition: i64,
    /// None: wherever it is.
    pub(super) from: Option<i64>,
    pub(super) to: i64,
}

/// A position after some moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// The last place that the consumer is done with.
    pub(super) position: i64,
    /// The offset of the first move that is not in it.
    folded: i64,
}

impl Standing {
    /// After one more move of the same consumer; whether it counted.
    fn then(&mut self, step: &Move) -> bool {
        let counts = step.from.is_none_or(|from| from == self.position);
        if counts {
            self.position = step.to;
        }
        counts
    }
}

/// Moves that are read at once.
const PIECE_MAX: i64 = 10_000;

/// Where a consumer is now.
pub(super) fn standing(
    reader: &mut Reader,
    log: &str,
    positions: &str,
    consumer: &str,
    partition: i64,
) -> Result<Standing, Error> {
    let shown = reader.committed(log, number(partition))?;
    let begun = match &shown {
        Some((position, folded)) => Standing {
            position: *position,
            folded: folded.parse().map_err(|_| {
                Error::Unfit(format!("group {} has committed an offset that is not of weizhan", reader.group()))
            })?,
        },
        None => Standing { position: 0, folded: 0 },
    };
    let (low, high) = reader.ends(positions, 0)?;
    if begun.folded < low {
        let why = "moves were deleted that nobody has seen: the topic must keep everything".to_owned();
        return Err(Error::Unreadable { topic: positions.to_owned(), partition: 0, offset: begun.folded, why });
    }
    let any = Move { consumer: consumer.to_owned(), partition, from: None, to: 0 };
    let (now, _) = fold(reader, positions, &any, begun, high)?;
    // Whoever only looks should not read the same moves of others again and again.
    if now.folded - begun.folded >= PIECE_MAX {
        show(reader, log, partition, now)?;
    }
    Ok(now)
}

/// The standing after all moves before this offset of the same consumer in the same partition as `like`, and whether the
/// last of those counted.
pub(super) fn fold(
    reader: &mut Reader,
    positions: &str,
    like: &Move,
    mut standing: Standing,
    until: i64,
) -> Result<(Standing, bool), Error> {
    let mut counted = false;
    while standing.folded < until {
        let piece = standing.folded..until.min(standing.folded + PIECE_MAX);
        for (offset, payload) in reader.fetch(positions, 0, piece, until)? {
            let step: Move = serde_json::from_slice(&payload).map_err(|error| {
                let why = error.to_string();
                Error::Unreadable { topic: positions.to_owned(), partition: 0, offset, why }
            })?;
            if step.consumer == like.consumer && step.partition == like.partition {
                counted = standing.then(&step);
            }
            standing.folded = offset + 1;
        }
    }
    Ok((standing, counted))
}

/// Let Kafka's own tools, and whoever reads the moves next, know.
pub(super) fn show(reader: &Reader, log: &str, partition: i64, standing: Standing) -> Result<(), Error> {
    reader.commit(log, number(partition), standing.position, &standing.folded.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_counts_from_where_the_consumer_is() {
        let mut standing = Standing { position: 0, folded: 0 };
        let mut then = |from: Option<i64>, to: i64| {
            let counted = standing.then(&Move { consumer: String::new(), partition: 0, from, to });
            (counted, standing.position)
        };
        assert_eq!(then(Some(0), 5), (true, 5));
        assert_eq!(then(Some(0), 3), (false, 5));
        assert_eq!(then(Some(5), 9), (true, 9));
        assert_eq!(then(None, 2), (true, 2));
        assert_eq!(then(Some(9), 12), (false, 2));
    }
}
