//! `If-None-Match` (RFC 9110 section 13.1.2).

/// Whether a document whose entity tag has the opaque part `own` need not be sent again. Tags are compared weakly
/// (section 8.8.3.2): `W/` is skipped, what stands between the quotes has to be equal. `*` means any document. From the
/// first malformed element on, nothing matches: sending too much is never wrong.
pub(crate) fn none_match_holds(field: &str, own: &str) -> bool {
    let mut rest = trimmed(field);
    if rest == "*" {
        return true;
    }
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some((tag, after)) = entity_tag(rest) else {
            return false;
        };
        let after = trimmed(after);
        let separated = after.is_empty() || after.starts_with(',');
        if !separated {
            return false;
        }
        if tag == own {
            return true;
        }
        rest = after;
    }
}

/// The opaque part of the tag that `text` begins with, and what follows the tag.
fn entity_tag(text: &str) -> Option<(&str, &str)> {
    let quoted = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?;
    let (opaque, after) = quoted.split_once('"')?;
    let is_etagc = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80;
    opaque.bytes().all(is_etagc).then_some((opaque, after))
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::none_match_holds;

    #[test]
    fn single_weak_listed_and_starred_tags_match() {
        for field in [
            "\"a\"",
            "W/\"a\"",
            "*",
            " * ",
            "\"b\", \"a\"",
            "\"b\",W/\"a\"",
            "\"b,\" ,, \"a\"",
            ",\"a\",",
            "\t\"a\" ",
        ] {
            assert!(none_match_holds(field, "a"), "{field:?}");
        }
    }

    #[test]
    fn other_and_malformed_tags_do_not() {
        for field in [
            "",
            "a",
            "\"b\"",
            "\"A\"",
            "\"a",
            "w/\"a\"",
            "W/ \"a\"",
            "'a'",
            "\"a b\"",
            "\"b\" \"a\"",
            "\"b\", *",
            "**",
            "\"b,\"a\"",
        ] {
            assert!(!none_match_holds(field, "a"), "{field:?}");
        }
    }

    proptest! {
        #[test]
        fn a_list_matches_exactly_when_it_holds_the_tag(
            tags in prop::collection::vec(("[!#-~]{0,6}", any::<bool>(), "[ \t]{0,2},[ \t,]{0,3}"), 1..8),
            own in "[!#-~]{0,6}",
            place in any::<prop::sample::Index>(),
            hold in any::<bool>(),
        ) {
            let mut tags = tags;
            if hold {
                let place = place.index(tags.len());
                tags[place].0 = own.clone();
            }
            let mut field = String::new();
            for (tag, weak, gap) in &tags {
                field.extend([if *weak { "W/\"" } else { "\"" }, tag, "\"", gap]);
            }
            prop_assert_eq!(none_match_holds(&field, &own), tags.iter().any(|(tag, ..)| *tag == own), "{}", field);
        }

        #[test]
        fn no_text_makes_it_panic_or_match_a_tag_it_does_not_hold(field in ".{0,60}") {
            prop_assert!(!none_match_holds(&field, "0123456789") || field.contains('*') || field.contains("0123456789"));
        }
    }
}
