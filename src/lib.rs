//! A real-time revision server.
