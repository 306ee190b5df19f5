//! TODO reactor.

pub mod listener;
pub mod socket;
pub mod socket_activation;
pub mod sys;
pub mod wakeup;
