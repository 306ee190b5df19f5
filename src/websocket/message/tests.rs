use super::*;
use crate::websocket::frame;

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const MAX: usize = 1 << 20;

/// An event that owns what it says, wherever that stood.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Closing),
    Part(Opcode, bool, Vec<u8>),
}

impl From<Event<'_>> for Said {
    fn from(event: Event) -> Said {
        match event {
            Event::Text(text) => Said::Text(text.as_str().to_owned()),
            Event::Binary(bytes) => Said::Binary(bytes.to_vec()),
            Event::Ping(bytes) => Said::Ping(bytes.to_vec()),
            Event::Pong(bytes) => Said::Pong(bytes.to_vec()),
            Event::Close(closing) => Said::Close(closing),
            Event::Part(part) => Said::Part(part.opcode, part.fin, part.payload.to_vec()),
        }
    }
}

fn text(text: &str) -> Said {
    Said::Text(text.to_owned())
}

/// A masked frame, as a server receives it.
fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::encode_masked(opcode, payload, KEY, &mut out);
    if !fin {
        out[0] &= 0x7f;
    }
    out
}

/// Read pieces as a connection does: what was not used is kept in front of what comes next.
fn read<'a>(
    role: Role,
    max: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Said>, Option<ProtocolError>) {
    read_with(Reader::new(role), max, pieces)
}

fn read_with<'a>(
    mut reader: Reader,
    max: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Said>, Option<ProtocolError>) {
    let mut said = Vec::new();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match reader.next(&mut buffer, &mut at, max) {
                Ok(Step::Event(event)) => said.push(event.into()),
                Ok(Step::NeedMore) => break,
                Err(fault) => return (said, Some(fault)),
            }
        }
        buffer.drain(..at);
        assert!(buffer.len() <= 130, "{} bytes were left", buffer.len());
        let held_max =
            if reader.inflater.is_some() { permessage_deflate::deflated_bytes_max(max) } else { max };
        assert!(reader.held_bytes() <= held_max);
    }
    (said, None)
}

/// Whole, cut in two everywhere, byte by byte, with a stranger behind.
#[track_caller]
fn check(role: Role, bytes: &[u8], expected: &[Said], fault: Option<ProtocolError>) {
    let expected = (expected.to_vec(), fault);
    assert_eq!(read(role, MAX, [bytes].into_iter()), expected);
    assert_eq!(read(role, MAX, bytes.chunks(1)), expected, "byte by byte");
    for cut in 0..bytes.len().min(1000) {
        let (front, back) = bytes.split_at(cut);
        assert_eq!(read(role, MAX, [front, back].into_iter()), expected, "cut at {cut}");
    }
    let stranger = [bytes, b"\x81"].concat();
    assert_eq!(read(role, MAX, [&stranger[..]].into_iter()), expected, "with a stranger behind");
}

#[track_caller]
fn check_said(bytes: &[u8], expected: &[Said]) {
    check(Role::Server, bytes, expected, None);
}

/// Right before the last byte, refused with it, whatever follows.
#[track_caller]
fn check_fault(bytes: &[u8], fault: ProtocolError) {
    check(Role::Server, bytes, &[], Some(fault));
    let (_, early) = read(Role::Server, MAX, bytes[..bytes.len() - 1].chunks(1));
    assert_eq!(early, None, "before the last byte");
}

#[test]
fn the_examples_of_rfc_6455_5_7() {
    let hello = || b"Hello".to_vec();
    check(Role::Client, b"\x81\x05Hello", &[text("Hello")], None);
    check(Role::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[text("Hello")], None);
    check(Role::Client, b"\x01\x03Hel\x80\x02lo", &[text("Hello")], None);
    check(Role::Client, b"\x89\x05Hello", &[Said::Ping(hello())], None);
    check(Role::Server, b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", &[Said::Pong(hello())], None);
    for length in [256, 65536] {
        let bytes = vec![7; length];
        let mut out = Vec::new();
        frame::encode(Opcode::Binary, &bytes, &mut out);
        check(Role::Client, &out, &[Said::Binary(bytes)], None);
    }
}

#[test]
fn a_whole_message_is_lent_and_a_cut_one_gathered() {
    let mut reader = Reader::new(Role::Server);
    let mut bytes = frame(true, Opcode::Text, b"lent");
    let step = reader.next(&mut bytes, &mut 0, MAX);
    assert_eq!(step, Ok(Step::Event(Event::Text(Text::InPlace("lent")))));

    let mut bytes = frame(true, Opcode::Binary, b"gathered");
    let (front, back) = bytes.split_at_mut(9);
    let mut at = 0;
    assert_eq!(reader.next(front, &mut at, MAX), Ok(Step::NeedMore));
    assert_eq!((at, reader.is_half_read(), reader.held_bytes()), (9, true, 3));
    let step = reader.next(back, &mut 0, MAX);
    assert_eq!(step, Ok(Step::Event(Event::Binary(Payload::Gathered(b"gathered".to_vec())))));
    assert!(!reader.is_half_read());
}

#[test]
fn a_long_message_is_passed_on_in_the_parts_it_comes_in() {
    let read = |pieces: &[&[u8]]| {
        let (said, fault) = read_with(Reader::passing(Role::Server, 4), MAX, pieces.iter().copied());
        assert_eq!(fault, None);
        said
    };
    let part = |opcode, fin, payload: &str| Said::Part(opcode, fin, payload.into());
    let bytes = frame(true, Opcode::Text, "aé€😀".as_bytes());
    assert_eq!(read(&[&bytes]), [text("aé€😀")], "it stands whole where it came");
    let (front, back) = bytes.split_at(6 + 3);
    let said = read(&[front, back]);
    assert_eq!(said, [part(Opcode::Text, false, "aé"), part(Opcode::Continuation, true, "€😀")]);
    let said = read(&[&bytes[..6], &bytes[6..8], &bytes[8..], &frame(true, Opcode::Text, b"next")]);
    let cut = Said::Part(Opcode::Text, false, b"a\xc3".to_vec());
    let rest = Said::Part(Opcode::Continuation, true, "é€😀".as_bytes()[1..].to_vec());
    assert_eq!(said, [cut, rest, text("next")], "through a character");

    // A message is passed on, or gathered, as its first frame says.
    let fragments = [
        frame(false, Opcode::Binary, b"long"),
        frame(true, Opcode::Ping, b"p"),
        frame(false, Opcode::Continuation, b""),
        frame(false, Opcode::Continuation, b"er"),
        frame(true, Opcode::Continuation, b""),
        frame(false, Opcode::Binary, b"s"),
        frame(true, Opcode::Continuation, b"hort"),
    ];
    let said = [
        part(Opcode::Binary, false, "long"),
        Said::Ping(b"p".to_vec()),
        part(Opcode::Continuation, false, "er"),
        part(Opcode::Continuation, true, ""),
        Said::Binary(b"short".to_vec()),
    ];
    assert_eq!(read(&[&fragments.concat()]), said);
}

#[test]
fn what_is_passed_on_is_judged_and_bounded_as_what_is_held() {
    let read = |bytes: &[u8]| read_with(Reader::passing(Role::Server, 4), 10, bytes.chunks(1)).1;
    let wrong = frame(true, Opcode::Text, b"abc\xffdef");
    assert_eq!(read(&wrong[..9]), None);
    assert_eq!(read(&wrong[..10]), Some(ProtocolError::TextNotUtf8));
    assert_eq!(read(&frame(true, Opcode::Text, b"abc\xc3")), Some(ProtocolError::TextNotUtf8));
    let first = frame(false, Opcode::Binary, &[7; 6]);
    assert_eq!(read(&[&first[..], &frame(true, Opcode::Continuation, &[7; 4])].concat()), None);
    let too_long = [&first[..], &frame(true, Opcode::Continuation, &[7; 5])[..6]].concat();
    assert_eq!(read(&too_long), Some(ProtocolError::MessageTooLong { bytes_max: 10 }));
}

#[test]
fn an_idle_reader_is_small() {
    assert!(size_of::<Reader>() <= 24);
}

#[test]
fn empty_messages_and_empty_fragments_are_fine() {
    check_said(&frame(true, Opcode::Text, b""), &[text("")]);
    let bytes = [
        frame(false, Opcode::Binary, b""),
        frame(false, Opcode::Continuation, b""),
        frame(true, Opcode::Continuation, b""),
        frame(true, Opcode::Ping, b""),
    ];
    check_said(&bytes.concat(), &[Said::Binary(vec![]), Said::Ping(vec![])]);
}

#[test]
fn control_frames_between_fragments_are_said_at_once() {
    let bytes = [
        frame(false, Opcode::Text, b"Hel"),
        frame(true, Opcode::Ping, b"are you there"),
        frame(true, Opcode::Continuation, b"lo"),
        frame(true, Opcode::Close, b"\x03\xe8bye"),
    ];
    let closing = Closing { code: Some(close::NORMAL), reason: "bye".to_owned() };
    let ping = Said::Ping(b"are you there".to_vec());
    check_said(&bytes.concat(), &[ping, text("Hello"), Said::Close(closing)]);
}

#[test]
fn fragments_come_in_order_and_one_message_at_a_time() {
    check_fault(&frame(true, Opcode::Continuation, b"")[..6], ProtocolError::ContinuationOfNothing);
    let bytes = [frame(false, Opcode::Text, b"a"), frame(true, Opcode::Text, b"")].concat();
    check_fault(&bytes, ProtocolError::MessageInsideMessage);
}

#[test]
fn a_client_must_mask_and_a_server_must_not() {
    check(Role::Server, b"\x81\x05Hello", &[], Some(ProtocolError::UnmaskedFrame));
    check(Role::Client, &frame(true, Opcode::Ping, b""), &[], Some(ProtocolError::MaskedFrame));
}

#[test]
fn rsv1_means_nothing_without_an_extension() {
    check_fault(b"\xc1\x80\0\0\0\0", ProtocolError::ReservedBits);
}

/// The same frame, with RSV1.
fn deflated(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame(fin, opcode, payload);
    bytes[0] |= 0x40;
    bytes
}

/// Whole and cut everywhere, where compression was agreed on.
#[track_caller]
fn check_deflated(max: usize, bytes: &[u8], said: &[Said], fault: Option<ProtocolError>) {
    let expected = (said.to_vec(), fault);
    let side = permessage_deflate::Side { takeover: false, window_bits: None };
    let read = |pieces: &[&[u8]]| {
        let reader = Reader::inflating(Role::Server, Inflater::new(side));
        read_with(reader, max, pieces.iter().copied())
    };
    assert_eq!(read(&[bytes]), expected);
    assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), expected, "byte by byte");
    for cut in 0..bytes.len() {
        assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}");
    }
}

/// RFC 7692 §7.2.3.1.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

#[test]
fn rsv1_is_a_compressed_message_where_that_was_agreed_on() {
    let bytes = [
        deflated(true, Opcode::Text, HELLO),
        frame(true, Opcode::Text, b"plain"),
        deflated(false, Opcode::Binary, &HELLO[..3]),
        frame(true, Opcode::Ping, b"between"),
        frame(false, Opcode::Continuation, b""),
        frame(true, Opcode::Continuation, &HELLO[3..]),
        deflated(true, Opcode::Text, b"\x00"),
    ];
    let said = [
        text("Hello"),
        text("plain"),
        Said::Ping(b"between".to_vec()),
        Said::Binary(b"Hello".to_vec()),
        text(""),
    ];
    check_deflated(MAX, &bytes.concat(), &said, None);
}

#[test]
fn rsv1_stands_where_a_message_begins_and_nowhere_else() {
    let begun = deflated(false, Opcode::Text, &HELLO[..3]);
    let continued = [begun, deflated(true, Opcode::Continuation, &HELLO[3..])].concat();
    check_deflated(MAX, &continued, &[], Some(ProtocolError::ReservedBits));
    for opcode in [Opcode::Ping, Opcode::Pong, Opcode::Close] {
        check_deflated(MAX, &deflated(true, opcode, b""), &[], Some(ProtocolError::ReservedBits));
    }
}

#[test]
fn text_is_utf8_when_it_is_inflated() {
    let mut payload = Vec::new();
    for (character, fault) in [(&b"\xc3\xa9"[..], None), (b"\xc3\x28", Some(ProtocolError::TextNotUtf8))] {
        payload.clear();
        payload.extend_from_slice(b"\x00\x02\x00\xfd\xff");
        payload.extend_from_slice(character);
        payload.push(0);
        let said = if fault.is_none() { vec![text("é")] } else { vec![] };
        check_deflated(MAX, &deflated(true, Opcode::Text, &payload), &said, fault);
    }
    check_deflated(MAX, &deflated(true, Opcode::Text, b"\xff"), &[], Some(ProtocolError::DeflateMalformed));
}

#[test]
fn the_bound_holds_for_what_a_compressed_message_says() {
    let hello = deflated(true, Opcode::Text, HELLO);
    check_deflated(5, &hello, &[text("Hello")], None);
    check_deflated(4, &hello, &[], Some(ProtocolError::MessageTooLong { bytes_max: 4 }));
    // And in the end for the payload, too.
    let most = b"\xc2\xff\0\0\0\0\0\x01\x20\0kkkk";
    check_deflated(4, most, &[], Some(ProtocolError::MessageTooLong { bytes_max: 4 }));
}

#[test]
fn a_message_too_long_is_refused_for_what_it_declares() {
    let fault = Some(ProtocolError::MessageTooLong { bytes_max: 10 });
    let read = |bytes: &[u8]| read(Role::Server, 10, [bytes].into_iter());
    assert_eq!(read(&frame(true, Opcode::Binary, &[7; 10])), (vec![Said::Binary(vec![7; 10])], None));
    assert_eq!(read(&frame(true, Opcode::Binary, &[7; 11])[..6]), (vec![], fault));
    let most = b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    assert_eq!(read(most), (vec![], fault));

    // The bound holds over all fragments.
    let first = frame(false, Opcode::Binary, &[7; 6]);
    let fits = [&first[..], &frame(true, Opcode::Continuation, &[7; 4])].concat();
    assert_eq!(read(&fits), (vec![Said::Binary(vec![7; 10])], None));
    let too_long = [&first[..], &frame(true, Opcode::Continuation, &[7; 5])[..6]].concat();
    assert_eq!(read(&too_long), (vec![], fault));
}

#[test]
fn a_declared_length_costs_no_memory() {
    let mut reader = Reader::new(Role::Server);
    let mut bytes = *b"\x82\xff\0\0\0\0\0\x0f\0\0\0\0\0\0one";
    assert_eq!(reader.next(&mut bytes, &mut 0, MAX), Ok(Step::NeedMore));
    let Some(PayloadBuffer::Binary(held)) = reader.half.map(|half| half.payload) else { unreachable!() };
    assert!(held.capacity() < 64);
}

#[test]
fn text_is_utf8_over_every_cut() {
    let all = "κόσμε aé€😀 \u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}";
    check_said(&frame(true, Opcode::Text, all.as_bytes()), &[text(all)]);
    let mut fragments = frame(false, Opcode::Text, b"");
    for byte in all.as_bytes().chunks(1) {
        fragments.extend(frame(false, Opcode::Continuation, byte));
    }
    fragments.extend(frame(true, Opcode::Continuation, b""));
    check_said(&fragments, &[text(all)]);
}

#[test]
fn wrong_text_is_refused_at_the_first_wrong_byte() {
    // The start of a surrogate, and a character that ends too soon.
    for wrong in [&b"\xed\xa0"[..], b"\xe2\x82\x41"] {
        let begun = ["κόσμε ".as_bytes(), wrong].concat();
        let whole = frame(true, Opcode::Text, &[&begun[..], b" and more"].concat());
        check_fault(&whole[..6 + begun.len()], ProtocolError::TextNotUtf8);
        check(Role::Server, &whole, &[], Some(ProtocolError::TextNotUtf8));
    }
}

#[test]
fn a_text_must_not_end_within_a_character() {
    check_fault(&frame(true, Opcode::Text, b"\xf0\x9f\x98"), ProtocolError::TextNotUtf8);
    let bytes = [frame(false, Opcode::Text, b"\xe2\x82"), frame(true, Opcode::Continuation, b"")].concat();
    check_fault(&bytes, ProtocolError::TextNotUtf8);
}

/// Knuth's numbers: small, and the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % end
    }
}

#[test]
fn however_the_bytes_are_cut_the_events_are_the_same() {
    let mut dice = Dice(1);
    for _ in 0..200 {
        let mut bytes = Vec::new();
        for _ in 0..5 {
            let kind = [Opcode::Text, Opcode::Binary][dice.below(2)];
            let payload = "aé€😀".repeat(dice.below(40));
            let mut left = payload.as_bytes();
            let mut opcode = kind;
            while dice.below(3) > 0 {
                let (front, back) = left.split_at(dice.below(left.len() + 1));
                bytes.extend(frame(false, opcode, front));
                bytes.extend(frame(true, Opcode::Ping, &vec![7; dice.below(126)]));
                (left, opcode) = (back, Opcode::Continuation);
            }
            bytes.extend(frame(true, opcode, left));
        }
        // Now and then something in it is wrong.
        if dice.below(4) == 0 {
            let at = dice.below(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
        }
        let whole = read(Role::Server, 300, [&bytes[..]].into_iter());
        let most = 1 + dice.below(100);
        let cut = read(Role::Server, 300, bytes.chunk_by(|_, _| dice.below(most) > 0));
        assert_eq!(cut, whole);
    }
}
