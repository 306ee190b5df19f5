//! System calls that no safe crate offers: a network namespace, a TUN device, `TCP_INFO`, clocks.
//!
//! ```text
//!   enter_network   unshare ─▶ map the user ─▶ lo up, MTU 1500, no offload of segmentation
//!   open_tunnel     a device of which this process is the other end
//!   tcp_info        getsockopt(TCP_INFO) of one connection
//! ```
#![allow(unsafe_code)]

use std::ffi::{CString, c_int, c_ulong};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::ptr;
use std::time::Duration;

use socket2::{Socket, Type};

use crate::netlab::device::{Device, MTU};
use crate::netlab::tcp_info::TcpInfo;

/// Whether this process may have a network of its own, and a tunnel in it where one is asked for. Tried by
/// a child that ends at once, for there is no way back out of one.
pub fn may_enter_network(tunnel: Option<Ipv4Addr>) -> io::Result<()> {
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: between fork and exec the closure makes system calls and small allocations, and this
    // process has no other thread that could hold the lock of the heap.
    unsafe {
        child.pre_exec(move || {
            enter_network()?;
            tunnel.map_or(Ok(()), |address| open_tunnel(address).map(drop))
        });
    }
    child.status().map(|_| ())
}

/// From here on this process, which must have one thread, and its children have a network of their own,
/// in which nobody else talks. Needs no root where users may make namespaces (user_namespaces(7)).
pub fn enter_network() -> io::Result<()> {
    // SAFETY: these take and give numbers only.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: as above.
    if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) } == 0 {
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
        fs::write("/proc/self/gid_map", format!("0 {group} 1"))?;
    } else {
        // Root needs no user namespace, and may be where none can be made.
        // SAFETY: as above.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
    }
    set_up_loopback()
}

/// Up, with segments no longer than on Ethernet, and none that is cut only behind the counters.
fn set_up_loopback() -> io::Result<()> {
    let socket = control()?;
    let lo = Device::Loopback;
    let mut mtu = [0; 24];
    mtu[..4].copy_from_slice(&(MTU as c_int).to_ne_bytes());
    ask_device(&socket, lo, SIOCSIFMTU, mtu)?;
    let mut no_offload = [ETHTOOL_STSO, 0];
    let mut pointer = [0; 24];
    let address = ptr::from_mut(&mut no_offload).expose_provenance();
    pointer[..size_of::<usize>()].copy_from_slice(&address.to_ne_bytes());
    ask_device(&socket, lo, SIOCETHTOOL, pointer)?;
    ask_device(&socket, lo, SIOCSIFFLAGS, flags(libc::IFF_UP | libc::IFF_RUNNING))
}

/// A device with that address, and 254 neighbours. What the kernel sends to them is read from this file,
/// and what is written into it, the kernel has received (`Documentation/networking/tuntap.rst`).
pub fn open_tunnel(address: Ipv4Addr) -> io::Result<File> {
    let device = Device::Tunnel;
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    ask_device(&file, device, TUNSETIFF, flags(libc::IFF_TUN | libc::IFF_NO_PI))?;
    set_queue(device, TUNNEL_QUEUE)?;
    // Nobody is there to be greeted by IPv6, as every device does by itself.
    match fs::write(format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", device.name()), "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = control()?;
    ask_device(&socket, device, SIOCSIFADDR, socket_address(address))?;
    ask_device(&socket, device, SIOCSIFNETMASK, socket_address(Ipv4Addr::new(255, 255, 255, 0)))?;
    ask_device(&socket, device, SIOCSIFFLAGS, flags(libc::IFF_UP | libc::IFF_RUNNING))?;
    Ok(file)
}

/// How many packets wait in a device for whoever reads them. Asked by rtnetlink(7), for the `ioctl` of it is
/// only for the root of the whole machine.
fn set_queue(device: Device, packets: u32) -> io::Result<()> {
    // `struct nlmsghdr`, `struct ifinfomsg` and one `struct rtattr`.
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let mut asked = vec![];
    asked.extend(40u32.to_ne_bytes());
    asked.extend([libc::RTM_SETLINK, flags].map(u16::to_ne_bytes).concat());
    asked.extend([0; 12]);
    asked.extend(index_of(device).to_ne_bytes());
    asked.extend([0; 8]);
    asked.extend([8, libc::IFLA_TXQLEN].map(u16::to_ne_bytes).concat());
    asked.extend(packets.to_ne_bytes());
    let mut socket = Socket::new(libc::AF_NETLINK.into(), Type::RAW, None)?;
    socket.send(&asked)?;
    // Behind a header of 16 bytes: 0, or the number of an error below it.
    let mut answer = [0; 64];
    let length = socket.read(&mut answer)?;
    match answer[..length].get(16..20).map(|bytes| i32::from_ne_bytes(bytes.try_into().expect("four"))) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The interface index of a device.
pub fn index_of(device: Device) -> c_int {
    let name = CString::new(device.name()).expect("it has no zero");
    // SAFETY: the name ends with a zero.
    unsafe { libc::if_nametoindex(name.as_ptr()) as c_int }
}

/// A socket through which devices are spoken of.
fn control() -> io::Result<OwnedFd> {
    // SAFETY: takes and gives numbers; the descriptor is nobody else's.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        check(socket)?;
        Ok(OwnedFd::from_raw_fd(socket))
    }
}

fn flags(flags: c_int) -> [u8; 24] {
    let mut value = [0; 24];
    value[..2].copy_from_slice(&(flags as u16).to_ne_bytes());
    value
}

/// `struct sockaddr_in` without a port (ip(7)).
fn socket_address(address: Ipv4Addr) -> [u8; 24] {
    let mut value = [0; 24];
    value[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    value[4..8].copy_from_slice(&address.octets());
    value
}

/// `struct ifreq` (netdevice(7)).
#[repr(C)]
struct DeviceRequest {
    name: [u8; 16],
    value: [u8; 24],
}

fn ask_device(file: &impl AsRawFd, device: Device, request: c_ulong, value: [u8; 24]) -> io::Result<()> {
    let mut asked = DeviceRequest { name: [0; 16], value };
    asked.name[..device.name().len()].copy_from_slice(device.name().as_bytes());
    // SAFETY: the kernel reads and writes one `ifreq`, which `asked` is, and what its pointer leads to,
    // which lives in the caller.
    check(unsafe { libc::ioctl(file.as_raw_fd(), request as _, &raw mut asked) })
}

pub fn tcp_info(socket: &TcpStream) -> io::Result<TcpInfo> {
    // The fields have stood where they stand since Linux 4.2; `linux/tcp.h` only grows at its end.
    let mut bytes = [0u8; 160];
    let mut length = bytes.len() as libc::socklen_t;
    // SAFETY: the kernel writes no more than `length` bytes into `bytes`.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    if length < 144 {
        let words =
            format!("the kernel's TCP_INFO has {length} bytes; segments are counted behind the 136th");
        return Err(io::Error::new(io::ErrorKind::Unsupported, words));
    }
    let word = |at: usize| u64::from(u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
    let long = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    Ok(TcpInfo {
        segments_sent: word(136),
        segments_received: word(140),
        bytes_acknowledged: long(120),
        bytes_received: long(128),
        retransmitted: word(100),
        timestamps: bytes[5] & TCPI_OPT_TIMESTAMPS != 0,
        peer_has_ended: bytes[0] == TCP_CLOSE_WAIT,
    })
}

/// Processor time that this thread has used.
pub fn processor_time_of_thread() -> Duration {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID).expect("every thread has that clock")
}

/// Processor time that a process has used, in all of its threads: those that have ended are in it, which is
/// why nobody sums up threads here (clock_getcpuclockid(3)).
pub fn processor_time_of_process(process: u32) -> io::Result<Duration> {
    let process = libc::pid_t::try_from(process).ok().filter(|&process| process != OURSELVES);
    let Some(process) = process else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut clock = libc::CLOCK_PROCESS_CPUTIME_ID;
    // SAFETY: the kernel's library writes one number into `clock`.
    match unsafe { libc::clock_getcpuclockid(process, &raw mut clock) } {
        0 => read_clock(clock),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn read_clock(clock: libc::clockid_t) -> io::Result<Duration> {
    // SAFETY: a `timespec` of zeros is one, and the kernel writes no more than that.
    let time = unsafe {
        let mut time: libc::timespec = zeroed();
        check(libc::clock_gettime(clock, &raw mut time))?;
        time
    };
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// From here on this thread is woken when its time has come, and not up to 50 µs later so that several
/// can be woken at once (PR_SET_TIMERSLACK, prctl(2)). Where that is refused it is woken as ever.
pub fn wake_on_time() {
    // SAFETY: takes numbers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as c_ulong) };
}

/// Whatever ends this process ends that child, too.
pub fn end_with_us(child: &mut Command) {
    // SAFETY: between fork and exec, one system call that takes numbers.
    unsafe {
        child.pre_exec(|| check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong)));
    }
}

/// The error of a system call that returned -1.
pub fn check(result: c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What clock_getcpuclockid(3) takes for whoever asks.
const OURSELVES: libc::pid_t = 0;

/// A burst of many connections at a time: 500, as there would be room for, are dropped behind the counters.
const TUNNEL_QUEUE: u32 = 10_000;
const TUNSETIFF: c_ulong = 0x4004_54ca;
const SIOCSIFADDR: c_ulong = 0x8916;
const SIOCSIFNETMASK: c_ulong = 0x891c;
const SIOCSIFFLAGS: c_ulong = 0x8914;
const SIOCSIFMTU: c_ulong = 0x8922;
const SIOCETHTOOL: c_ulong = 0x8946;
/// Turns the offload of TCP segmentation on or off (`linux/ethtool.h`).
const ETHTOOL_STSO: u32 = 0x1f;
const TCPI_OPT_TIMESTAMPS: u8 = 1;
/// The peer's FIN has come, and ours has not been sent (`net/tcp_states.h`).
const TCP_CLOSE_WAIT: u8 = 8;
