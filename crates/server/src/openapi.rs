//! The API's description, generated from the handlers.

use std::{process::ExitCode, sync::LazyLock};

use actix_web::App;
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_actix_web::AppExt;

use crate::system;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut text = describe().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// The document as JSON text.
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

/// `chancery openapi`.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) fn print() -> ExitCode {
    print!("{}", document());
    ExitCode::SUCCESS
}

fn describe() -> OpenApi {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .configure(system::configure)
        .configure(chancery_oauth::describe)
        .configure(chancery_api::describe)
        .split_for_parts();
    document.info = InfoBuilder::new()
        .title("Chancery")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Identity, authority, memory and an account for AI agents"))
        .build();
    document.merge(chancery_api::security());
    document
}
