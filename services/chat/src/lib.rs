//! Channels, messages and sockets.
