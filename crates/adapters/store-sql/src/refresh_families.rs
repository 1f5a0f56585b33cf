//! Refresh families: one row a login.

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{SessionId, TenantId};
use chancery_tokens::{
    Binding, EndReason, Family, RefreshFamilySystemStore, Revocation, Rotation, SealedToken, Seen,
    SessionStore, TokenMac,
};
use diesel::{dsl::exists, prelude::*, sql_types::Bool};
use diesel_async::RunQueryDsl;

use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    outbox::Announce,
    revocations::{AddRevocation, RevocationRow},
    schema::tokens::refresh_families,
};

/// [`RefreshFamilySystemStore`] on either engine.
pub struct SqlRefreshFamilies(Database);

impl SqlRefreshFamilies {
    /// The families in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl RefreshFamilySystemStore for SqlRefreshFamilies {
    #[tracing::instrument(name = "store_sql.begin_family", skip_all, fields(sid = %family.sid))]
    async fn begin(&self, family: &Family, events: &[Event]) -> Result<(), Fault> {
        let row = FamilyRow::try_from(family)?;
        transaction!(self.0, |conn| {
            let begun = diesel::insert_into(refresh_families::table)
                .values(row)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            // Begun before means announced before, and perhaps delivered since.
            if begun == 1 {
                conn.announce(events).await?;
            }
            Ok(())
        })
    }

    #[tracing::instrument(name = "store_sql.find_family", skip_all, fields(%sid))]
    async fn find(&self, sid: SessionId) -> Result<Option<Family>, Fault> {
        let row = refresh_families::table.find(Stored(sid));
        let found = read!(self.0, |conn| row
            .select(FamilyRow::as_select())
            .first(conn)
            .await
            .optional())?;
        found.map(Family::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.has_device", skip_all)]
    async fn has_device(&self, subject: &Subject, digest: &[u8; 32]) -> Result<bool, Fault> {
        let theirs = refresh_families::table
            .filter(refresh_families::subject.eq(subject.to_string()))
            .filter(refresh_families::binding_digest.eq(digest.to_vec()));
        read!(self.0, |conn| diesel::select(exists(theirs))
            .get_result(conn)
            .await)
    }

    #[tracing::instrument(name = "store_sql.rotate_family", skip_all, fields(%sid))]
    async fn rotate(&self, sid: SessionId, rotation: &Rotation) -> Result<bool, Fault> {
        let unrotated = refresh_families::table
            .find(Stored(sid))
            .filter(refresh_families::current_pepper_id.eq(&rotation.replaces.pepper_id))
            .filter(refresh_families::current_mac.eq(&rotation.replaces.mac[..]))
            .filter(refresh_families::ended_at.is_null());
        // What `replaces` says is what the row holds, or nothing is changed: so it is what becomes the previous token.
        let rotate = diesel::update(unrotated).set((
            refresh_families::generation.eq(refresh_families::generation + 1),
            refresh_families::previous_pepper_id.eq(&rotation.replaces.pepper_id),
            refresh_families::previous_mac.eq(&rotation.replaces.mac[..]),
            refresh_families::current_pepper_id.eq(&rotation.current.pepper_id),
            refresh_families::current_mac.eq(&rotation.current.mac[..]),
            refresh_families::sealed.eq(&rotation.sealed.0),
            refresh_families::signing_kid.eq(&rotation.signing_kid),
            refresh_families::rotated_at.eq(Stored(rotation.at)),
            refresh_families::expires_at.eq(Stored(rotation.expires_at)),
            rotation.seen.as_ref().map(|seen| {
                (
                    refresh_families::seen_network.eq(&seen.network),
                    refresh_families::seen_user_agent.eq(&seen.user_agent),
                )
            }),
        ));
        let rotated = write_one!(self.0, |conn| rotate.execute(conn).await)?;
        Ok(rotated == 1)
    }

    #[tracing::instrument(name = "store_sql.end_family", skip_all, fields(%sid))]
    async fn end(
        &self,
        sid: SessionId,
        reason: EndReason,
        revocation: &Revocation,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let ended_at = Stored(revocation.at);
        let revocation = RevocationRow::try_from(revocation)?;
        let live = refresh_families::table
            .find(Stored(sid))
            .filter(refresh_families::ended_at.is_null());
        transaction!(self.0, |conn| {
            let ended = diesel::update(live)
                .set((
                    refresh_families::ended_at.eq(ended_at),
                    refresh_families::end_reason.eq(name_of(reason)),
                ))
                .execute(conn)
                .await?;
            if ended == 1 {
                conn.add_revocation(revocation).await?;
                conn.announce(events).await?;
            }
            Ok(ended == 1)
        })
    }

    #[tracing::instrument(name = "store_sql.count_families_over", skip_all)]
    async fn count_over(&self, before: Timestamp) -> Result<u64, Fault> {
        let count: i64 = read!(self.0, |conn| over(before).count().get_result(conn).await)?;
        codec::count(count)
    }

    #[tracing::instrument(name = "store_sql.forget_families_over", skip_all)]
    async fn forget_over(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        let forgotten = transaction!(self.0, |conn| {
            let sids: Vec<Stored<SessionId>> = over(before)
                .limit(limit.into())
                .select(refresh_families::sid)
                .load(conn)
                .await?;
            // None of them lives again, so none has to be looked at once more.
            let forget = refresh_families::table.filter(refresh_families::sid.eq_any(sids));
            Ok(diesel::delete(forget).execute(conn).await?)
        })?;
        u64::try_from(forgotten).map_err(Fault::corrupt)
    }
}

#[async_trait]
impl SessionStore for SqlRefreshFamilies {
    #[tracing::instrument(name = "store_sql.list_sessions", skip_all, fields(%tenant))]
    async fn list_sessions(
        &self,
        tenant: TenantId,
        subject: &Subject,
        past: bool,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Family>, Fault> {
        let live = refresh_families::ended_at
            .is_null()
            .and(refresh_families::expires_at.gt(Stored(now)));
        let theirs = refresh_families::table
            .filter(refresh_families::tenant_id.eq(Stored(tenant)))
            .filter(refresh_families::subject.eq(subject.to_string()))
            .filter(live.or(past.into_sql::<Bool>()))
            .order((refresh_families::created_at.desc(), refresh_families::sid.desc()))
            .limit(limit.into());
        let rows = read!(self.0, |conn| theirs
            .select(FamilyRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Family::try_from).collect()
    }
}

/// Families that were ended or came to their absolute end before then.
#[diesel::dsl::auto_type]
fn over(before: Timestamp) -> _ {
    let before: Stored<Timestamp> = Stored(before);
    let was_ended = refresh_families::ended_at
        .is_not_null()
        .and(refresh_families::ended_at.assume_not_null().lt(before));
    refresh_families::table.filter(was_ended.or(refresh_families::ends_at.lt(before)))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_families, treat_none_as_default_value = false)]
pub(crate) struct FamilyRow {
    sid: Stored<SessionId>,
    pub(crate) tenant_id: Stored<TenantId>,
    pub(crate) subject: String,
    client_id: String,
    pub(crate) scopes: String,
    binding: String,
    binding_digest: Option<Vec<u8>>,
    generation: i64,
    current_pepper_id: String,
    current_mac: Vec<u8>,
    previous_pepper_id: Option<String>,
    previous_mac: Option<Vec<u8>>,
    sealed: Vec<u8>,
    signing_kid: String,
    created_at: Stored<Timestamp>,
    rotated_at: Stored<Timestamp>,
    expires_at: Stored<Timestamp>,
    ends_at: Stored<Timestamp>,
    ended_at: Option<Stored<Timestamp>>,
    end_reason: Option<String>,
    seen_network: Option<String>,
    seen_user_agent: Option<String>,
}

const UNBOUND: &str = "none";
const DEVICE: &str = "device";

impl TryFrom<&Family> for FamilyRow {
    type Error = Fault;

    fn try_from(family: &Family) -> Result<Self, Fault> {
        let (binding, binding_digest) = match &family.binding {
            Binding::None => (UNBOUND, None),
            Binding::Device(digest) => (DEVICE, Some(digest.to_vec())),
        };
        Ok(Self {
            sid: Stored(family.sid),
            tenant_id: Stored(family.tenant),
            subject: family.subject.to_string(),
            client_id: family.client_id.clone(),
            scopes: family.scopes.to_string(),
            binding: binding.to_owned(),
            binding_digest,
            generation: codec::big_int(family.generation)?,
            current_pepper_id: family.current.pepper_id.clone(),
            current_mac: family.current.mac.to_vec(),
            previous_pepper_id: family.previous.as_ref().map(|token| token.pepper_id.clone()),
            previous_mac: family.previous.as_ref().map(|token| token.mac.to_vec()),
            sealed: family.sealed.0.clone(),
            signing_kid: family.signing_kid.clone(),
            created_at: Stored(family.created_at),
            rotated_at: Stored(family.rotated_at),
            expires_at: Stored(family.expires_at),
            ends_at: Stored(family.ends_at),
            ended_at: family.ended.map(|(at, _)| Stored(at)),
            end_reason: family.ended.map(|(_, reason)| name_of(reason).to_owned()),
            seen_network: family.seen.network.clone(),
            seen_user_agent: family.seen.user_agent.clone(),
        })
    }
}

impl TryFrom<FamilyRow> for Family {
    type Error = Fault;

    fn try_from(row: FamilyRow) -> Result<Self, Fault> {
        let binding = match (row.binding.as_str(), &row.binding_digest) {
            (UNBOUND, None) => Binding::None,
            (DEVICE, Some(digest)) => {
                Binding::Device(codec::fixed("refresh_families.binding_digest", digest)?)
            }
            (other, _) => return Err(Fault::corrupt(format!("a refresh family is bound by {other:?}"))),
        };
        let previous = row.previous_pepper_id.zip(row.previous_mac);
        let ended = row.ended_at.zip(row.end_reason);
        Ok(Self {
            sid: row.sid.0,
            tenant: row.tenant_id.0,
            subject: row.subject.parse().map_err(Fault::corrupt)?,
            client_id: row.client_id,
            scopes: row.scopes.parse().map_err(Fault::corrupt)?,
            binding,
            generation: codec::count(row.generation)?,
            current: token_mac(row.current_pepper_id, &row.current_mac)?,
            previous: previous.map(|(id, mac)| token_mac(id, &mac)).transpose()?,
            sealed: SealedToken(row.sealed),
            signing_kid: row.signing_kid,
            created_at: row.created_at.0,
            rotated_at: row.rotated_at.0,
            expires_at: row.expires_at.0,
            ends_at: row.ends_at.0,
            seen: Seen {
                network: row.seen_network,
                user_agent: row.seen_user_agent,
            },
            ended: ended
                .map(|(at, name)| end_reason(&name).map(|reason| (at.0, reason)))
                .transpose()?,
        })
    }
}

fn token_mac(pepper_id: String, mac: &[u8]) -> Result<TokenMac, Fault> {
    Ok(TokenMac {
        pepper_id,
        mac: codec::fixed("a check value of refresh_families", mac)?,
    })
}

pub(crate) const fn name_of(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Logout => "logout",
        EndReason::Reuse => "reuse",
        EndReason::Revoked => "revoked",
        EndReason::Compromise => "compromise",
    }
}

fn end_reason(name: &str) -> Result<EndReason, Fault> {
    const ALL: [EndReason; 4] = [
        EndReason::Logout,
        EndReason::Reuse,
        EndReason::Revoked,
        EndReason::Compromise,
    ];
    codec::named("refresh_families.end_reason", &ALL, name_of, name)
}
