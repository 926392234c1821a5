//! The contract of the crm service: shapes, events and a typed client.
