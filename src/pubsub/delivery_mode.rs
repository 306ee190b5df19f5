//! How the subscribers of a channel are served, and what counts them.

use crate::connection::broadcast::Form;
use crate::metrics::totals::MetricId;

/// How the subscribers of a channel are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryMode {
    /// All are sent the same notifications.
    Push(Form),
    /// Each has a call of its own, which is dispatched again.
    LongPoll,
}

impl DeliveryMode {
    /// The gauge of its subscribers.
    pub fn gauge(self) -> MetricId {
        match self {
            DeliveryMode::Push(Form::Frame) => MetricId::ListenersFrame,
            DeliveryMode::Push(Form::Deflated { .. }) => MetricId::ListenersDeflated,
            DeliveryMode::Push(Form::Event) => MetricId::ListenersEvent,
            DeliveryMode::LongPoll => MetricId::ListenersHeld,
        }
    }
}

/// The counter of notifications that were encoded once for many.
pub fn deliveries(form: Form) -> MetricId {
    match form {
        Form::Frame => MetricId::DeliveriesFrame,
        Form::Deflated { .. } => MetricId::DeliveriesDeflated,
        Form::Event => MetricId::DeliveriesEvent,
    }
}
