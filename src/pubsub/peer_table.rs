//! How publish/subscribe reaches peers: by id, through a trait that the server loop implements.

use crate::connection::Connection;
use crate::connection::turn_context::TurnContext;
use crate::pubsub::peer_subscriptions::PeerSubscriptions;
use std::sync::Arc;

/// The name of a peer in its loop. The id of a peer that is gone never finds another peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerId(pub u64);

/// The peers of one loop.
pub trait PeerTable {
    /// Returns a peer's connection and subscriptions, or `None` if the peer is gone.
    fn peer(&mut self, id: PeerId) -> Option<(&mut Connection, &mut PeerSubscriptions)>;

    /// Sends bytes that many peers share, or `None` if the peer is gone.
    fn push(&mut self, id: PeerId, bytes: &Arc<[u8]>, turn: &mut TurnContext) -> Option<PushResult>;
}

/// The result of a push to one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// The socket has taken every byte.
    Written,
    /// Bytes wait in the outbox.
    Pending,
    /// Too many bytes wait already, so nothing was queued: the subscriber has fallen behind.
    Behind,
}
