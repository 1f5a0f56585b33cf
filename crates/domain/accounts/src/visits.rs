//! Platform staff in somebody else's tenant: only to read, with a reason, and written down before anything is read.

use chancery_access::{Denied, Principal, Scope, TenantRole};
use chancery_ambient::Fault;
use chancery_events::{Event, EventKind};
use chancery_ids::TenantId;

use crate::AccountService;

/// How long a reason is, in characters.
pub const REASON: std::ops::RangeInclusive<usize> = 8..=500;

/// Why an operator was not let in.
#[derive(Debug, thiserror::Error)]
pub enum VisitRefused {
    /// Who asks is no operator, or no person, or acts for somebody else.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It is too short to mean anything, or too long.
    #[error("a reason has {} to {} characters", REASON.start(), REASON.end())]
    Reason,
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Absent,
    /// Something outside failed, so nothing may be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl AccountService {
    /// The caller as a visitor of `tenant`, stopped or not: with what its administrators may see and no role. Whoever calls this has
    /// made sure that nothing but reading follows. `route` is what will be read.
    ///
    /// The visit is in the tenant's audit trail when this answers.
    #[tracing::instrument(name = "accounts.visit", skip_all, fields(%tenant))]
    pub async fn visit(
        &self,
        caller: &Principal,
        tenant: TenantId,
        reason: &str,
        route: &str,
    ) -> Result<Principal, VisitRefused> {
        caller.require_own()?;
        caller.require_person()?;
        caller.require(Scope::PLATFORM_OPERATOR)?;
        let reason = reason.trim();
        if !REASON.contains(&reason.chars().count()) {
            return Err(VisitRefused::Reason);
        }
        let visited = Event::new(
            &self.ambient,
            tenant,
            EventKind::TenantAccessOverride,
            tenant.to_string(),
        )
        .with("by", caller.subject.to_string())
        .with("session", caller.session.map(|session| session.to_string()))
        .with("reason", reason)
        .with("route", route);
        if !self.system.record_visit(tenant, &visited).await? {
            return Err(VisitRefused::Absent);
        }
        Ok(Principal {
            tenant,
            role: None,
            scopes: TenantRole::Admin.scopes(),
            ..caller.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use chancery_access::{Denied, Scope, TenantRole};
    use chancery_ambient::Ambient;
    use chancery_events::EventKind;

    use super::VisitRefused;
    use crate::fixture::{Fixture, PASSWORD};

    const REASON: &str = "ticket 4711: an invitation that never came";

    #[tokio::test]
    async fn an_operator_is_let_in_with_a_reason_that_is_written_down() {
        let f = Fixture::new().await;
        let (_, user) = f.member("ada@example.org").await;
        f.make_operator(user);
        let elsewhere = f.join_new_tenant(Ambient::system().new_id(), TenantRole::Owner);
        let logged_in = f.log_in("ada@example.org", PASSWORD).await.unwrap();
        let caller = f.caller(&logged_in).await;
        let visitor = f
            .service
            .visit(&caller, elsewhere, REASON, "/members")
            .await
            .unwrap();
        assert_eq!((visitor.tenant, visitor.role), (elsewhere, None));
        assert_eq!(visitor.subject, caller.subject);
        assert!(visitor.scopes.allows(Scope::MEMBERS_MANAGE));
        let events = f.store.state().events.clone();
        let visit = events.last().unwrap();
        assert_eq!(
            (visit.kind, visit.tenant),
            (EventKind::TenantAccessOverride, elsewhere)
        );
        assert_eq!(visit.payload["reason"], REASON);

        for reason in ["", "short", &"x".repeat(501)] {
            let refused = f.service.visit(&caller, elsewhere, reason, "/members").await;
            assert!(matches!(refused, Err(VisitRefused::Reason)), "{reason}");
        }
        let nowhere = Ambient::system().new_id();
        let refused = f.service.visit(&caller, nowhere, REASON, "/members").await;
        assert!(matches!(refused, Err(VisitRefused::Absent)));
        assert_eq!(f.store.state().events.len(), events.len());
    }

    #[tokio::test]
    async fn an_owner_who_is_no_operator_stays_outside() {
        let f = Fixture::new().await;
        f.member("ada@example.org").await;
        let elsewhere = f.join_new_tenant(Ambient::system().new_id(), TenantRole::Owner);
        let logged_in = f.log_in("ada@example.org", PASSWORD).await.unwrap();
        let caller = f.caller(&logged_in).await;
        let refused = f.service.visit(&caller, elsewhere, REASON, "/members").await;
        assert!(matches!(refused, Err(VisitRefused::Denied(Denied::Scope(_)))));
    }
}
