//! Agent configs, knowledge and turns.
