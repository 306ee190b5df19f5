//! TODO netlab.

pub mod emulated_link;
pub mod packet_capture;
pub mod packet_counter;
pub mod proc;
#[cfg_attr(not(target_os = "linux"), path = "sys_other.rs")]
pub mod sys;
pub mod tcp_segment;
pub mod tcp_sequence;
