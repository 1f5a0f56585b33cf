//! The forms in which clients send what Transit signed.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Of the encoded part. An RSA signature of 8192 bits has 1368.
const LONGEST: usize = 1400;

/// The form that Transit reads, `vault:v<n>:<base64>`, of that form, of `v<n>:<base64>`, and of the bare base64 that old
/// clients send, which counts as of version 1. `None` for what no key can have signed.
pub(crate) fn canonical(signature: &str) -> Option<String> {
    let rest = signature.strip_prefix("vault:").unwrap_or(signature);
    let (version, encoded) = match rest.split_once(':') {
        Some((version, encoded)) => (version.strip_prefix('v')?, encoded),
        None => ("1", rest),
    };
    let is_number = (1..=9).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_digit())
        && !version.starts_with('0');
    let is_encoded = (1..=LONGEST).contains(&encoded.len()) && STANDARD.decode(encoded).is_ok();
    (is_number && is_encoded).then(|| format!("vault:v{version}:{encoded}"))
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn all_forms_that_clients_send_are_read() {
        for (sent, read) in [
            ("vault:v1:c2ln", "vault:v1:c2ln"),
            ("vault:v27:c2ln", "vault:v27:c2ln"),
            ("v3:c2ln", "vault:v3:c2ln"),
            ("c2ln", "vault:v1:c2ln"),
            ("vault:c2ln", "vault:v1:c2ln"),
            // Base64 that begins like a version is base64.
            ("v1ab", "vault:v1:v1ab"),
        ] {
            assert_eq!(canonical(sent).as_deref(), Some(read), "{sent}");
        }
    }

    #[test]
    fn what_is_no_signature_is_not_sent_to_vault() {
        for sent in [
            "",
            "vault:",
            "vault:v1:",
            "vault:v0:c2ln",
            "vault:v01:c2ln",
            "vault:v:c2ln",
            "vault:1:c2ln",
            "vault:v-1:c2ln",
            "vault:v9999999999:c2ln",
            "vault:vault:v1:c2ln",
            "v1:v1:c2ln",
            "c2l",
            "c2lnbg",
            "c2 n",
            "c2ln\n",
            "_-8=",
            "vault:v1:c2ln\",\"x\":\"",
        ] {
            assert_eq!(canonical(sent), None, "{sent:?}");
        }
        assert_eq!(canonical(&"A".repeat(1404)), None);
    }
}
