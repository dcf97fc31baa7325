//! Taking out of free text what must not be kept: numbers that a person could be found by.

/// Digits of the longest number that is looked for.
const DIGITS_MAX: usize = 18;

/// A digit, also a full-width one, as text typed in Chinese often has.
fn digit(letter: char) -> Option<u8> {
    let plain = match letter {
        '０'..='９' => u32::from(letter) - u32::from('０') + u32::from('0'),
        _ => u32::from(letter),
    };
    u8::try_from(plain).ok().filter(u8::is_ascii_digit)
}

/// Whether digits are a mainland phone number (手机号), with or without the country, or a resident number (身份证号).
fn is_personal(digits: &[u8], ends_in_x: bool) -> bool {
    let is_phone = |digits: &[u8]| matches!(digits, [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9);
    match digits {
        _ if ends_in_x => digits.len() == 17,
        [b'8', b'6', rest @ ..] if is_phone(rest) => true,
        [b'0', b'0', b'8', b'6', rest @ ..] if is_phone(rest) => true,
        digits => digits.len() == 18 || is_phone(digits),
    }
}

/// Numbers of a text: from where to where, and whether a single space or hyphen alone parts it from the one before.
fn numbers(letters: &[char]) -> Vec<(usize, usize, bool)> {
    let (mut numbers, mut at) = (Vec::<(usize, usize, bool)>::new(), 0);
    while at < letters.len() {
        let from = at;
        while at < letters.len() && digit(letters[at]).is_some() {
            at += 1;
        }
        if at > from {
            let joined = numbers
                .last()
                .is_some_and(|(_, end, _)| end + 1 == from && matches!(letters[*end], ' ' | '-' | '－' | '　'));
            numbers.push((from, at, joined));
        } else {
            at += 1;
        }
    }
    numbers
}

/// The text with a `*` for each character of what looks like a mainland phone number (11 digits, the second 3 to 9, with or
/// without 86) or a resident number (18 digits, or 17 and an X), also when it is written in groups. A longer number is
/// neither: a time in milliseconds stays.
pub fn masked(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let numbers = numbers(&letters);
    let mut hidden = vec![false; letters.len()];
    for first in 0..numbers.len() {
        let mut digits = Vec::new();
        for (place, (from, to, joined)) in numbers.iter().enumerate().skip(first) {
            if (place > first && !joined) || digits.len() + (to - from) > DIGITS_MAX {
                break;
            }
            digits.extend(letters[*from..*to].iter().filter_map(|letter| digit(*letter)));
            let ends_in_x = matches!(letters.get(*to), Some('x' | 'X'));
            let begin = numbers[first].0;
            if ends_in_x && is_personal(&digits, true) {
                hidden[begin..=*to].fill(true);
            } else if is_personal(&digits, false) {
                hidden[begin..*to].fill(true);
            }
        }
    }
    for (letter, hidden) in letters.iter_mut().zip(hidden) {
        if hidden {
            *letter = '*';
        }
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_people_are_hidden() {
        for (text, left) in [
            ("13800138000", "***********"),
            ("tel=19912345678&x=1", "tel=***********&x=1"),
            ("打 138-0013-8000 给我", "打 ************* 给我"),
            ("+86 13800138000", "+**************"),
            ("8613800138000", "*************"),
            ("１３８００１３８０００", "***********"),
            ("2 13800138000 5", "2 *********** 5"),
            ("11010519491231002X", "******************"),
            ("110105194912310021", "******************"),
            ("110105 19491231 0021", "********************"),
            ("13800138000x", "***********x"),
        ] {
            assert_eq!(masked(text), left);
        }
    }

    #[test]
    fn other_numbers_stay() {
        for text in ["", "龙井 50 克", "1795406400123", "12800138000", "2026-11-23 10:30", "1380013800", "95588"] {
            assert_eq!(masked(text), text);
        }
    }
}
