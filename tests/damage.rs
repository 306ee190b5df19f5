//! A store is damaged at random, and looked at: nothing panics, and nothing is said to be whole in which
//! anything differs from what was stored.
//!
//! `BOTHWAYS_DAMAGES=10000 cargo test --release --test damage` does more of it.

use bothways::model::change::{Act, CollectionId, Write};
use bothways::store::disk::change_rows::Keeps;
use bothways::store::disk::durable_store::{Epoch, OnDisk, Watcher};
use bothways::store::disk::integrity;
use bothways::store::disk::overlay_file::Trust;
use bothways::store::idempotency_table::{Bounds, Keys};
use bothways::store::snapshot::Stock;
use bothways::store::state::State;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

fn silent() -> Watcher {
    Rc::new(|_| ())
}

/// What follows from a seed and nothing else (xorshift64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

/// A folder of this test, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Two stores that were written for a while: one that was closed, one as a crash leaves it.
fn write_stores(folder: &Path) -> [Vec<u8>; 2] {
    let path = folder.join("written.redb");
    let names = ["tasks".to_owned(), "notes".to_owned()];
    let keeps = Keeps { changes_max: 60, bytes_max: 1 << 20 };
    let mut disk = OnDisk::open(&path, Epoch::Begin(0x3f9c2a7b), keeps, &silent()).unwrap();
    disk.declare(&names).unwrap();
    let keys = Keys::new(Bounds { time: Duration::from_secs(60), keys_max: 100, bytes_max: 1 << 20 }, 0);
    let (mut state, mut dice) = (State::new(0x3f9c2a7b, &names, 1 << 20), Dice(4711));
    for _ in 0..80 {
        let mut changes = Vec::new();
        for _ in 0..1 + dice.throw(5) {
            let collection = CollectionId(dice.throw(2) as u16);
            let ids: Vec<Box<str>> =
                state.collection(collection).items().map(|item| item.id().into()).collect();
            let members = format!("\"n\":{},\"text\":\"{}\"", dice.throw(1000), "x".repeat(dice.throw(400)));
            let act = match (dice.throw(4), ids.as_slice()) {
                (0, [_, ..]) => Act::Remove { id: ids[dice.throw(ids.len())].clone() },
                (1, [_, ..]) => Act::Replace { id: ids[dice.throw(ids.len())].clone(), members },
                _ => Act::Create { id: None, members },
            };
            let change = state.decide(Write::new(collection, act)).unwrap();
            state.apply(&change);
            changes.push(change);
        }
        disk.commit(&changes, &state, &keys).unwrap();
    }
    let left = fs::read(&path).unwrap();
    disk.close().unwrap();
    [fs::read(&path).unwrap(), left]
}

fn inspect(path: &Path) -> Result<Stock, String> {
    let (_, stock) = OnDisk::inspect(path, &silent()).map_err(|error| error.to_string())?;
    match integrity::faults(&stock).as_slice() {
        [] => Ok(stock),
        faults => Err(faults.join("; ")),
    }
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) -> String {
    // The header is short, and most depends on it.
    let at = if dice.throw(4) == 0 { dice.throw(320) } else { dice.throw(bytes.len()) };
    match dice.throw(10) {
        0 => {
            bytes.truncate(at);
            format!("cut off at {at}")
        }
        1 => {
            let page = at / 4096 * 4096;
            bytes[page..page + 4096].fill(0);
            format!("no page at {page}")
        }
        2 | 3 => {
            let end = bytes.len().min(at + 1 + dice.throw(40));
            bytes[at..end].iter_mut().for_each(|byte| *byte = dice.throw(256) as u8);
            format!("noise from {at} to {end}")
        }
        4..7 => {
            let bit = dice.throw(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of {at}")
        }
        _ => {
            bytes[at] = bytes[at].wrapping_add(1 + dice.throw(255) as u8);
            format!("another byte at {at}")
        }
    }
}

#[test]
fn a_damaged_store_is_never_taken_for_a_whole_one() {
    let folder = Folder(std::env::temp_dir().join(format!("bothways-damage-{}", std::process::id())));
    fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("damaged.redb");
    let stores = write_stores(&folder.0);
    let expected = stores.each_ref().map(|bytes| {
        fs::write(&path, bytes).unwrap();
        let stock = inspect(&path).unwrap();
        assert!(fs::read(&path).unwrap() == *bytes, "the file stays as it was");
        stock
    });
    assert!(expected[0] == expected[1], "closing changes nothing that is stored");
    assert!(expected[0].changes.len() > 50 && expected[0].collections[1].items.len() > 10);
    // The flags of the header and the numbers of its commits have no checksum, or decide which one counts.
    for at in [9].into_iter().chain(168..176).chain(296..304) {
        for (store, expected) in stores.iter().zip(&expected) {
            for bit in 0..8 {
                let mut bytes = store.clone();
                bytes[at] ^= 1 << bit;
                fs::write(&path, bytes).unwrap();
                assert!(inspect(&path).ok().is_none_or(|stock| stock == *expected), "bit {bit} of {at}");
            }
        }
    }
    let count = std::env::var("BOTHWAYS_DAMAGES").map_or(300, |count| count.parse().unwrap());
    let (mut dice, mut whole) = (Dice(0x5eed), 0);
    for n in 0..count {
        let which = n % 2;
        let mut bytes = stores[which].clone();
        let what = damage(&mut bytes, &mut dice);
        fs::write(&path, &bytes).unwrap();
        if let Ok(stock) = inspect(&path) {
            assert!(stock == expected[which], "{n}: store {which}, {what}");
            whole += 1;
        }
        // So does `serve` look at it. It may go back to the commit before, but must end.
        if let Ok(mut disk) = OnDisk::look(&path, Trust::Newest, &silent()) {
            let _ = disk.load(&*silent());
        }
        assert!(fs::read(&path).unwrap() == bytes, "{n}: the file stays as it was");
    }
    assert!(whole > 0 && whole < count, "{whole} of {count} are whole");
    println!("{count} damages: {whole} where nothing is, {} found", count - whole);
}
