//! How settings must fit together.

use revring_protocol::limits::BATCH_SHARE;

use super::{
    Settings,
    error::{ConfigError, Origin},
    keys::{self, KEYS},
    value::show_size,
};

/// Where the value of a setting came from.
type Origins<'a> = &'a dyn Fn(&'static str) -> Origin;

/// Lowers what depends on another setting and was not set itself.
pub(super) fn settle(settings: &mut Settings, is_set: &dyn Fn(&str) -> bool) {
    let s = settings;
    if !is_set("operation-bytes") {
        s.operation_bytes = s.operation_bytes.min(s.ring_bytes / BATCH_SHARE);
    }
    if !is_set("record-bytes") {
        s.record_bytes = s.record_bytes.min(s.document_bytes);
    }
    if !is_set("presence-bytes") {
        s.presence_bytes = s.presence_bytes.min(s.message_bytes);
    }
    if !is_set("heartbeat") {
        s.heartbeat = s.heartbeat.min(s.silence / 3);
    }
}

/// Checks every value, then how they fit together.
pub(super) fn check(settings: &Settings, origins: Origins<'_>) -> Result<(), ConfigError> {
    if let Some(key) = KEYS.iter().find(|key| !key.in_range(settings)) {
        return Err(refuse(settings, origins, key.name, key.allowed()));
    }
    let s = settings;
    let quarter = s.ring_bytes / BATCH_SHARE;
    if s.operation_bytes > quarter {
        let allowed = format!(
            "allowed: at most {}, a quarter of ring-bytes ({})",
            show_size(quarter),
            origins("ring-bytes")
        );
        return Err(refuse(s, origins, "operation-bytes", allowed));
    }
    if s.record_bytes > s.document_bytes {
        return Err(refuse(
            s,
            origins,
            "record-bytes",
            at_most(s, origins, "document-bytes"),
        ));
    }
    if s.presence_bytes > s.message_bytes {
        return Err(refuse(
            s,
            origins,
            "presence-bytes",
            at_most(s, origins, "message-bytes"),
        ));
    }
    if s.heartbeat >= s.silence {
        let silence = shown(s, "silence");
        let allowed = format!(
            "allowed: less than silence, which is {silence} ({})",
            origins("silence")
        );
        return Err(refuse(s, origins, "heartbeat", allowed));
    }
    if let Some(key) = contradicts_ephemeral(s, origins) {
        let allowed = format!(
            "ephemeral ({}) keeps nothing on disk: leave one of them out",
            origins("ephemeral")
        );
        return Err(refuse(s, origins, key, allowed));
    }
    if s.tokens.is_empty() && !s.open && !s.listen.ip().to_canonical().is_loopback() {
        let allowed = "without tokens only loopback addresses such as 127.0.0.1 are allowed, because anyone who \
                       reaches this one could read and write every room: add [[tokens]] to the configuration file, \
                       or set open if that is what you want";
        return Err(refuse(s, origins, "listen", allowed.to_owned()));
    }
    Ok(())
}

/// A setting about the disk that was given in the same place as `ephemeral`; one from elsewhere is overruled by it.
fn contradicts_ephemeral(settings: &Settings, origins: Origins<'_>) -> Option<&'static str> {
    let place = |key| match origins(key) {
        Origin::Flag(_) => Some(0),
        Origin::Environment(_) => Some(1),
        Origin::File { .. } => Some(2),
        Origin::Default | Origin::Given => None,
    };
    let ephemeral = place("ephemeral").filter(|_| settings.ephemeral)?;
    let about_disk = ["data-dir", "durability"];
    about_disk
        .into_iter()
        .find(|key| place(key) == Some(ephemeral))
}

fn at_most(settings: &Settings, origins: Origins<'_>, bound: &'static str) -> String {
    let value = shown(settings, bound);
    format!(
        "allowed: at most {bound}, which is {value} ({})",
        origins(bound)
    )
}

fn refuse(
    settings: &Settings,
    origins: Origins<'_>,
    key: &'static str,
    allowed: String,
) -> ConfigError {
    ConfigError::Value {
        key,
        value: shown(settings, key),
        origin: origins(key),
        allowed,
    }
}

fn shown(settings: &Settings, name: &str) -> String {
    keys::find(name)
        .and_then(|key| key.shown(settings))
        .unwrap_or_default()
}
