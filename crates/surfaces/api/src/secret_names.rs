//! Names behind which secrets stand.

/// Words that make a name one of a secret. `client_secret`, `access_token` and the like contain one of them.
const SECRET_WORDS: [&str; 7] = [
    "apikey",
    "authorization",
    "token",
    "secret",
    "password",
    "passphrase",
    "bearer",
];

/// Whether a value of this name is a secret. Whole words count, so that `max_tokens` stays readable: `api_key`, `apiKey`,
/// `X-Api-Key` and `APIKey` are the same two words.
pub(crate) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
        || words.windows(2).any(|pair| pair == ["api", "key"])
}

/// The words of a name in any of the usual spellings, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let ends_acronym = before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase());
        let begins_word = c.is_uppercase() && (!before.is_uppercase() || ends_acronym);
        if begins_word || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn names_of_secrets_are_known_in_any_spelling() {
        for name in [
            "api_key",
            "apiKey",
            "APIKey",
            "X-API-Key",
            "apikey",
            "Authorization",
            "token",
            "access_token",
            "refreshToken",
            "ID_TOKEN",
            "client secret",
            "userPassword",
            "new_password",
            "bearer",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn harmless_names_that_merely_contain_the_letters_are_not() {
        for name in [
            "max_tokens",
            "tokens",
            "secretary",
            "api",
            "key",
            "monkey_api",
            "",
            "passwordless",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
