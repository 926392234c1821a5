//! `POST /v1/chat/completions` by the extractive model.

pub mod http;
pub mod model;
pub mod reply;
