//! Events written in the transaction, relayed after it, and their effects applied once.
