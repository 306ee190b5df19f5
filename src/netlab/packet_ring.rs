//! Packets of a device, in memory that the kernel shares (packet(7), `PACKET_RX_RING`).
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{Ordering, fence};

use crate::netlab::device::Device;
use crate::netlab::sys::{check, index_of};

/// The heads of all packets that a device has brought (packet(7), PACKET_RX_RING): of the loopback each
/// once, of a tunnel each when it goes out and when it comes in.
///
/// The kernel writes them when they pass, on the time of whoever sends; nobody is woken for it.
#[derive(Debug)]
pub struct PacketRing {
    socket: OwnedFd,
    memory: *mut u8,
    /// The frame that is written next.
    next: usize,
}

// SAFETY: the memory belongs to this value alone, and the kernel does not ask which thread reads it.
unsafe impl Send for PacketRing {}

impl PacketRing {
    pub fn open(device: Device) -> io::Result<PacketRing> {
        // SAFETY: takes and gives numbers; the descriptor is nobody else's.
        let socket = unsafe {
            let socket = libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            check(socket)?;
            OwnedFd::from_raw_fd(socket)
        };
        set(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as c_int))?;
        if device == Device::Loopback {
            // What is sent on the loopback is received there: once is enough.
            set(&socket, libc::PACKET_IGNORE_OUTGOING, &1)?;
        }
        let asked = libc::tpacket_req {
            tp_block_size: BLOCK_BYTES as u32,
            tp_block_nr: (FRAMES * FRAME_BYTES / BLOCK_BYTES) as u32,
            tp_frame_size: FRAME_BYTES as u32,
            tp_frame_nr: FRAMES as u32,
        };
        set(&socket, libc::PACKET_RX_RING, &asked)?;
        // SAFETY: the kernel chooses where; the result is looked at before it is used.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                FRAMES * FRAME_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let ring = PacketRing { socket, memory: memory.cast(), next: 0 };
        ring.bind(device)?;
        Ok(ring)
    }

    /// From here on packets come.
    fn bind(&self, device: Device) -> io::Result<()> {
        // SAFETY: a `sockaddr_ll` of zeros is one, and its length is told.
        unsafe {
            let mut address: libc::sockaddr_ll = zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            address.sll_ifindex = index_of(device);
            let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            check(libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), length))
        }
    }

    /// Shows every packet that has come since: how long it was, and its first bytes, from the IP header on.
    pub fn drain(&mut self, mut show: impl FnMut(usize, &[u8])) {
        loop {
            // SAFETY: the frame lies within the mapped memory, and begins with a `tpacket2_hdr`. While
            // its status says that it is ours, the kernel leaves it alone; the fences keep what is read
            // between the two looks at the status.
            unsafe {
                let frame = self.memory.add(self.next * FRAME_BYTES);
                let header: *mut libc::tpacket2_hdr = frame.cast();
                if (&raw const (*header).tp_status).read_volatile() & libc::TP_STATUS_USER == 0 {
                    return;
                }
                fence(Ordering::Acquire);
                let at = usize::from((*header).tp_net);
                let bytes = ((*header).tp_snaplen as usize).min(FRAME_BYTES - at);
                show((*header).tp_len as usize, std::slice::from_raw_parts(frame.add(at), bytes));
                fence(Ordering::Release);
                (&raw mut (*header).tp_status).write_volatile(libc::TP_STATUS_KERNEL);
            }
            self.next = (self.next + 1) % FRAMES;
        }
    }

    /// How many packets came for which there was no room, since this was asked last.
    pub fn take_lost(&self) -> io::Result<u64> {
        let mut counted = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the kernel writes no more than `length` bytes into `counted`.
        check(unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut counted).cast(),
                &raw mut length,
            )
        })?;
        Ok(u64::from(counted.tp_drops))
    }
}

impl Drop for PacketRing {
    fn drop(&mut self) {
        // SAFETY: mapped by `open` with that length, and no part of it is lent any more.
        unsafe { libc::munmap(self.memory.cast(), FRAMES * FRAME_BYTES) };
    }
}

fn set<T>(socket: &OwnedFd, option: c_int, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    let value: *const c_void = ptr::from_ref(value).cast();
    // SAFETY: the kernel reads `length` bytes of `value`, which lives until the call is over.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, length) })
}

/// The kernel's own header, an address, and the headers of IP and TCP with their options.
const FRAME_BYTES: usize = 256;
/// More than pass while they are looked at every few milliseconds.
const FRAMES: usize = 32 * 1024;
const BLOCK_BYTES: usize = 64 * 1024;
