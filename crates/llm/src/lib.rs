//! The port to chat models and embeddings, with an OpenAI-compatible adapter and a strict fake.
