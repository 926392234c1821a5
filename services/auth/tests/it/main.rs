//! Tests of the service over HTTP, on real PostgreSQL and RabbitMQ.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accounts;
mod audit;
mod authenticator;
mod company;
mod demand;
mod emails;
mod exchange;
mod factors;
mod fixture;
mod identified;
mod internal;
mod invites;
mod issuer_settings;
mod issuers;
mod joining;
mod keys;
mod linked;
mod members;
mod outage;
mod owners;
mod passkeys;
mod passwords;
mod permissions;
mod provider;
mod refresh;
mod replica;
mod reseal;
mod revocations;
mod roles;
mod sessions;
mod signing;
mod stored;
mod team;
mod visitors;
mod workspaces;
