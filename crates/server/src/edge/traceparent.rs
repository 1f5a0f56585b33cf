//! The caller's trace (W3C Trace Context, section 3.2).

/// The trace id of a `traceparent` header; `None` when the header does not fit the recommendation.
#[must_use]
pub(crate) fn trace_id(header: &str) -> Option<&str> {
    let mut fields = header.split('-');
    let (version, trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    let well_formed = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    // Version 00 has exactly four fields; later versions may add some; ff is forbidden.
    let version_fits = version != "ff" && (version != "00" || fields.next().is_none());
    (well_formed && version_fits && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::trace_id;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn the_trace_id_of_a_good_header_is_found() {
        assert_eq!(trace_id(&format!("00-{TRACE}-00f067aa0ba902b7-01")), Some(TRACE));
        assert_eq!(
            trace_id(&format!("01-{TRACE}-00f067aa0ba902b7-01-later")),
            Some(TRACE)
        );
    }

    #[test]
    fn headers_that_break_the_recommendation_are_ignored() {
        let zeros = "0".repeat(32);
        for header in [
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            TRACE.to_owned(),
        ] {
            assert_eq!(trace_id(&header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in "\\PC{0,80}") {
            let _ = trace_id(&header);
        }
    }
}
