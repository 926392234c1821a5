//! Chat against real stores.
