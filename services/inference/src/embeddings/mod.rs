//! `POST /v1/embeddings`.

pub mod http;
pub mod model;
