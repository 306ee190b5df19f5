//! Network interfaces on which packets are captured.

/// MTU of Ethernet. The loopback has 65536 by default, at which long answers are hardly segmented.
pub const MTU: usize = 1500;

/// An interface of the network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Each packet is received as it was sent.
    Loopback,
    /// Each packet is sent, and received later from another address.
    Tunnel,
}

impl Device {
    /// The name of the interface.
    pub fn name(self) -> &'static str {
        match self {
            Device::Loopback => "lo",
            Device::Tunnel => "distance",
        }
    }
}
