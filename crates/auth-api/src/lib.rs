//! The contract of the auth service: shapes, events and a typed client.
