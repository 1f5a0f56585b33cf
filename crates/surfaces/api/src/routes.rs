//! Every route of this surface.

use std::sync::Arc;

use actix_web::{App, middleware::from_fn, web::Data};
use chancery_actix_auth::BearerAuth;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, OpenApi, OpenApiBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_actix_web::{AppExt, scope, service_config::ServiceConfig};

use crate::{
    agents, auth,
    caller::OwnTokens,
    conversations, guardrails, people,
    problem::{Problem, RouteMethods, Violation, name_instance},
    runs, service_accounts,
    state::Api,
    tools, usage,
};

/// Mounts the routes over `api`, and tells [`crate::problem::not_found_or_method`] which methods they take.
pub fn configure(api: Api) -> impl FnOnce(&mut ServiceConfig) {
    move |routes| {
        let verifier = OwnTokens {
            tokens: api.tokens.clone(),
            tasks: api.tasks.clone(),
            clock: api.ambient.clock.clone(),
        };
        let auth = BearerAuth::new(Arc::new(verifier), "chancery");
        let (_, described) = App::new().into_utoipa_app().configure(describe).split_for_parts();
        routes
            .app_data(Data::new(auth))
            .app_data(Data::new(RouteMethods::of(&described)))
            .app_data(Data::from(api.ambient.clock.clone()))
            .app_data(Data::new(api));
        describe(routes);
    }
}

/// Mounts the routes without anything behind them, for the API's description.
pub fn describe(routes: &mut ServiceConfig) {
    let table = |routes: &mut ServiceConfig| {
        routes
            .service(auth::log_in)
            .service(auth::refresh)
            .service(auth::show_me)
            .service(auth::log_out)
            .service(auth::log_out_everywhere)
            .service(auth::list_sessions)
            .service(auth::end_session)
            .service(auth::delegate)
            .service(service_accounts::issue_signed)
            .service(service_accounts::issue_by_person)
            .service(service_accounts::list_tokens)
            .service(service_accounts::revoke_token)
            .service(people::change_password)
            .service(people::forgot_password)
            .service(people::confirm_password)
            .service(people::reset_password)
            .service(people::send_verification)
            .service(people::verify_email)
            .service(people::list_members)
            .service(people::change_member)
            .service(people::remove_member)
            .service(people::invite)
            .service(people::list_invitations)
            .service(people::accept_invitation)
            .service(people::withdraw_invitation)
            .service(runs::chat)
            .service(runs::chat_stream)
            .service(runs::follow_run)
            .service(runs::follow_conversation)
            .service(runs::cancel_run)
            .service(runs::list_approvals)
            .service(runs::show_approval)
            .service(runs::settle_approval)
            .service(agents::list_agents)
            .service(agents::show_agent_status)
            .service(tools::list_tools)
            .service(usage::list_usage)
            .service(guardrails::list_guardrails)
            .service(conversations::list_conversations)
            // Before the route with a name in its place.
            .service(conversations::search_conversations)
            .service(conversations::show_conversation)
            .service(conversations::list_messages)
            .service(conversations::rename_conversation)
            .service(conversations::follow_title)
            .service(conversations::delete_conversation)
            .service(conversations::delete_message)
            .service(conversations::export)
            .service(conversations::erase);
    };
    routes.service(scope("/api/v1").wrap(from_fn(name_instance)).configure(table));
}

/// What the descriptions of routes refer to: how callers prove themselves, and the error body.
pub fn security() -> OpenApi {
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components
        .schemas
        .insert(Problem::name().into_owned(), Problem::schema());
    components
        .schemas
        .insert(Violation::name().into_owned(), Violation::schema());
    OpenApiBuilder::new().components(Some(components)).build()
}

#[cfg(test)]
mod tests;
