//! The contract of the agent service: shapes, events and a typed client.
