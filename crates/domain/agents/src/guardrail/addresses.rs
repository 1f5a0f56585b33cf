//! Addresses on the web, read as browsers read them.

use super::pattern::Pattern;

/// Everything with a scheme, what browsers run without one, and what they complete. Punctuation at the end is the sentence's.
const ADDRESSES: &[&str] = &[
    r"(?i)(?-u:\b)(?:[a-z][a-z0-9+.-]{1,20}://|https?:[/\\]+)[^\s<>\x22'`{}|^\x00-\x1f]*[^\s<>\x22'`{}|^\x00-\x1f.,;:!?)*_]",
    r"(?i)(?-u:\b)(?:javascript|vbscript):[^\s<>\x22`|^\x00-\x1f]*[^\s<>\x22`|^\x00-\x1f.,;:!?)*_]",
    r"(?i)(?-u:\b)data:[a-z]{1,20}/[a-z0-9.+-]{1,60}[;,](?:[^\s<>\x22'`|^\x00-\x1f]*[^\s<>\x22'`|^\x00-\x1f.,;:!?)*_])?",
    r"(?i)(?-u:\b)www\.[^\s<>\x22'`{}|^\x00-\x1f]*[^\s<>\x22'`{}|^\x00-\x1f.,;:!?)*_]",
];

/// Finds addresses that are not allowed: `allow` names hosts, or nothing for all, `deny` takes some of them out.
pub(super) fn pattern(allow: &[String], deny: &[String]) -> Result<Pattern, String> {
    let (allow, deny) = (allow.to_vec(), deny.to_vec());
    let judged = Pattern::new(ADDRESSES, move |_, found| !is_allowed(found, &allow, &deny));
    Ok(judged?.judged_whole())
}

/// Whether this can stand in a list of hosts: a name in lower case, without scheme, port or path.
pub(crate) fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_allowed(address: &str, allow: &[String], deny: &[String]) -> bool {
    let Some(host) = host_of(address) else {
        return false;
    };
    let is_below = |listed: &String| {
        host.strip_suffix(listed.as_str())
            .is_some_and(|left| left.is_empty() || left.ends_with('.'))
    };
    !is_ip(&host) && !deny.iter().any(is_below) && (allow.is_empty() || allow.iter().any(is_below))
}

/// The host of a web address, in lower case; `None` for other schemes, and for hosts that are written to hide.
fn host_of(address: &str) -> Option<String> {
    let lower = address.to_lowercase();
    let rest = match lower.split_once(':') {
        Some(("http" | "https", rest)) => rest.trim_start_matches(['/', '\\']),
        _ => Some(lower.as_str()).filter(|bare| bare.starts_with("www."))?,
    };
    // Browsers take `\` for `/`.
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    if host.starts_with('[') {
        return Some(host.to_owned());
    }
    let host = host.split(':').next()?;
    let host = host.trim_end_matches('.');
    // Browsers decode it, and then it is another one.
    (!host.is_empty() && !host.contains('%')).then(|| host.to_owned())
}

/// Whether it is an address of IPv6, or its last part is a number: then browsers take it for one of IPv4, whatever the form.
fn is_ip(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    host.starts_with('[') || is_hexadecimal || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}
