//! TestApp, tokens and infrastructure for tests; never a normal dependency.
