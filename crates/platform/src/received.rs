//! What a webhook brings.

use domain::event::PlatformEvent;

/// An authentic webhook.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// The platform checks whether the address answers. Nothing happened.
    Ping,
    /// What happened: one event or several.
    Facts(Vec<VerifiedEvent>),
}

/// An authentic event.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedEvent {
    pub event: PlatformEvent,
    /// What the inbox keeps of the webhook: the received body, or the part about this event, with secrets redacted.
    pub stored_body: serde_json::Value,
}
