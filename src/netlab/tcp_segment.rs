//! What the headers of one packet say (RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1).

#[derive(Debug, PartialEq, Eq)]
pub struct Segment {
    pub from: u16,
    pub to: u16,
    /// The number of its first byte, or of its SYN.
    pub sequence: u32,
    pub begins: bool,
    pub ends: bool,
    pub resets: bool,
    pub carried: u64,
}

impl Segment {
    /// None if it is no segment of TCP. `head` may be cut behind the fixed part of TCP's header.
    pub fn parse(bytes: usize, head: &[u8]) -> Option<Segment> {
        let first = *head.first()?;
        let (header_bytes, protocol) = match first >> 4 {
            4 => (usize::from(first & 0x0f) * 4, *head.get(9)?),
            6 => (40, *head.get(6)?),
            _ => return None,
        };
        if protocol != TCP {
            return None;
        }
        let tcp = head.get(header_bytes..header_bytes + 20)?;
        let tcp_bytes = usize::from(tcp[12] >> 4) * 4;
        let flags = tcp[13];
        Some(Segment {
            from: u16::from_be_bytes([tcp[0], tcp[1]]),
            to: u16::from_be_bytes([tcp[2], tcp[3]]),
            sequence: u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]),
            begins: flags & SYN != 0,
            ends: flags & FIN != 0,
            resets: flags & RST != 0,
            carried: bytes.checked_sub(header_bytes + tcp_bytes)? as u64,
        })
    }
}

const TCP: u8 = 6;
pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const ACK: u8 = 0x10;

    /// A packet of IPv4 as it goes from port to port; timestamps make its headers 52 bytes.
    pub fn packet(from: u16, to: u16, flags: u8, sequence: u32, carried: usize) -> (usize, Vec<u8>) {
        let mut head = vec![0; 52];
        head[0] = 0x45;
        head[9] = TCP;
        head[20..22].copy_from_slice(&from.to_be_bytes());
        head[22..24].copy_from_slice(&to.to_be_bytes());
        head[24..28].copy_from_slice(&sequence.to_be_bytes());
        head[32] = 8 << 4;
        head[33] = flags;
        (52 + carried, head)
    }

    #[test]
    fn headers_say_who_spoke_and_what() {
        let (bytes, head) = packet(9, 80, SYN | FIN, 7, 47);
        let expected =
            Segment { from: 9, to: 80, sequence: 7, begins: true, ends: true, resets: false, carried: 47 };
        assert_eq!(Segment::parse(bytes, &head), Some(expected));
        assert_eq!(Segment::parse(bytes, &head[..30]), None);
        assert_eq!(Segment::parse(0, &[]), None);
    }

    #[test]
    fn what_is_not_tcp_is_no_segment() {
        let (bytes, mut head) = packet(9, 80, SYN, 0, 0);
        head[9] = 17;
        assert_eq!(Segment::parse(bytes, &head), None);
    }

    #[test]
    fn ipv6_has_a_header_of_forty_bytes() {
        let (_, four) = packet(9, 80, ACK, 0, 0);
        let mut head = vec![0; 40];
        head[0] = 0x60;
        head[6] = TCP;
        head.extend_from_slice(&four[20..]);
        assert_eq!(Segment::parse(40 + 32 + 5, &head).map(|segment| segment.carried), Some(5));
    }
}
