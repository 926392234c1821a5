//! What a failing store means to a client: unavailable when it is not there, internal otherwise.

use mongodb::error::{Error, ErrorKind, WriteFailure};

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

/// What a MongoDB server says while it stops, or while another one becomes the primary: "not primary"
/// and "node is shutting down" of the server discovery specification, and "primary stepped down".
const ELECTIONS: [i32; 7] = [91, 189, 10107, 11600, 11602, 13435, 13436];

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let electing = code(&error).is_some_and(|code| ELECTIONS.contains(&code));
        match *error.kind {
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. } => Self::unavailable(error),
            _ if electing => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}

/// The server's code, wherever the driver put it.
fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(cause) => Some(cause.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(cause)) => Some(cause.code),
        ErrorKind::InsertMany(cause) => Some(cause.write_concern_error.as_ref()?.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{deserialize_from_document, doc};

    use super::*;
    use crate::ErrorCode;

    #[test]
    fn an_election_is_no_fault_of_ours() {
        let answered = |code: i32| {
            let cause = doc! { "code": code, "codeName": "", "errmsg": "" };
            let command = ErrorKind::Command(deserialize_from_document(cause.clone()).unwrap());
            let concern =
                WriteFailure::WriteConcernError(deserialize_from_document(cause).unwrap());
            [command, ErrorKind::Write(concern)].map(|kind| Problem::from(Error::from(kind)).code())
        };
        for code in ELECTIONS {
            assert_eq!(answered(code), [ErrorCode::Unavailable; 2], "{code}");
        }
        // 11000 is a duplicate key.
        assert_eq!(answered(11000), [ErrorCode::Internal; 2]);
    }
}
