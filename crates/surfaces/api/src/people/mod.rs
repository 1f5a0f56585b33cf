//! Passwords, proved addresses, members and invitations.

mod members;
mod passwords;
mod problem;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use serde::Serialize;

pub(crate) use members::{
    accept_invitation, change_member, invite, list_invitations, list_members, remove_member,
    withdraw_invitation,
};
pub(crate) use passwords::{
    change_password, confirm_password, forgot_password, reset_password, send_verification, verify_email,
};

fn answer(status: StatusCode, body: impl Serialize) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
