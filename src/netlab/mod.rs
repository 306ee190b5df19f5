//! Network measurement and emulation on one machine: captured packets, counters of the kernel, an emulated link.
//!
//! ```text
//!   sys: network namespace ─▶ packet_ring ─▶ packet_capture ─▶ packet_counter ─▶ traffic
//!                               tcp_segment, tcp_sequence ───────┘
//!   emulated_link: tunnel in that namespace, or a proxy elsewhere
//! ```

pub mod device;
pub mod emulated_link;
pub mod packet_capture;
pub mod packet_counter;
#[cfg_attr(not(target_os = "linux"), path = "packet_ring_other.rs")]
pub mod packet_ring;
pub mod proc;
#[cfg_attr(not(target_os = "linux"), path = "sys_other.rs")]
pub mod sys;
pub mod tcp_info;
pub mod tcp_segment;
pub mod tcp_sequence;
pub mod traffic;
