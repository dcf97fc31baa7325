//! Which queue takes a job: patterns over its routing key, as the topic exchange of AMQP 0-9-1 reads them.

use std::collections::BTreeMap;

use aws_lc_rs::digest;

/// The queue of a job that no pattern fits: a job is never dropped for want of one.
pub const DEFAULT_QUEUE: &str = "default";
/// Buckets of a share; a percent is a hundred of them.
const BUCKETS: u64 = 10_000;

/// A pattern and the queue that takes what fits it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize)]
pub struct Binding {
    /// Words by dots; `*` is one word, `#` any number of them.
    pub pattern: String,
    /// The queue.
    pub queue: String,
    /// The queue of the gray lane, if there is one.
    pub gray_queue: Option<String>,
    /// Its share, 0 to 100, drawn by the subject of a job: one subject is always in the same lane, and a share that grows
    /// keeps whom it had.
    pub gray_percent: i64,
}

impl Binding {
    /// The queue of this subject.
    pub fn queue_of(&self, subject: &str) -> &str {
        let share = u64::try_from(self.gray_percent).unwrap_or(0) * (BUCKETS / 100);
        match &self.gray_queue {
            Some(gray) if bucket(&self.pattern, subject) < share => gray,
            _ => &self.queue,
        }
    }
}

fn bucket(pattern: &str, subject: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, format!("{pattern}\n{subject}").as_bytes());
    let first = hash.as_ref().first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(first) % BUCKETS
}

/// The queues that take a job, each once however many of its patterns fit, in order of their names.
pub fn route<'a>(bindings: &'a [Binding], key: &str, subject: &str) -> Vec<&'a str> {
    let fitting = bindings.iter().filter(|binding| fits(&binding.pattern, key));
    // A queue is one, whichever of its lanes is drawn: the first pattern decides.
    let mut queues: BTreeMap<&str, &str> = BTreeMap::new();
    for binding in fitting {
        queues.entry(&binding.queue).or_insert_with(|| binding.queue_of(subject));
    }
    queues.into_values().collect()
}

/// Whether a pattern fits a routing key: words are parted by dots, `*` is exactly one word, `#` is none or more. The empty
/// key has no words.
pub fn fits(pattern: &str, key: &str) -> bool {
    let words = |text: &str| if text.is_empty() { 0 } else { text.split('.').count() };
    let key_words: Vec<&str> = key.split('.').take(words(key)).collect();
    // `reached[i]`: the pattern so far fits the first `i` words.
    let mut reached = vec![false; key_words.len() + 1];
    reached[0] = true;
    for part in pattern.split('.').take(words(pattern)) {
        if part == "#" {
            let first = reached.iter().position(|is| *is).unwrap_or(reached.len());
            reached.iter_mut().skip(first).for_each(|is| *is = true);
        } else {
            for place in (0..key_words.len()).rev() {
                reached[place + 1] = reached[place] && (part == "*" || part == key_words[place]);
            }
            reached[0] = false;
        }
    }
    reached[key_words.len()]
}

/// Whether this can be the name of a queue: up to 16 lower-case letters, digits, `-` and `_`, a letter first.
pub fn is_queue(name: &str) -> bool {
    name.len() <= 16
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || matches!(one, '-' | '_'))
}

/// Whether this can be a pattern: up to 100 characters, words of letters, digits, `-` and `_`, or `*` or `#` alone.
pub fn is_pattern(text: &str) -> bool {
    let plain = |word: &str| {
        !word.is_empty() && word.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_'))
    };
    text.len() <= 100 && text.split('.').all(|word| matches!(word, "*" | "#") || plain(word))
}

refusals! {
    /// Why a pattern is not bound to a queue.
    pub enum BindingRefusal {
        /// No such binding.
        NotFound = Missing, "binding.not_found", "no such binding";
        /// Not a pattern.
        PatternInvalid = Invalid, "binding.pattern_invalid", "a pattern is words parted by dots, `*` or `#`";
        /// Not a name of a queue.
        QueueInvalid = Invalid, "binding.queue_invalid", "a queue is named by up to 16 lower-case letters, digits, - and _";
        /// A share without a lane, or one beyond 100.
        ShareInvalid = Invalid, "binding.share_invalid", "a gray lane takes 0 to 100 percent";
    }
}
plain_refusal!(BindingRefusal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_amqp_says() {
        for (pattern, key, does) in [
            ("order.paid", "order.paid", true),
            ("order.paid", "order.paid.late", false),
            ("order.paid", "order", false),
            ("order.*", "order.paid", true),
            ("order.*", "order", false),
            ("order.*", "order.paid.late", false),
            ("*", "order", true),
            ("*", "", false),
            ("*.*", "order", false),
            ("*.paid", "order.paid", true),
            ("#", "", true),
            ("#", "order", true),
            ("#", "order.paid.late", true),
            ("order.#", "order", true),
            ("order.#", "order.paid.late", true),
            ("order.#", "orders.paid", false),
            ("#.late", "late", true),
            ("#.late", "order.paid.late", true),
            ("#.late", "order.late.paid", false),
            ("order.#.late", "order.late", true),
            ("order.#.late", "order.a.b.late", true),
            ("order.*.late", "order.late", false),
            ("*.#", "", false),
            ("*.#", "order", true),
            ("#.*", "order.paid", true),
            ("#.#", "", true),
            ("#.paid.#", "a.paid.b.paid", true),
            ("", "", true),
            ("", "order", false),
            ("order.paid", "Order.paid", false),
            ("ord*", "order", false),
        ] {
            assert_eq!(fits(pattern, key), does, "{pattern:?} on {key:?}");
        }
    }

    /// As the rules read, and slow.
    fn naive(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], []) => true,
            (["#", rest @ ..], _) => (0..=key.len()).any(|skip| naive(rest, &key[skip..])),
            (["*", rest @ ..], [_, tail @ ..]) => naive(rest, tail),
            ([word, rest @ ..], [first, tail @ ..]) => word == first && naive(rest, tail),
            _ => false,
        }
    }

    fn texts(words: &[&'static str], most: usize) -> Vec<Vec<&'static str>> {
        let (mut all, mut last) = (vec![vec![]], vec![vec![]]);
        for _ in 0..most {
            let longer = |text: &Vec<&'static str>| {
                let text = text.clone();
                words.iter().map(move |word| [text.clone(), vec![*word]].concat())
            };
            last = last.iter().flat_map(longer).collect();
            all.extend(last.clone());
        }
        all
    }

    #[test]
    fn every_short_pattern_fits_every_short_key_as_the_naive_matcher_says() {
        let (patterns, keys) = (texts(&["a", "b", "*", "#"], 5), texts(&["a", "b"], 5));
        let mut fitting = 0;
        for pattern in &patterns {
            for key in &keys {
                let does = fits(&pattern.join("."), &key.join("."));
                assert_eq!(does, naive(pattern, key), "{pattern:?} on {key:?}");
                fitting += u32::from(does);
            }
        }
        assert!(fitting > 1_000 && patterns.len() * keys.len() > 80_000, "{fitting}");
    }

    fn binding(pattern: &str, queue: &str, gray_percent: i64) -> Binding {
        let gray_queue = (gray_percent > 0).then(|| format!("{queue}-gray"));
        Binding { pattern: pattern.to_owned(), queue: queue.to_owned(), gray_queue, gray_percent }
    }

    #[test]
    fn a_queue_takes_a_job_once_however_many_patterns_fit() {
        let all = [binding("order.#", "a", 0), binding("order.*", "a", 0), binding("#", "b", 0), binding("x", "c", 0)];
        assert_eq!(route(&all, "order.paid", "1"), ["a", "b"]);
        assert_eq!(route(&all[..2], "user.new", "1"), Vec::<&str>::new());
        let gray = [binding("order.#", "a", 100), binding("order.paid", "a", 0)];
        assert_eq!(route(&gray, "order.paid", "1"), ["a-gray"]);
    }

    #[test]
    fn a_gray_lane_takes_its_share_and_keeps_whom_it_had() {
        let of = |percent| -> Vec<u32> {
            let binding = binding("order.#", "a", percent);
            (0..10_000).filter(|number| binding.queue_of(&format!("order:{number}")) == "a-gray").collect()
        };
        let (none, few, more, all) = (of(0), of(10), of(25), of(100));
        assert_eq!((none.len(), all.len()), (0, 10_000));
        assert!((850..=1_150).contains(&few.len()) && (2_300..=2_700).contains(&more.len()), "{}", few.len());
        assert!(few.iter().all(|one| more.contains(one)));
        assert_eq!(few, of(10));
    }

    #[test]
    fn names_and_patterns_are_checked() {
        for (name, is) in
            [("orders", true), ("orders-gray", true), ("", false), ("9", false), ("A", false), ("a.b", false)]
        {
            assert_eq!(is_queue(name), is, "{name}");
        }
        for (text, is) in
            [("job.*.#", true), ("#", true), ("", false), ("a..b", false), ("a*.b", false), ("a b", false)]
        {
            assert_eq!(is_pattern(text), is, "{text}");
        }
    }
}
