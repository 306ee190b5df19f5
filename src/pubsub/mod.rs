//! TODO pubsub.

pub mod catch_up;
pub mod subscribers;
pub mod topics;
