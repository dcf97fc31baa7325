//! Claims about flags, over many users.

use super::*;

fn rule(percent: u8) -> FlagRule {
    let (openids, appids) = (BTreeSet::new(), BTreeSet::new());
    FlagRule { on: true, percent, openids, appids, version_min: None, version_max: None }
}

fn user(number: i64) -> Who {
    Who::user(UserId(number), &format!("o{number}"), "wx1", None)
}

fn share(name: &str, percent: u8) -> BTreeSet<i64> {
    let rule = rule(percent);
    (0..10_000).filter(|number| rule.is_on(name, &user(*number))).collect()
}

#[test]
fn a_share_is_as_large_as_said() {
    for percent in 0..=100 {
        let count = share("new_cart", percent).len();
        // Four standard deviations of a draw: 10,000 users, √(n·p·(1−p)) ≤ 50.
        let wanted = usize::from(percent) * 100;
        assert!(count.abs_diff(wanted) <= 200, "{percent}%: {count} of 10,000");
    }
    assert_eq!((share("new_cart", 0).len(), share("new_cart", 100).len()), (0, 10_000));
}

#[test]
fn raising_a_share_only_adds_people() {
    let mut before = BTreeSet::new();
    for percent in 0..=100 {
        let now = share("new_cart", percent);
        assert!(before.is_subset(&now), "{percent}%");
        before = now;
    }
}

#[test]
fn another_flag_is_tried_by_other_people() {
    let (one, other) = (share("new_cart", 20), share("new_search", 20));
    let both = one.intersection(&other).count();
    // Independent draws meet in 4 %, the same draw in 20 %.
    assert!((250..=550).contains(&both), "{both} of 10,000 are in both");
}

#[test]
fn the_draw_is_the_same_for_ever() {
    // Nobody may lose what is on for them because a program was built anew.
    let drawn: Vec<_> = ["user:1", "user:2", "device:a"].iter().map(|key| bucket("new_cart", key)).collect();
    assert_eq!(drawn, [8720, 2316, 2187]);
}

#[test]
fn a_rule_is_all_of_its_parts() {
    let version = |text: &str| text.parse::<AppVersion>().ok();
    let who = |version_text: &str| Who { version: version(version_text), ..user(1) };
    let range = FlagRule { version_min: version("1.4"), version_max: version("1.9.9"), ..rule(100) };
    for (text, on) in [("1.3.9", false), ("1.4", true), ("1.4.0", true), ("1.10", false), ("1.9.9", true), ("", false)]
    {
        assert_eq!(range.is_on("x", &who(text)), on, "{text}");
    }
    let named = FlagRule { openids: ["o1".to_owned()].into(), ..rule(0) };
    assert!(named.is_on("x", &user(1)) && !named.is_on("x", &user(2)));
    assert!(!FlagRule { on: false, ..named.clone() }.is_on("x", &user(1)), "off is off");
    let elsewhere = FlagRule { appids: ["wx2".to_owned()].into(), ..named };
    assert!(!elsewhere.is_on("x", &user(1)), "only in the mini-programs that are named");
    let nobody = Who::device(None, None, None);
    assert!(rule(100).is_on("x", &nobody) && !rule(99).is_on("x", &nobody));
    let flags = Flags([("x".to_owned(), rule(100)), ("y".to_owned(), rule(0))].into());
    assert_eq!(flags.of(&nobody).collect::<Vec<_>>(), ["x"]);
    assert!(!flags.is_on("z", &nobody), "what is not there is off");
}

#[test]
fn only_names_and_versions_of_the_form_are_read() {
    for text in ["", "New", "1x", "a-b", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(text.parse::<FlagName>(), Err(NotAFlag), "{text}");
    }
    assert!("new_cart2".parse::<FlagName>().is_ok());
    for text in ["", ".", "1.", "1..2", "v1", "1.2.3.4.5", "-1", "+1", "4294967296", "1.2 "] {
        assert_eq!(text.parse::<AppVersion>(), Err(NotAVersion), "{text}");
    }
    for (text, shown) in [("1", "1.0.0"), ("1.4.2", "1.4.2"), ("1.4.2.7", "1.4.2.7"), ("01.4", "1.4.0")] {
        assert_eq!(text.parse::<AppVersion>().map(|version| version.to_string()).as_deref(), Ok(shown));
    }
}
