//! What the kernel says of itself in `/proc`, as text (proc(5)), and of a process by its clock.

use std::fs;
use std::time::Duration;

use crate::netlab::sys;
use crate::netlab::traffic::impl_arithmetic;

/// What TCP has counted in this network namespace, and what a device of it has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    pub segments_received: u64,
    /// Without what is only sent again.
    pub segments_sent: u64,
    pub retransmitted: u64,
    pub packets: u64,
    /// From the IP header on.
    pub bytes: u64,
    /// Packets that were sent, and the device had no room for.
    pub dropped: u64,
}

impl Network {
    /// Segments, whether for the first time or again.
    pub fn sent(&self) -> u64 {
        self.segments_sent + self.retransmitted
    }
}

impl_arithmetic!(Network { segments_received, segments_sent, retransmitted, packets, bytes, dropped });

/// As it is now, of the device with that name.
pub fn network(device: &str) -> Option<Network> {
    let counters = fs::read_to_string("/proc/self/net/snmp").ok()?;
    let devices = fs::read_to_string("/proc/self/net/dev").ok()?;
    parse_network(&counters, &devices, device)
}

fn parse_network(counters: &str, devices: &str, device: &str) -> Option<Network> {
    let [bytes, packets, .., dropped] = device_counters(devices, device)?;
    Some(Network {
        segments_received: counter(counters, "Tcp:", "InSegs")?,
        segments_sent: counter(counters, "Tcp:", "OutSegs")?,
        retransmitted: counter(counters, "Tcp:", "RetransSegs")?,
        packets,
        bytes,
        dropped,
    })
}

/// Connections of this network namespace that are open on one end or on both, each end for itself.
pub fn open_ends() -> Option<u64> {
    counter(&fs::read_to_string("/proc/self/net/snmp").ok()?, "Tcp:", "CurrEstab")
}

/// Two lines begin with the same word: the first has the names, the second the numbers.
fn counter(text: &str, kind: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(kind));
    let (names, numbers) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|known| known == name)?;
    numbers.split_whitespace().nth(at)?.parse().ok()
}

/// What was received: bytes, packets and six others; and what was sent: bytes, packets, errors, and packets that
/// were dropped.
fn device_counters(devices: &str, device: &str) -> Option<[u64; 12]> {
    let mut lines = devices.lines().filter_map(|line| line.split_once(':'));
    let (_, numbers) = lines.find(|(name, _)| name.trim_start() == device)?;
    let numbers = numbers.split_whitespace();
    let numbers: Option<Vec<u64>> = numbers.take(12).map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// Processor time that a process has used, also in threads that have ended. Of what it has started nothing.
pub fn processor_time(process: u32) -> Option<Duration> {
    sys::processor_time_of_process(process).ok()
}

/// Memory that a process occupies and that is of no file, in bytes. Its share of its program's file depends on
/// who else runs that.
pub fn memory_bytes(process: u32) -> Option<u64> {
    parse_rollup(&fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?)
}

fn parse_rollup(text: &str) -> Option<u64> {
    kilobytes(text, "Pss_Anon:")
}

/// Memory of the kernel that it keeps for sockets and all else in pieces of fixed sizes, in bytes. It is
/// that of the whole machine.
pub fn slab_bytes() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/meminfo").ok()?, "Slab:")
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use std::thread;

    const SNMP: &str = "Ip: Forwarding DefaultTTL\nIp: 1 64\n\
        Tcp: RtoAlgorithm ActiveOpens InSegs OutSegs RetransSegs InErrs\n\
        Tcp: 1 7 120 118 2 0\nUdp: InDatagrams\nUdp: 9\n";
    const DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo\n\
        \x20   lo:    7440      100    0    0    0     0          0         0     7440      107    0    7    0\n\
        \x20 eth0: 1 2 3\n";

    #[test]
    fn counters_are_found_by_their_names() {
        let expected = Network {
            segments_received: 120,
            segments_sent: 118,
            retransmitted: 2,
            packets: 100,
            bytes: 7440,
            dropped: 7,
        };
        assert_eq!(parse_network(SNMP, DEV, "lo"), Some(expected));
        assert_eq!(parse_network("", DEV, "lo"), None);
        assert_eq!(parse_network("Tcp: InSegs\nTcp: x\n", DEV, "lo"), None);
        assert_eq!(parse_network(SNMP, "  eth0: 1 2", "lo"), None);
        assert_eq!(parse_network(SNMP, DEV, "eth0"), None);
    }

    #[test]
    fn memory_is_read_with_its_unit() {
        let rollup = "55d-7ff ---p 00000000 00:00 0 [rollup]\nRss:            5000 kB\nPss:            4300 kB\nPss_Anon:       4100 kB\n";
        assert_eq!(parse_rollup(rollup), Some(4100 * 1024));
        assert_eq!(parse_rollup("Pss_Anon: 3 MB\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_kernel_writes_what_is_read_here() {
        let process = std::process::id();
        assert!(network("lo").is_some_and(|network| network != Network::default()));
        assert!(open_ends().is_some());
        assert_eq!(network("no such device"), None);
        assert!(memory_bytes(process).is_some_and(|bytes| bytes > 100_000));
        assert!(slab_bytes().is_some_and(|bytes| bytes > 100_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_threads_have_used_is_still_known_when_they_have_ended() {
        let now = || processor_time(std::process::id()).unwrap();
        let before = now();
        let burn = || {
            while sys::processor_time_of_thread() < BURNT {}
        };
        (0..4).for_each(|_| thread::spawn(burn).join().unwrap());
        let used = now() - before;
        assert!(used >= 4 * BURNT, "{used:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn of_nobody_there_is_no_time() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(processor_time(child.id()), None);
        // These two would be ourselves, and a group of processes.
        assert_eq!((processor_time(0), processor_time(u32::MAX)), (None, None));
    }

    #[cfg(target_os = "linux")]
    const BURNT: Duration = Duration::from_millis(20);
}
