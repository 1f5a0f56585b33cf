//! People's passwords and proved addresses.

use async_trait::async_trait;
use chancery_accounts::{
    LinkId, PasswordChange, PasswordHash, PasswordSet, PasswordStore, ProvedBy, ResetOrder,
};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{RevocationId, UserId};
use chancery_tokens::{RevocationOrder, Revoked};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    Database,
    apps::LockTenant,
    codec::Stored,
    database::{read, transaction},
    fault::Undone,
    links::{AddLink, LinkRow},
    outbox::Announce,
    places::{EndOfPerson, Places},
    revocations::{AddRevocation, RevocationRow},
    schema::accounts::{mailed_links, password_history, users},
};

/// [`PasswordStore`] on either engine.
pub struct SqlPasswords(Database);

impl SqlPasswords {
    /// The passwords in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl PasswordStore for SqlPasswords {
    #[tracing::instrument(name = "store_sql.last_passwords", skip_all, fields(%user))]
    async fn last_passwords(&self, user: UserId, count: u16) -> Result<Vec<PasswordHash>, Fault> {
        let (current, mut before) = read!(self.0, |conn| {
            let current: Option<Option<String>> = users::table
                .find(Stored(user))
                .select(users::password_hash)
                .first(conn)
                .await
                .optional()?;
            let before: Vec<String> = password_history::table
                .filter(password_history::user_id.eq(Stored(user)))
                .order(password_history::id.desc())
                .limit(i64::from(count))
                .select(password_history::password_hash)
                .load(conn)
                .await?;
            Ok((current, before))
        })?;
        if let Some(current) = current.flatten() {
            before.insert(0, current);
        }
        before.truncate(count.into());
        Ok(before.into_iter().map(PasswordHash::from_stored).collect())
    }

    #[tracing::instrument(name = "store_sql.set_password", skip_all, fields(user = %change.user))]
    async fn set_password(&self, change: &PasswordChange) -> Result<PasswordSet, Fault> {
        let user = Stored(change.user);
        let at = Stored(change.order.at);
        transaction!(self.0, |conn| {
            if let ProvedBy::Link(link) = &change.by {
                let used = mailed_links::table
                    .find(Stored(*link))
                    .filter(mailed_links::user_id.eq(user));
                if diesel::delete(used).execute(conn).await? == 0 {
                    return Err(Undone::Answer(PasswordSet::NotProved));
                }
            }
            let found: Option<(Option<String>, i64)> = users::table
                .find(user)
                .select((users::password_hash, users::token_epoch))
                .first(conn)
                .await
                .optional()?;
            let Some((old, epoch)) = found else {
                return Err(Undone::Answer(PasswordSet::NotProved));
            };
            if let ProvedBy::Password(known) = &change.by
                && old.as_deref() != Some(known.as_stored())
            {
                return Err(Undone::Answer(PasswordSet::NotProved));
            }
            // Every change of a password raises the epoch: of two at once one finds another one.
            let unchanged = users::table.find(user).filter(users::token_epoch.eq(epoch));
            let epoch: Option<i64> = diesel::update(unchanged)
                .set((
                    users::password_hash.eq(change.new.as_stored()),
                    users::token_epoch.eq(users::token_epoch + 1),
                    users::updated_at.eq(at),
                ))
                .returning(users::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(PasswordSet::NotProved));
            };
            if let Some(old) = old {
                diesel::insert_into(password_history::table)
                    .values((
                        password_history::user_id.eq(user),
                        password_history::id.eq(Stored(change.order.id)),
                        password_history::password_hash.eq(old),
                        password_history::replaced_at.eq(at),
                    ))
                    .execute(conn)
                    .await?;
            }
            let kept: Vec<Stored<RevocationId>> = password_history::table
                .filter(password_history::user_id.eq(user))
                .order(password_history::id.desc())
                .limit(i64::from(change.keep.saturating_sub(1)))
                .select(password_history::id)
                .load(conn)
                .await?;
            let forgotten = password_history::table
                .filter(password_history::user_id.eq(user))
                .filter(password_history::id.ne_all(kept));
            diesel::delete(forgotten).execute(conn).await?;
            diesel::delete(mailed_links::table.filter(mailed_links::user_id.eq(user)))
                .execute(conn)
                .await?;
            conn.end_of_person(change.user, change.order, epoch).await?;
            conn.announce(&change.events).await?;
            Ok(PasswordSet::Set)
        })
    }

    #[tracing::instrument(name = "store_sql.verify_email", skip_all, fields(%link))]
    async fn verify_email(&self, link: LinkId, at: Timestamp, events: &[Event]) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            let row = diesel::delete(mailed_links::table.find(Stored(link)))
                .returning(LinkRow::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            let Some((row, user)) = row.and_then(|row| row.user_id.map(|user| (row, user))) else {
                return Err(Undone::Answer(false));
            };
            let unproved = users::table
                .find(user)
                .filter(users::email_canonical.eq(&row.email_canonical))
                .filter(users::email_verified_at.is_null());
            diesel::update(unproved)
                .set((
                    users::email_verified_at.eq(Stored(at)),
                    users::updated_at.eq(Stored(at)),
                ))
                .execute(conn)
                .await?;
            conn.announce(events).await?;
            Ok(true)
        })
    }

    #[tracing::instrument(name = "store_sql.order_reset", skip_all, fields(tenant = %reset.tenant, user = %reset.of.user))]
    async fn order_reset(&self, reset: &ResetOrder) -> Result<bool, Fault> {
        let link = LinkRow::from(&reset.link);
        let tenant = Stored(reset.tenant);
        transaction!(self.0, |conn| {
            conn.lock_tenant(tenant).await?;
            if !conn.stands(tenant, reset.by).await? || !conn.stands(tenant, reset.of).await? {
                return Err(Undone::Answer(false));
            }
            conn.add_link(&link, reset.most).await?;
            let ended = conn
                .end_sessions(reset.of.user, Some(reset.tenant), reset.order.at)
                .await?;
            for session in ended {
                // Each is a row of its own, under an id that a repeated command draws again.
                let id = RevocationId::from_uuid(session.as_uuid());
                let end = RevocationOrder { id, ..reset.order }.of(Revoked::Session(session));
                conn.add_revocation(RevocationRow::try_from(&end)?).await?;
            }
            conn.announce(&reset.events).await?;
            Ok(true)
        })
    }
}
