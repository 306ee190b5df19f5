//! Everything that a state begins with, where it does not begin empty.

use crate::model::change::{Change, Position};
use crate::model::record::Record;

/// All collections at one position, and the changes of late that led there.
#[derive(Debug, PartialEq)]
pub struct Stock {
    pub position: Position,
    pub collections: Vec<Stocked>,
    /// Without a gap up to the position.
    pub changes: Vec<Change>,
}

impl Stock {
    /// What a log begins with: each item has a seq of its own, counted from 1.
    pub fn beginning(epoch: u32, collections: Vec<Stocked>) -> Stock {
        let seq = collections.iter().map(|collection| collection.items.len() as u64).sum();
        Stock { position: Position { epoch, seq }, collections, changes: Vec::new() }
    }
}

/// One collection.
#[derive(Debug, PartialEq)]
pub struct Stocked {
    pub name: String,
    pub tally: Tally,
    /// In order of creation.
    pub items: Vec<Record>,
}

impl Stocked {
    pub fn empty(name: String) -> Stocked {
        Stocked { name, tally: Tally::default(), items: Vec::new() }
    }
}

/// What a collection remembers beside its items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Seq of the last change to anything in it.
    pub changed: u64,
    /// The last number given as an id.
    pub counter: u64,
    /// The largest number that a client has chosen as an id. Beyond it all numbers are free.
    pub chosen_max: u64,
}
