//! Which frames a client wants.

use actix_web::{HttpRequest, http::header};
use bytes::Bytes;
use chancery_agents::{Run, RunEvent};
use chancery_tokens::HeldEnd;

use super::{chunks, public};

/// The frames of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `public_sse_v1`.
    Public,
    /// The first version's.
    Chunks,
}

impl Format {
    /// What `Accept` asks for with `profile=chunks` or `profile=public_sse_v1`; when it asks for neither, the server's
    /// setting decides.
    pub(crate) fn wanted(request: &HttpRequest, chunks_by_default: bool) -> Self {
        let otherwise = if chunks_by_default {
            Self::Chunks
        } else {
            Self::Public
        };
        let accepted = request
            .headers()
            .get_all(header::ACCEPT)
            .filter_map(|value| value.to_str().ok());
        accepted
            .flat_map(|value| value.split(','))
            .find_map(profile)
            .unwrap_or(otherwise)
    }

    /// The frame of an event, if this format has one for it.
    pub(crate) fn frame(self, run: &Run, event: &RunEvent) -> Option<Bytes> {
        match self {
            Self::Public => Some(public::frame(run, event)),
            Self::Chunks => chunks::frame(run, event),
        }
    }

    /// The last frame of a stream whose caller's token counts no more. It is no event of the run, has no id, and does not
    /// move the place where a client goes on.
    pub(crate) fn farewell(self, why: HeldEnd) -> Bytes {
        let (code, message) = farewell(why);
        match self {
            Self::Public => public::farewell(code, message),
            Self::Chunks => chunks::farewell(message),
        }
    }
}

/// The code and the words with which a stream ends whose caller's token counts no more.
pub(crate) fn farewell(why: HeldEnd) -> (&'static str, &'static str) {
    match why {
        HeldEnd::Revoked => ("token_revoked", "The access token was revoked."),
        HeldEnd::Expired => (
            "reauthenticate",
            "The access token has expired: come back with a new one.",
        ),
    }
}

/// The profile of one accepted media range.
fn profile(range: &str) -> Option<Format> {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next()?;
    if !media_type.eq_ignore_ascii_case("text/event-stream") {
        return None;
    }
    parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        match (
            name.trim().eq_ignore_ascii_case("profile"),
            value.trim().trim_matches('"'),
        ) {
            (true, "chunks") => Some(Format::Chunks),
            (true, "public_sse_v1") => Some(Format::Public),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header, test::TestRequest};

    use super::Format;

    fn wanted(accept: &str, chunks_by_default: bool) -> Format {
        let request = TestRequest::get()
            .insert_header((header::ACCEPT, accept))
            .to_http_request();
        Format::wanted(&request, chunks_by_default)
    }

    #[test]
    fn the_first_version_is_asked_for_by_its_profile() {
        for accept in [
            "text/event-stream; profile=chunks",
            "Text/Event-Stream;q=0.9;profile=\"chunks\"",
            "application/json, text/event-stream ; Profile = chunks",
        ] {
            assert_eq!(wanted(accept, false), Format::Chunks, "{accept}");
        }
    }

    #[test]
    fn the_setting_decides_when_the_client_does_not() {
        for accept in [
            "",
            "*/*",
            "text/event-stream",
            "application/json; profile=chunks",
            "text/event-stream; profile=x",
        ] {
            assert_eq!(wanted(accept, false), Format::Public, "{accept}");
            assert_eq!(wanted(accept, true), Format::Chunks, "{accept}");
        }
        assert_eq!(
            wanted("text/event-stream; profile=public_sse_v1", true),
            Format::Public
        );
    }
}
