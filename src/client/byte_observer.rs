//! What each byte of a connection is for, reported to an observer that counts them.

/// The purpose of a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytePurpose {
    /// An HTTP request: its head, and its body if it has one.
    Request,
    /// The head of a response, or of an interim response before it.
    ResponseHead,
    /// The content of a response; compressed, if the response is.
    Body,
    /// Chunk lines and trailers (RFC 9112 §7.1).
    ChunkFraming,
    /// A piece of an event stream: ids, data, comments and line ends.
    EventStream,
    /// The header of a frame, without its masking key.
    FrameHeader,
    MaskingKey,
    /// Text or binary data as the application sent it.
    MessagePayload,
    /// A piece of a compressed message (RFC 7692).
    CompressedPayload,
    /// The payload of a ping, a pong or a close frame.
    ControlPayload,
    /// What arrives after the client has sent a close frame, or has ended its side of an event stream.
    AfterClose,
    /// What follows the last response although nothing may follow.
    Surplus,
}

/// Is told of every range of bytes, in the order in which the connection sends or uses them.
pub trait ByteObserver {
    fn sent(&mut self, purpose: BytePurpose, bytes: u64);
    fn received(&mut self, purpose: BytePurpose, bytes: u64);
}

/// Counts nothing.
impl ByteObserver for () {
    fn sent(&mut self, _: BytePurpose, _: u64) {}
    fn received(&mut self, _: BytePurpose, _: u64) {}
}
