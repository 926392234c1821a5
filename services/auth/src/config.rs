//! Settings and subcommands; `--help` lists them all.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Users, workspaces, sessions, permissions and keys; the only signer of people's and visitors' tokens.
#[derive(Debug, Parser)]
#[command(name = "auth", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Key files for the fleet.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: KeysCommand,
    },
}

/// What to do with key files.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the keys that are missing: one for each service, one that signs people's tokens, and the
    /// services' public set. Keeps those that are there.
    Generate {
        /// The folder that they are written to.
        #[arg(long)]
        out: PathBuf,
    },
}
