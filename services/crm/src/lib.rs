//! Contacts and their interactions.
