//! The peers of a loop with their sockets, as publish/subscribe reaches them.

use crate::connection::Connection;
use crate::connection::turn_context::TurnContext;
use crate::pubsub::peer_subscriptions::PeerSubscriptions;
use crate::pubsub::peer_table::{PeerId, PeerTable, PushResult};
use crate::server::peer::Peer;
use crate::server::slab::Slab;
use crate::server::sockets::{SocketHandle, Sockets};
use std::sync::Arc;

/// A peer and its socket.
pub struct ConnectedPeer<T> {
    pub socket: T,
    pub peer: Peer,
}

pub struct ConnectedPeers<'a, S: Sockets> {
    pub peers: &'a mut Slab<ConnectedPeer<S::Socket>>,
    pub sockets: &'a mut S,
}

impl<S: Sockets> PeerTable for ConnectedPeers<'_, S> {
    fn peer(&mut self, id: PeerId) -> Option<(&mut Connection, &mut PeerSubscriptions)> {
        let ConnectedPeer { peer, .. } = self.peers.get_mut(id)?;
        Some((&mut peer.connection, &mut peer.subscriptions))
    }

    fn push(&mut self, id: PeerId, bytes: &Arc<[u8]>, turn: &mut TurnContext) -> Option<PushResult> {
        let ConnectedPeer { socket, peer } = self.peers.get_mut(id)?;
        Some(peer.push(bytes, &mut SocketHandle { sockets: self.sockets, socket }, turn))
    }
}
