//! What the drivers say, in the domain's words.

use chancery_ambient::Fault;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::deadpool::PoolError;

/// Why a `transaction!` is rolled back.
#[derive(Debug)]
pub(crate) enum Undone<A> {
    /// The change does not apply after all: nothing of it stays, and this is the answer.
    Answer(A),
    /// What was found breaks a promise.
    Fault(Fault),
    /// The database failed.
    Failed(Error),
}

impl<A> From<Error> for Undone<A> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<A> From<Fault> for Undone<A> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What a transaction has come to.
pub(crate) fn settled<A>(outcome: Result<A, Undone<A>>) -> Result<A, Fault> {
    match outcome {
        Ok(answer) | Err(Undone::Answer(answer)) => Ok(answer),
        Err(Undone::Fault(fault)) => Err(fault),
        Err(Undone::Failed(error)) => Err(failed(error)),
    }
}

/// No connection was to be had: the pool gave none in time, or the database refuses.
pub(crate) fn no_connection(error: PoolError) -> Fault {
    Fault::unavailable(error)
}

/// A statement failed.
pub(crate) fn failed(error: Error) -> Fault {
    // `NotFound` is only left where a row must be there: elsewhere `optional` takes it away.
    if matches!(error, Error::DeserializationError(_) | Error::NotFound) {
        return Fault::corrupt(error);
    }
    if let Error::DatabaseError(DatabaseErrorKind::Unknown, what) = &error
        && ran_out_of_time(what.message())
    {
        return Fault::timed_out(error);
    }
    Fault::unavailable(error)
}

/// Diesel keeps the text of an error and not its code. Postgres says the first when `statement_timeout` ends a statement
/// (in English unless the server's `lc_messages` says otherwise; then it counts as unavailable), SQLite the second when it
/// is interrupted.
fn ran_out_of_time(message: &str) -> bool {
    message.contains("statement timeout") || message == "interrupted"
}

#[cfg(test)]
mod tests {
    use chancery_ambient::Fault;
    use diesel::result::{DatabaseErrorKind, Error};

    use super::{Undone, failed, settled};

    fn database_error(message: &str) -> Error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
    }

    #[test]
    fn a_cancelled_statement_leaves_open_whether_it_happened() {
        for message in ["canceling statement due to statement timeout", "interrupted"] {
            assert!(
                matches!(failed(database_error(message)), Fault::TimedOut(_)),
                "{message}"
            );
        }
        assert!(matches!(
            failed(database_error("database is locked")),
            Fault::Unavailable(_)
        ));
    }

    #[test]
    fn what_cannot_be_read_is_damage() {
        assert!(matches!(
            failed(Error::DeserializationError("x".into())),
            Fault::Corrupt(_)
        ));
    }

    #[test]
    fn an_undone_change_still_has_its_answer() {
        assert!(matches!(settled(Err(Undone::Answer(7))), Ok(7)));
    }
}
