//! Request and response shapes: extractors that answer problems, cursors, entity tags, idempotency keys.
