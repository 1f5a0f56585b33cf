//! Settings that must be refused, and defaults that must hold.

use std::path::Path;

use super::{Config, ConfigErrors, Source};

fn config(settings: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    let mut environment: Vec<_> = settings
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    environment.push(("DATA_DIR".to_owned(), folder.path().display().to_string()));
    Config::from_source(Source::read(Path::new("/nonexistent/chancery.toml"), environment).unwrap())
}

fn refusal(settings: &[(&str, &str)]) -> String {
    config(settings).unwrap_err().to_string()
}

#[test]
fn nothing_has_to_be_set_in_development() {
    let config = config(&[]).unwrap();
    assert!(!config.storage.postgres && config.storage.auto_migrate);
    assert_eq!(config.auth.issuer, "http://localhost:8080");
    assert!(config.model.openai.is_none() && config.model.titles);
}

#[test]
fn titles_are_made_by_a_model_or_not_at_all() {
    assert!(!config(&[("CONVERSATION_TITLES", "off")]).unwrap().model.titles);
    assert!(refusal(&[("CONVERSATION_TITLES", "on")]).contains("must be model or off"));
}

#[test]
fn a_star_among_the_origins_is_refused() {
    assert!(refusal(&[("ALLOWED_ORIGINS", "https://a.example,*")]).contains("ALLOWED_ORIGINS"));
}

#[test]
fn published_default_peppers_are_refused_in_every_environment() {
    let errors = refusal(&[("AUTH_REFRESH_TOKEN_PEPPER", "local-dev-refresh-pepper")]);
    assert!(errors.contains("published default"), "{errors}");
}

#[test]
fn outside_development_no_secret_is_made() {
    let errors = refusal(&[("ENVIRONMENT", "production")]);
    assert!(
        errors.contains("AUTH_REFRESH_TOKEN_PEPPER") && errors.contains("AUTH_PASSWORD_PEPPER"),
        "{errors}"
    );
}

#[test]
fn postgres_without_redis_or_shared_keys_is_refused_outside_development() {
    let secret = "0123456789abcdef0123456789abcdef";
    let errors = refusal(&[
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://db/chancery"),
        ("AUTH_REFRESH_TOKEN_PEPPER", secret),
        ("AUTH_PASSWORD_PEPPER", secret),
    ]);
    assert!(
        errors.contains("REDIS_URL") && errors.contains("AUTH_KEY_STORAGE_BACKEND"),
        "{errors}"
    );
}

#[test]
fn access_tokens_live_at_most_half_an_hour() {
    assert!(refusal(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "31")]).contains("from 1 to 30"));
}

#[test]
fn the_issuer_comes_from_the_public_address_never_from_the_port() {
    let config = config(&[("APP_PUBLIC_URL", "https://id.example.org/"), ("PORT", "9999")]).unwrap();
    assert_eq!(config.auth.issuer, "https://id.example.org");
    assert!(config.http.allowed_hosts.contains(&"id.example.org".to_owned()));
}

#[test]
fn a_base_url_alone_chooses_the_openai_adapter() {
    let config = config(&[("OPENAI_BASE_URL", "http://localhost:11434/v1")]).unwrap();
    assert!(config.model.openai.unwrap().api_key.is_none());
}

#[test]
fn a_bad_model_address_is_refused_by_name() {
    assert!(refusal(&[("OPENAI_BASE_URL", "localhost:11434")]).contains("OPENAI_BASE_URL"));
}
