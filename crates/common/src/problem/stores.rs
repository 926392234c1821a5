//! What a failing store means to a client: unavailable when it is not there, internal otherwise.

use mongodb::error::ErrorKind;

use super::Problem;

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // A proxy that closes during the handshake is reported as a breach of the protocol.
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::unavailable(error),
            // Class 08 is a lost connection, 57P a server that stops or starts, 53 one that has no
            // room (PostgreSQL manual, appendix A).
            sqlx::Error::Database(cause)
                if cause.code().is_some_and(|code| {
                    ["08", "57P", "53"]
                        .iter()
                        .any(|class| code.starts_with(class))
                }) =>
            {
                Self::unavailable(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<mongodb::error::Error> for Problem {
    fn from(error: mongodb::error::Error) -> Self {
        match *error.kind {
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. } => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}
