//! Executable conformance fixtures.
