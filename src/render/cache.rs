//! Rendered collections, cached by collection and seq.
//!
//! ```text
//!   ItemList ──▶ whole: is it cached at this seq? ── yes ──▶ the cached text, shared
//!                                                 └─ no ───▶ render, cache, share
//!            ──▶ part: what a query has found ─────────────▶ render, share
//! ```
//!
//! Everyone who requests a whole collection in one representation gets the same text until the collection
//! changes. A text lives on while a peer still reads it; the bytes of those texts are bounded for each
//! collection.

use crate::config::RENDERED_BYTES_MAX;
use crate::error::ApiError;
use crate::model::call::Representation;
use crate::model::change::{CollectionId, Position};
use crate::model::record::Record;
use crate::render::html;
use crate::render::json;
use crate::render::text;
use crate::render::xml;
use std::sync::{Arc, Weak};

/// Items of one collection, to be rendered as a list.
pub struct ItemList<'a, I> {
    pub collection: CollectionId,
    pub name: &'a str,
    /// The position of the last change to the collection.
    pub position: Position,
    pub items: I,
}

impl<'a, I: Iterator<Item = &'a Record> + Clone> ItemList<'a, I> {
    fn json_bytes(&self) -> usize {
        self.items.clone().map(|record| record.json().len() + 1).sum()
    }

    fn render(&self, representation: Representation) -> Arc<[u8]> {
        let items = self.items.clone().map(Record::json);
        let text = match representation {
            Representation::Json => json::collection(items),
            Representation::Text => text::collection(items),
            Representation::Html => html::collection(self.name, self.position, items),
            Representation::Xml => xml::collection(self.name, items),
        };
        text.into_bytes().into()
    }
}

/// The rendered collections of one state. That state applies changes and rolls none back, so a seq
/// identifies what a collection contains.
#[derive(Default)]
pub struct RenderCache {
    /// In the order of declaration, up to the last collection that was requested.
    collections: Vec<CachedCollection>,
}

impl RenderCache {
    /// Returns all items of a collection in this representation. They are rendered once for each change.
    ///
    /// # Errors
    ///
    /// `Busy` while peers still read too many earlier texts of this collection.
    pub fn whole<'a>(
        &mut self,
        representation: Representation,
        list: &ItemList<'a, impl Iterator<Item = &'a Record> + Clone>,
    ) -> Result<Arc<[u8]>, ApiError> {
        let cached = self.collection(list.collection);
        if cached.seq != list.position.seq {
            // Outdated texts that no peer reads any longer make room.
            (cached.seq, cached.texts) = (list.position.seq, Default::default());
        }
        if let Some(text) = &cached.texts[representation as usize] {
            return Ok(text.clone());
        }
        cached.make_room(list.json_bytes())?;
        let text = list.render(representation);
        // With markup it is longer than the JSON that was estimated.
        cached.make_room(text.len())?;
        cached.outstanding.add(&text);
        cached.texts[representation as usize] = Some(text.clone());
        Ok(text)
    }

    /// Returns some items of a collection in this representation, and caches nothing.
    ///
    /// # Errors
    ///
    /// `Busy`, as for [`whole`](RenderCache::whole).
    pub fn part<'a>(
        &mut self,
        representation: Representation,
        list: &ItemList<'a, impl Iterator<Item = &'a Record> + Clone>,
    ) -> Result<Arc<[u8]>, ApiError> {
        let outstanding = &mut self.collection(list.collection).outstanding;
        if !outstanding.has_room(list.json_bytes()) {
            return Err(ApiError::Busy);
        }
        let text = list.render(representation);
        outstanding.add(&text);
        Ok(text)
    }

    fn collection(&mut self, CollectionId(number): CollectionId) -> &mut CachedCollection {
        let number = usize::from(number);
        if self.collections.len() <= number {
            self.collections.resize_with(number + 1, CachedCollection::default);
        }
        &mut self.collections[number]
    }
}

#[derive(Default)]
struct CachedCollection {
    /// The seq at which the texts were rendered.
    seq: u64,
    texts: [Option<Arc<[u8]>>; Representation::COUNT],
    outstanding: OutstandingBodies,
}

impl CachedCollection {
    /// Evicts the cached representations if there is no room otherwise.
    fn make_room(&mut self, bytes: usize) -> Result<(), ApiError> {
        if !self.outstanding.has_room(bytes) {
            self.texts = Default::default();
            if !self.outstanding.has_room(bytes) {
                return Err(ApiError::Busy);
            }
        }
        Ok(())
    }
}

/// The texts of one collection that are cached, or that a peer still reads.
#[derive(Default)]
struct OutstandingBodies(Vec<Weak<[u8]>>);

impl OutstandingBodies {
    /// Returns whether another text of so many bytes is within the bound. A single text always is.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.0.retain(|text| text.strong_count() > 0);
        let held: usize = self.0.iter().filter_map(Weak::upgrade).map(|text| text.len()).sum();
        held == 0 || held + bytes <= RENDERED_BYTES_MAX
    }

    fn add(&mut self, text: &Arc<[u8]>) {
        self.0.push(Arc::downgrade(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Representation; Representation::COUNT] =
        [Representation::Json, Representation::Text, Representation::Html, Representation::Xml];

    fn list(records: &[Record]) -> ItemList<'_, impl Iterator<Item = &Record> + Clone> {
        let position = Position { epoch: 7, seq: records.len() as u64 };
        ItemList { collection: CollectionId(0), name: "tasks", position, items: records.iter() }
    }

    fn records(count: usize) -> Vec<Record> {
        (1..=count).map(|n| Record::new(&n.to_string(), format!("\"n\":{n}"), n as u64)).collect()
    }

    #[test]
    fn texts_that_are_still_being_read_are_bounded() {
        let mut outstanding = OutstandingBodies::default();
        assert!(outstanding.has_room(usize::MAX / 2), "a single one may have any length");
        let read: Arc<[u8]> = vec![0; 1000].into();
        outstanding.add(&read);
        assert!(outstanding.has_room(RENDERED_BYTES_MAX - 1000));
        assert!(!outstanding.has_room(RENDERED_BYTES_MAX - 999));
        drop(read);
        assert!(outstanding.has_room(RENDERED_BYTES_MAX));
    }

    #[test]
    fn each_representation_is_made_once_a_change() {
        let mut cache = RenderCache::default();
        let [before, after] = [records(1), records(2)];
        let mut all = |records: &[Record]| ALL.map(|one| cache.whole(one, &list(records)).unwrap());
        let [first, second] = [all(&before), all(&before)];
        assert!(first.iter().zip(&second).all(|(one, other)| Arc::ptr_eq(one, other)));
        assert!(first.iter().enumerate().all(|(n, text)| !first[..n].contains(text)), "all differ");
        cache.whole(Representation::Json, &list(&after)).unwrap();
        assert!(second.iter().all(|text| Arc::strong_count(text) == 2), "none of the old is kept");
        drop((first, second));
        let texts = ALL.map(|one| cache.whole(one, &list(&after)).unwrap());
        assert!(texts.iter().all(|text| std::str::from_utf8(text).unwrap().contains('2')));
    }

    #[test]
    fn a_representation_that_nobody_reads_makes_room_for_another() {
        let mut cache = RenderCache::default();
        let records = records(1);
        let read: Arc<[u8]> = vec![0; RENDERED_BYTES_MAX - 30].into();
        cache.collection(CollectionId(0)).outstanding.add(&read);
        drop(cache.whole(Representation::Text, &list(&records)).unwrap());
        assert_eq!(cache.whole(Representation::Json, &list(&records)).unwrap().len(), 18);
        let markup = cache.whole(Representation::Xml, &list(&records));
        assert_eq!(markup, Err(ApiError::Busy), "markup counts too");
        drop(read);
        assert!(cache.whole(Representation::Xml, &list(&records)).is_ok());
    }
}
