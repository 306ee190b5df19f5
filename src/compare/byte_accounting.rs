//! What the bytes of a connection are for, and whether the kernel has counted as many.
//!
//! ```text
//!   HTTP          head ─▶ fields        body ─▶ payload      chunk lines ─▶ framing
//!   WebSocket     handshake ─▶ fields   frame headers, masking keys, control frames ─▶ framing
//!                 message ─▶ payload; who knows JSON-RPC moves what is around the value to fields
//!                 compressed message ─▶ deflated
//!   event stream  all of it ─▶ framing; who reads an event moves its data to payload and fields
//! ```

use crate::client::byte_observer::{ByteObserver, BytePurpose};
use crate::client::transport::Transport;
use crate::compare::costs::{Application, Both};
use crate::error::CommandError;
use crate::netlab::sys;
use crate::netlab::tcp_info::TcpInfo;
use crate::netlab::traffic::{Network, Segments};

impl ByteObserver for Both<Application> {
    fn sent(&mut self, purpose: BytePurpose, bytes: u64) {
        self.sent.count(purpose, bytes);
    }

    fn received(&mut self, purpose: BytePurpose, bytes: u64) {
        self.received.count(purpose, bytes);
    }
}

impl Application {
    fn count(&mut self, purpose: BytePurpose, bytes: u64) {
        let sum = match purpose {
            BytePurpose::Request | BytePurpose::ResponseHead => &mut self.fields,
            BytePurpose::Body | BytePurpose::MessagePayload => &mut self.payload,
            BytePurpose::CompressedPayload => &mut self.deflated,
            BytePurpose::ChunkFraming
            | BytePurpose::EventStream
            | BytePurpose::FrameHeader
            | BytePurpose::MaskingKey
            | BytePurpose::ControlPayload
            | BytePurpose::AfterClose => &mut self.framing,
            // It belongs to no call, and the kernel's count shows it.
            BytePurpose::Surplus => return,
        };
        *sum += bytes;
    }

    /// Counts bytes of a message that are not its value as fields: the JSON-RPC around it.
    pub fn payload_to_fields(&mut self, bytes: u64) {
        self.payload -= bytes;
        self.fields += bytes;
    }
}

/// What the kernel has counted of a connection. It looks whether the peer has ended its side a moment before it
/// counts the bytes, so a FIN that arrives in that moment is known only when it is asked again.
pub fn tcp_info(transport: &Transport) -> Result<TcpInfo, CommandError> {
    let mut info = read_tcp_info(transport)?;
    loop {
        let again = read_tcp_info(transport)?;
        if again == info {
            return Ok(info);
        }
        info = again;
    }
}

fn read_tcp_info(transport: &Transport) -> Result<TcpInfo, CommandError> {
    sys::tcp_info(transport.socket())
        .map_err(|error| CommandError::Failed(format!("the kernel does not tell of a connection: {error}")))
}

/// Compares the bytes that were counted here with those that the kernel has counted. They may differ by SYN and
/// FIN, each of which counts as one byte there. `has_ended`: the server's FIN was read; where it arrived and was
/// not read, the kernel says so.
pub fn check_tcp_info(
    info: &TcpInfo,
    application: &Both<Application>,
    has_ended: bool,
) -> Result<(), CommandError> {
    let sent = application.sent.total() + 1;
    let received = application.received.total() + u64::from(has_ended || info.peer_has_ended);
    if (info.bytes_acknowledged, info.bytes_received) == (sent, received) {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "two counts disagree: of one connection the kernel says {} bytes acknowledged and {} received, and \
         {sent} and {received} were written and read",
        info.bytes_acknowledged, info.bytes_received
    )))
}

/// Segments as the kernel has counted them; their headers follow from that (RFC 9293 §3.1, RFC 7323 §3).
pub fn network_of(info: &TcpInfo, application: &Both<Application>, is_ipv6: bool) -> Network {
    let ip = if is_ipv6 { 40 } else { 20 };
    // The first segment of each side has options that the others have not.
    let (usual, at_first) = if info.timestamps { (ip + 32, 8) } else { (ip + 20, 12) };
    let side = |segments: u64, application: &Application| Segments {
        segments,
        bytes: segments * usual + at_first + application.total(),
        carried: application.total(),
    };
    Network {
        sent: side(info.segments_sent, &application.sent),
        received: side(info.segments_received, &application.received),
        round_trips: None,
        retransmitted: info.retransmitted,
    }
}

pub fn is_ipv6(transport: &Transport) -> bool {
    transport.socket().peer_addr().is_ok_and(|address| address.is_ipv6())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(sent: u64, received: u64) -> Both<Application> {
        let of = |fields| Application { fields, ..Application::default() };
        Both { sent: of(sent), received: of(received) }
    }

    #[test]
    fn syn_and_fin_are_the_only_difference_there_may_be() {
        let info = TcpInfo { bytes_acknowledged: 48, bytes_received: 161, ..TcpInfo::default() };
        assert!(check_tcp_info(&info, &said(47, 161), false).is_ok());
        assert!(check_tcp_info(&info, &said(47, 160), true).is_ok());
        assert!(check_tcp_info(&TcpInfo { peer_has_ended: true, ..info }, &said(47, 160), false).is_ok());
        assert!(check_tcp_info(&TcpInfo { peer_has_ended: true, ..info }, &said(47, 160), true).is_ok());
        let words = check_tcp_info(&info, &said(47, 160), false).unwrap_err().to_string();
        assert!(
            words.ends_with("48 bytes acknowledged and 161 received, and 48 and 160 were written and read")
        );
    }

    #[test]
    fn headers_follow_from_segments() {
        let info = TcpInfo { segments_sent: 4, segments_received: 2, timestamps: true, ..TcpInfo::default() };
        let network = network_of(&info, &said(47, 161), false);
        assert_eq!((network.sent.bytes, network.received.bytes), (4 * 52 + 8 + 47, 2 * 52 + 8 + 161));
        assert_eq!(network_of(&info, &said(0, 0), true).header_bytes(), 6 * 72 + 16);
    }
}
