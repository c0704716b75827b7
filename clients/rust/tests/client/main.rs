//! The client against a scripted server, and against the real one.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod cross;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod liveness;
#[cfg(test)]
mod node;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
#[cfg(test)]
mod updates;
