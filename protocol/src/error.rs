//! The codes a client can be given, in one table (rules E-1 and E-2).

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, retryable: $retryable:literal, $advice:literal;)*) => {
        /// What was wrong, as a client can tell it apart (rule E-1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it stands on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether the same request can succeed when it is sent again.
            #[must_use]
            pub fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }

            /// What whoever gets the code should do.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }

            /// The code written `text`, if there is one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// The message could not be parsed.
    Malformed = "MALFORMED", retryable: false, "mend the encoder; the message was not taken";
    /// A field is missing, of the wrong type or out of range.
    Invalid = "INVALID", retryable: false, "a field is missing, of the wrong type or out of range; the message says which";
    /// The message's type is not known.
    UnknownType = "UNKNOWN_TYPE", retryable: false, "the server does not know this message; it may be older than the client";
    /// Text on a MessagePack connection or binary on a JSON one.
    WrongFrame = "WRONG_FRAME", retryable: false, "send text frames for JSON, binary frames for MessagePack";
    /// A message, operation, record or document over its bound.
    TooLarge = "TOO_LARGE", retryable: false, "send less at once; the limits are in JOINED.limits";
    /// No identity yet, or no valid token.
    Unauthenticated = "UNAUTHENTICATED", retryable: false, "join first, with a valid token";
    /// The token does not allow this.
    Forbidden = "FORBIDDEN", retryable: false, "the token does not allow this";
    /// A second `JOIN` on one connection.
    AlreadyJoined = "ALREADY_JOINED", retryable: false, "open another connection for another room or client";
    /// No `JOIN` in time.
    JoinTimeout = "JOIN_TIMEOUT", retryable: false, "send JOIN right after connecting";
    /// The same client joined over another connection.
    Superseded = "SUPERSEDED", retryable: false, "the same client joined elsewhere; do not reconnect by yourself";
    /// Nothing came from the client for too long.
    Silent = "SILENT", retryable: true, "reconnect and resume";
    /// The server restarts.
    ShuttingDown = "SHUTTING_DOWN", retryable: true, "reconnect after retryAfterMs";
    /// The server has as many rooms as it may.
    TooManyRooms = "TOO_MANY_ROOMS", retryable: true, "retry after retryAfterMs";
    /// The server has as many connections as it may.
    TooManyConnections = "TOO_MANY_CONNECTIONS", retryable: true, "retry after retryAfterMs";
    /// The room has as many connections as it may.
    RoomFull = "ROOM_FULL", retryable: true, "retry after retryAfterMs";
    /// The record does not exist.
    NotFound = "NOT_FOUND", retryable: false, "the record does not exist";
    /// The change does not fit the record's data.
    InvalidChange = "INVALID_CHANGE", retryable: false, "the change does not fit the record's data";
    /// Another operation came first.
    Conflict = "CONFLICT", retryable: false, "look at conflict, decide anew";
    /// `baseRev` is outside the ring.
    BaseTooOld = "BASE_TOO_OLD", retryable: false, "rebase on the confirmed state and send under a new id";
    /// A resend whose outcome is forgotten.
    OutcomeUnknown = "OUTCOME_UNKNOWN", retryable: false, "it may have been applied; look at the state";
    /// Too many updates in a second.
    RateLimited = "RATE_LIMITED", retryable: true, "send again after retryAfterMs";
    /// The log cannot commit now.
    Unavailable = "UNAVAILABLE", retryable: true, "the log cannot commit now; send again";
    /// The cursor's next operation is not in the ring; sent as a message of its own.
    RevisionGap = "REVISION_GAP", retryable: true, "apply the snapshot that follows";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a connection was closed, and whether its client should come back (rule E-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// After `LEAVE`.
    Left = 1000,
    /// The client was silent.
    Silent = 1001,
    /// The server restarts.
    Restart = 1012,
    /// A limit was met, or the log is not available.
    TryLater = 1013,
    /// The frames broke RFC 6455 or were not UTF-8.
    BadFrame = 4000,
    /// The same client joined over another connection.
    Superseded = 4001,
    /// A message was too large.
    TooLarge = 4009,
    /// No valid token.
    Unauthenticated = 4401,
    /// The token does not open the room.
    Forbidden = 4403,
    /// No `JOIN` in time.
    JoinTimeout = 4408,
}

impl CloseCode {
    /// The number in the close frame.
    #[must_use]
    pub fn get(self) -> u16 {
        self as u16
    }
}

/// Whether a client should reconnect after a connection ended with `code` (`None`: without a close frame).
#[must_use]
pub fn reconnects_after(code: Option<u16>) -> bool {
    !matches!(code, Some(1000 | 4000..=4999))
}
