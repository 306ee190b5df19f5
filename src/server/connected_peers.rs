//! The connected peers of a loop: each with its socket, found by its id.

use crate::connection::Connection;
use crate::connection::turn_context::TurnContext;
use crate::metrics::totals::MetricId;
use crate::pubsub::peer_subscriptions::PeerSubscriptions;
use crate::pubsub::peer_table::{PeerId, PeerTable, PushResult};
use crate::server::peer::Peer;
use crate::server::slab::Slab;
use crate::server::sockets::{SocketHandle, Sockets};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub struct ConnectedPeers<S: Sockets> {
    pub sockets: S,
    peers: Slab<ConnectedPeer<S::Socket>>,
    /// Open connections of all loops together.
    open: Arc<AtomicUsize>,
}

struct ConnectedPeer<T> {
    socket: T,
    peer: Peer,
}

impl<S: Sockets> ConnectedPeers<S> {
    pub fn new(sockets: S, open: Arc<AtomicUsize>) -> ConnectedPeers<S> {
        ConnectedPeers { sockets, peers: Slab::default(), open }
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub fn ids(&self) -> Vec<PeerId> {
        self.peers.ids()
    }

    /// Returns the id of the peer in a slot of the slab.
    pub fn id_at(&self, slot: usize) -> Option<PeerId> {
        self.peers.at(slot).map(|(id, _)| id)
    }

    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(id).map(|connected| &connected.peer)
    }

    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.peers.get_mut(id).map(|connected| &mut connected.peer)
    }

    pub fn with_socket(&mut self, id: PeerId) -> Option<(&mut Peer, SocketHandle<'_, S>)> {
        let ConnectedPeer { socket, peer } = self.peers.get_mut(id)?;
        Some((peer, SocketHandle { sockets: &mut self.sockets, socket }))
    }

    /// Accepts one connection. At the limit of connections the listener pauses instead.
    pub fn accept(&mut self, listener: usize, turn: &mut TurnContext) -> Option<PeerId> {
        if self.open.load(Ordering::Relaxed) >= turn.limits.connections_max {
            self.sockets.pause_accepting(listener, turn.now);
            return None;
        }
        let socket = self.sockets.accept(listener, turn.now, &mut turn.metrics)?;
        self.open.fetch_add(1, Ordering::Relaxed);
        turn.metrics.inc(MetricId::ConnectionsAccepted);
        turn.metrics.inc(MetricId::ConnectionsOpen);
        Some(self.peers.insert(ConnectedPeer { socket, peer: Peer::new(turn) }))
    }

    /// Registers a peer for readiness, if it is still connected.
    pub fn register(&mut self, id: PeerId, turn: &mut TurnContext) -> io::Result<()> {
        let Some(ConnectedPeer { socket, .. }) = self.peers.get_mut(id) else { return Ok(()) };
        self.sockets.register(socket, id.0, &mut turn.metrics)
    }

    /// Closes a peer's socket, and returns the peer.
    pub fn close(&mut self, id: PeerId, turn: &mut TurnContext) -> Option<Peer> {
        let ConnectedPeer { socket, peer } = self.peers.remove(id)?;
        self.open.fetch_sub(1, Ordering::Relaxed);
        turn.metrics.dec(MetricId::ConnectionsOpen);
        self.sockets.close(socket, &mut turn.metrics);
        Some(peer)
    }
}

impl<S: Sockets> PeerTable for ConnectedPeers<S> {
    fn peer(&mut self, id: PeerId) -> Option<(&mut Connection, &mut PeerSubscriptions)> {
        let peer = self.get_mut(id)?;
        Some((&mut peer.connection, &mut peer.subscriptions))
    }

    fn push(&mut self, id: PeerId, bytes: &Arc<[u8]>, turn: &mut TurnContext) -> Option<PushResult> {
        let (peer, mut socket) = self.with_socket(id)?;
        Some(peer.push(bytes, &mut socket, turn))
    }
}
