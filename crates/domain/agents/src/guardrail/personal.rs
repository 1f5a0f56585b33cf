//! Personal data that has a form of its own, with the check digits it comes with.

use super::pattern::Pattern;

const EMAIL: &str = r"(?-u:\b)[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}(?-u:\b)";
const CARD: &str = r"(?-u:\b)[0-9](?:[ -]?[0-9]){12,18}(?-u:\b)";
const IBAN: &str = r"(?-u:\b)[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}(?-u:\b)";
const SSN: &str = r"(?-u:\b)[0-9]{3}-[0-9]{2}-[0-9]{4}(?-u:\b)";

pub(super) fn patterns() -> Result<Vec<Pattern>, String> {
    Ok(vec![
        // Addresses of repositories look like those of people, and all of them are git's.
        Pattern::new(&[EMAIL], |_, found| !found.starts_with("git@"))?,
        Pattern::new(&[CARD], |before, found| !goes_on(before) && is_card(found))?,
        Pattern::new(&[IBAN], |_, found| is_iban(found))?,
        Pattern::new(&[SSN], |before, found| !goes_on(before) && is_ssn(found))?,
    ])
}

/// The digits belong to a longer number.
fn goes_on(before: &str) -> bool {
    let mut before = before.chars().rev();
    let joint = before.next();
    matches!(joint, Some('.' | '-' | ',')) && before.next().is_some_and(|c| c.is_ascii_digit())
}

/// The length and the first digits of a card brand, and the check digit of ISO/IEC 7812 (Luhn).
fn is_card(found: &str) -> bool {
    let digits: Vec<u32> = found.chars().filter_map(|c| c.to_digit(10)).collect();
    let leading = |count: usize| {
        digits
            .iter()
            .take(count)
            .fold(0, |number, digit| number * 10 + digit)
    };
    let is_branded = match digits.len() {
        13 => leading(1) == 4,
        14 => matches!(leading(2), 36 | 38 | 39) || (300..=305).contains(&leading(3)),
        15 => matches!(leading(2), 34 | 37),
        16..=19 => {
            leading(1) == 4
                || (51..=55).contains(&leading(2))
                || (2221..=2720).contains(&leading(4))
                || matches!(leading(2), 62 | 64 | 65)
                || leading(4) == 6011
                || (3528..=3589).contains(&leading(4))
        }
        _ => false,
    };
    let doubled = |(place, digit): (usize, &u32)| match (place % 2 == 1, digit * 2) {
        (false, _) => *digit,
        (true, twice) => twice / 10 + twice % 10,
    };
    is_branded && digits.iter().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

/// The check digits of ISO 13616: what the rearranged number leaves when it is divided by 97.
fn is_iban(found: &str) -> bool {
    let characters: Vec<char> = found.chars().filter(|c| *c != ' ').collect();
    let rearranged = characters.iter().skip(4).chain(characters.iter().take(4));
    let left = rearranged.fold(0, |left, c| match c.to_digit(36) {
        Some(value) if value > 9 => (left * 100 + value) % 97,
        Some(value) => (left * 10 + value) % 97,
        None => 0,
    });
    (15..=34).contains(&characters.len()) && left == 1
}

/// The Social Security Administration never gave out these areas, groups and serials.
fn is_ssn(found: &str) -> bool {
    let mut parts = found.split('-');
    let (area, group, serial) = (parts.next(), parts.next(), parts.next());
    let is_given = |area: &str| area != "000" && area != "666" && !area.starts_with('9');
    area.is_some_and(is_given) && group != Some("00") && serial != Some("0000")
}
