//! The contract of the analytics service: shapes, events and a typed client.
