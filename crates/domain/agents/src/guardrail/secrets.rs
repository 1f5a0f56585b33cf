//! Keys, tokens and passwords, by the forms that those who issue them gave them so that they can be found.

use super::pattern::Pattern;

/// Forms that nothing else has.
const ISSUED: &[&str] = &[
    // AWS.
    r"(?-u:\b)(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z2-7]{16}(?-u:\b)",
    // GitHub, GitLab.
    r"(?-u:\b)gh[pousr]_[A-Za-z0-9]{36,}",
    r"(?-u:\b)github_pat_[A-Za-z0-9_]{22,}",
    r"(?-u:\b)gl(?:pat|ptt|dt|rt)-[A-Za-z0-9_-]{20,}",
    // Slack, Stripe.
    r"(?-u:\b)xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"(?-u:\b)[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    r"(?-u:\b)whsec_[A-Za-z0-9+/]{24,}={0,2}",
    // Google.
    r"(?-u:\b)AIza[0-9A-Za-z_-]{35}",
    r"(?-u:\b)ya29\.[A-Za-z0-9_-]{20,}",
    // Package registries, Hugging Face, SendGrid, DigitalOcean, Vault.
    r"(?-u:\b)npm_[A-Za-z0-9]{36,}",
    r"(?-u:\b)pypi-[A-Za-z0-9_-]{60,}",
    r"(?-u:\b)hf_[A-Za-z0-9]{34,}",
    r"(?-u:\b)SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    r"(?-u:\b)do[opr]_v1_[a-f0-9]{64}",
    r"(?-u:\b)hv[sb]\.[A-Za-z0-9_-]{24,}",
    // Azure storage.
    r"(?-u:\b)AccountKey=[A-Za-z0-9+/]{86}==",
    // JSON Web Tokens: both parts begin with `{"`.
    r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    // Private keys, PEM and PGP, to their end or as far as they came.
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*(?:-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----)?",
];

/// Forms that words may have by chance: they count with a digit in them.
const LIKELY: &[&str] = &[
    // OpenAI, Anthropic and those that took over the form.
    r"(?-u:\b)sk-[A-Za-z0-9_-]{20,}",
    r"(?i)(?-u:\b)authorization:\s{0,4}(?:bearer|basic|token)\s{1,4}[A-Za-z0-9._~+/-]{16,}={0,2}",
];

/// Addresses with a password in them.
const IN_ADDRESSES: &str = r"(?i)(?-u:\b)(?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:@/]{0,64}:[^\s@/]{1,128}@";

/// What documentation writes where a password goes.
const PLACEHOLDERS: &[&str] = &[
    "password", "passwd", "pass", "pw", "secret", "changeme", "example",
];

pub(super) fn patterns() -> Result<Vec<Pattern>, String> {
    Ok(vec![
        // AWS prints its own example everywhere.
        Pattern::new(ISSUED, |_, found| !found.ends_with("EXAMPLE"))?,
        Pattern::new(LIKELY, |_, found| found.bytes().any(|byte| byte.is_ascii_digit()))?.judged_whole(),
        Pattern::new(&[IN_ADDRESSES], |_, found| has_password(found))?,
    ])
}

fn has_password(address: &str) -> bool {
    let credentials = address.split_once("://").map_or("", |(_, rest)| rest);
    let password = credentials.split_once(':').map_or("", |(_, password)| password);
    let password = password.trim_end_matches('@').to_lowercase();
    let is_blank = password.starts_with(['<', '$', '{', '*', '[', '.', '%']);
    !is_blank && !PLACEHOLDERS.contains(&password.as_str())
}
