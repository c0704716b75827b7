//! The revring protocol, pure and synchronous: no network, no clock, no randomness.
