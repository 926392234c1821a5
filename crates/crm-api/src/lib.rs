//! The contract of the CRM service: contacts, interactions, its events, and the client of its internal
//! listener.

mod client;
mod contact;
pub mod events;
mod interaction;

pub use client::{CrmClient, FindByVisitor};
pub use contact::{Contact, CreateContact, PatchContact};
pub use interaction::{Interaction, InteractionType};
