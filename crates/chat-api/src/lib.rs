//! The contract of the chat service: shapes, events and a typed client.
