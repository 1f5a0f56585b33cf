//! `Last-Event-ID`: where a client that comes back goes on.

use actix_web::{HttpRequest, http::StatusCode};
use chancery_ids::RunId;

use crate::problem::Failure;

/// The header as it came. What is wrong with it is told after the owner check alone: whoever asks for somebody else's stream
/// learns nothing by it.
pub(crate) struct LastEventId(Option<Vec<u8>>);

/// The last event a client has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    /// Its run.
    pub(crate) run: RunId,
    /// Its id within the run.
    pub(crate) after: u64,
}

impl LastEventId {
    /// That of a request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let header = request.headers().get("last-event-id");
        Self(header.map(|value| value.as_bytes().to_vec()))
    }

    /// Where to go on in the stream of `run` alone; 0 is its beginning.
    pub(crate) fn within(&self, run: RunId) -> Result<u64, Failure> {
        match self.read()? {
            None => Ok(0),
            Some(resume) if resume.run == run => Ok(resume.after),
            Some(_) => Err(not_ours()),
        }
    }

    /// Where to go on. A client that has seen nothing sends no header, or an empty one.
    pub(crate) fn read(&self) -> Result<Option<Resume>, Failure> {
        match self.0.as_deref() {
            None | Some([]) => Ok(None),
            Some(bytes) => match std::str::from_utf8(bytes).ok().and_then(parse) {
                Some(resume) => Ok(Some(resume)),
                None => Err(not_ours()),
            },
        }
    }
}

/// The header holds nothing that this stream could have sent.
pub(crate) fn not_ours() -> Failure {
    Failure::new(
        StatusCode::BAD_REQUEST,
        "The Last-Event-ID is not one of this stream.",
    )
}

/// Reads `<run id>.<event id>`, as [`super::public::frame`] writes it.
fn parse(text: &str) -> Option<Resume> {
    let (run, after) = text.split_once('.')?;
    let is_number = !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit());
    Some(Resume {
        run: run.parse().ok()?,
        after: after.parse().ok().filter(|_| is_number)?,
    })
}

#[cfg(test)]
mod tests {
    use chancery_ids::RunId;
    use proptest::prelude::*;

    use super::{LastEventId, Resume, parse};

    fn of(text: &str) -> LastEventId {
        LastEventId(Some(text.as_bytes().to_vec()))
    }

    proptest! {
        #[test]
        fn what_was_sent_is_read_back(bits: u128, after: u64) {
            let run = RunId::from_uuid(uuid::Uuid::from_u128(bits));
            prop_assert_eq!(parse(&format!("{run}.{after}")), Some(Resume { run, after }));
        }

        #[test]
        fn whatever_is_read_is_what_would_have_been_sent(text in ".{0,80}|run_[0-9a-f]{32}\\.[0-9+ -]{0,25}") {
            if let Some(Resume { run, after }) = parse(&text) {
                let digits = text.split_once('.').unwrap().1.trim_start_matches('0');
                prop_assert_eq!(digits.parse().unwrap_or(0), after);
                prop_assert!(text.starts_with(&run.to_string()));
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = LastEventId(Some(bytes)).read();
        }
    }

    #[test]
    fn nothing_seen_is_no_error() {
        assert_eq!(LastEventId(None).read().unwrap(), None);
        assert_eq!(of("").read().unwrap(), None);
    }

    #[test]
    fn what_is_no_id_of_ours_is_refused() {
        let run = "run_018f3f665f0b7cc08000000000000001";
        for text in [
            run.to_owned(),
            format!("{run}."),
            format!("{run}.+1"),
            format!("{run}.-1"),
            format!("{run}.1.2"),
            format!("{run}.18446744073709551616"),
            format!(" {run}.1"),
            "018f3f66-5f0b-7cc0-8000-000000000001.1".to_owned(),
            "1".to_owned(),
        ] {
            assert!(of(&text).read().is_err(), "{text}");
        }
    }
}
