//! What the fuzz targets say, said of their seeds: cut at every byte, and with small mistakes.

#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/connections.rs"]
mod connections;
#[path = "../fuzz/src/cutter.rs"]
mod cutter;
#[allow(dead_code)] // Others use the rest.
#[path = "../src/store/disk/fault_injection.rs"]
mod failing_file;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/journals.rs"]
mod journals;
#[path = "../fuzz/src/patches.rs"]
mod patches;
#[path = "../fuzz/src/queries.rs"]
mod queries;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/readers.rs"]
mod readers;
#[path = "../fuzz/src/references.rs"]
mod references;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/simulated_sockets.rs"]
mod simulated_sockets;
#[allow(dead_code)] // Others use the rest.
#[path = "../fuzz/src/simulation.rs"]
mod simulation;
#[path = "../fuzz/src/texts.rs"]
mod texts;

use std::fs;
use std::path::Path;

/// Calls `check` with every seed, then with seeds in which something has gone wrong.
fn each_seed(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, seed) in files.iter().zip(&seeds) {
        println!("{}", file.display());
        check(seed);
    }
    let mut dice = Dice(1);
    for _ in 0..MISTAKES {
        let (seed, other) = (&seeds[dice.below(seeds.len())], &seeds[dice.below(seeds.len())]);
        let wrong = dice.spoil(seed, other);
        println!("{}", wrong.escape_ascii());
        check(&wrong);
    }
}

/// Calls `check` with the bytes cut once, at every place; byte by byte; and as the input says.
fn each_cut(input: &[u8], check: impl Fn(&[u8], &[&[u8]])) {
    let (bytes, pieces) = cutter::cut(input);
    check(bytes, &pieces);
    if !bytes.is_empty() {
        check(bytes, &bytes.chunks(1).collect::<Vec<_>>());
    }
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        check(bytes, &[front, back]);
    }
}

#[test]
fn a_head_is_the_same_however_it_is_cut() {
    each_seed("head", |seed| {
        each_cut(seed, |bytes, pieces| assert_eq!(readers::head(pieces), readers::head(&[bytes])));
    });
}

#[test]
fn a_body_is_the_same_however_it_is_cut() {
    each_seed("body", |seed| {
        let Some((framing, input)) = readers::framing(seed) else { return };
        each_cut(input, |bytes, pieces| {
            assert_eq!(readers::body(framing, pieces), readers::body(framing, &[bytes]));
        });
    });
}

#[test]
fn a_frame_is_the_same_there_and_back() {
    each_seed("frame", |seed| {
        readers::header(seed);
        readers::frame(seed);
    });
}

#[test]
fn messages_are_the_same_however_they_are_cut() {
    each_seed("message", |seed| {
        each_cut(seed, |bytes, pieces| {
            assert_eq!(readers::messages(pieces), readers::messages(&[bytes]));
            assert_eq!(readers::passed_messages(pieces), readers::plain_messages(&[bytes]));
        });
    });
}

#[test]
fn a_handshake_is_taken_up_if_and_only_if_its_key_is_one() {
    each_seed("handshake", readers::check_handshake);
}

#[test]
fn a_peer_is_sent_the_same_however_its_bytes_are_cut() {
    each_seed("connection", |seed| each_cut(seed, connections::check));
}

#[test]
fn a_peer_that_falls_silent_is_gone_in_the_end() {
    each_seed("connection", |seed| {
        let pieces = cutter::cut(seed).1;
        [&b""[..], b"z", b"w", b"xyz", b"aey"]
            .iter()
            .for_each(|seconds| connections::check_waits(&pieces, seconds));
    });
}

#[test]
fn fields_are_found_as_by_reading_them_one_by_one() {
    each_seed("headers", references::check_headers);
}

#[test]
fn a_body_ends_where_the_rfc_says_or_it_is_refused() {
    each_seed("framing", references::check_framing);
}

#[test]
fn a_library_reads_the_same_chunked_bodies() {
    each_seed("chunked", references::check_chunked);
}

#[test]
fn a_library_reads_the_responses_we_write() {
    each_seed("response", references::check_response);
}

#[test]
fn many_bytes_are_masked_as_one_at_a_time() {
    each_seed("mask", |seed| each_cut(seed, references::check_mask));
}

#[test]
fn a_library_reads_the_same_messages() {
    each_seed("message_peer", references::check_messages);
}

#[test]
fn what_is_made_shorter_is_made_the_same_again() {
    each_seed("inflate", |seed| {
        let (bytes, pieces) = cutter::cut(seed);
        references::check_inflate(bytes, &pieces);
    });
}

#[test]
fn every_message_has_an_answer_with_its_id() {
    each_seed("envelope", texts::check_envelope);
}

#[test]
fn an_item_is_what_a_library_reads() {
    each_seed("intake", texts::check_intake);
}

#[test]
fn a_query_leaves_what_a_slow_model_leaves() {
    each_seed("query", queries::check_query);
}

#[test]
fn a_library_patches_the_same() {
    each_seed("json_patch", patches::check_patch);
}

#[test]
fn an_item_is_one_line() {
    each_seed("representation", texts::check_representation);
}

#[test]
fn a_journal_says_what_a_plain_list_says() {
    each_seed("journal", journals::check_journal);
}

#[test]
fn whoever_comes_to_the_clock_hears_the_time_at_once() {
    assert!(said_to("clock").contains("\\r\\n\\r\\n\\x81\\x15The time is: "));
}

#[test]
fn a_batch_whose_answers_grow_too_long_is_not_done_to_its_end() {
    let said = said_to("calls_batch_too_long");
    assert_eq!(
        said.matches("longer than 1024 bytes").count(),
        3,
        "one list is longer, and the rest is not done"
    );
    assert!(said.contains("there is no such item"), "what stands behind is not written");
}

fn said_to(seed: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/connection").join(seed);
    let seed = fs::read(file).unwrap();
    connections::drive(connections::Delay::Some, &[cutter::cut(&seed).0]).escape_ascii().to_string()
}

/// Spoilt seeds for each target.
const MISTAKES: usize = 60;

/// Knuth's numbers: small, and the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }

    /// A bit is wrong, a byte is missing, or the end of another seed stands at the end.
    fn spoil(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        let at = self.below(bytes.len());
        match self.below(3) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => _ = bytes.remove(at),
            _ => {
                bytes.truncate(at);
                bytes.extend_from_slice(&other[self.below(other.len())..]);
            }
        }
        bytes
    }
}
