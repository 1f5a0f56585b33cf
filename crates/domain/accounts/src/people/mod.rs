//! What people do about their passwords and addresses, and with one another: links that are mailed, members, invitations.

mod error;
mod invitations;
mod link;
mod mail;
mod members;
mod passwords;
mod policy;
mod ports;
mod service;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

pub use error::{InvitationRefused, LinkRefused, MembersRefused, PasswordRefused};
pub use invitations::Acceptance;
pub use link::{Link, LinkId, LinkKind, LinkSecret};
pub use mail::{Mail, Mailer};
pub use policy::WeakPassword;
pub(crate) use policy::check;
pub use ports::{
    Accepted, LinkSystemStore, MemberChange, MemberItem, NewMember, PasswordChange, PasswordSet,
    PasswordStore, PeopleStore, PlaceChange, ProvedBy, ResetOrder, Standing, StolenPasswords,
};
pub use service::{PeopleLimits, PeopleParts, PeopleService, PeopleSettings, WishPlace};
