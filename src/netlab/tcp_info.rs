//! Counters of the kernel for one TCP connection.

/// Counters of the kernel for one connection since it was opened (tcp(7), `TCP_INFO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    pub segments_sent: u64,
    pub segments_received: u64,
    /// Bytes sent that the peer has acknowledged. SYN and FIN each count as one.
    pub bytes_acknowledged: u64,
    pub bytes_received: u64,
    pub retransmitted: u64,
    /// Each segment carries TCP timestamps: 12 bytes.
    pub timestamps: bool,
    /// The FIN of the peer was received. It counts as one byte received.
    pub peer_has_ended: bool,
}
