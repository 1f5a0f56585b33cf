#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod email;
mod error;
mod first_owner;
#[cfg(test)]
mod fixture;
mod hash_pool;
mod log_in;
mod login_guard;
mod member;
mod owner_password;
mod password;
mod people;
mod pepper;
mod ports;
mod refresh;
mod scheme;
mod service;
mod service_accounts;
#[cfg(test)]
mod twin;
mod visits;
mod watch;
mod workers;

pub use email::{EmailAddress, EmailError};
pub use error::{FirstOwnerRefused, LoginRefused, ProfileRefused, RefreshRefused};
pub use first_owner::{FirstOwnerMade, FirstOwnerRequest};
pub use hash_pool::{Familiarity, HashPool, HashRefused};
pub use log_in::LoginRequest;
pub use login_guard::{LockoutSettings, LoginGuard};
pub use member::{FirstOwner, Login, Member, Membership, TenantState, UserState};
pub use owner_password::{OwnerPassword, draw_owner_password};
pub use password::PasswordHash;
pub use people::{
    Acceptance, Accepted, InvitationRefused, Link, LinkId, LinkKind, LinkRefused, LinkSecret,
    LinkSystemStore, Mail, Mailer, MemberChange, MemberItem, MembersRefused, NewMember, PasswordChange,
    PasswordRefused, PasswordSet, PasswordStore, PeopleLimits, PeopleParts, PeopleService, PeopleSettings,
    PeopleStore, PlaceChange, ProvedBy, ResetOrder, Standing, StolenPasswords, WeakPassword, WishPlace,
};
pub use pepper::PasswordPeppers;
pub use ports::{AccountSystemStore, MemberStore};
pub use refresh::RefreshRequest;
pub use scheme::Verdict;
pub use service::{AccountService, LoggedIn};
pub use service_accounts::{
    CatalogueError, DEFAULT_VAULT_KEY, IssueLimits, IssueRefused, IssueRequest, IssuedServiceToken,
    NonceMark, PayloadRefused, PayloadSignatures, RuleBroken, ServiceAccount, ServiceAccountCatalogue,
    ServiceAccountParts, ServiceAccountService, ServiceAccountSettings, ServiceIssue, ServiceIssued,
    ServiceStanding, ServiceTokenFilter, ServiceTokenStore, ServiceTokensRefused, SignedRequest, TokenStatus,
};
pub use visits::{REASON, VisitRefused};
pub use watch::AccountWatch;
