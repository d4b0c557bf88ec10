//! The children of one supervisor: found by place, by id, and in start order.
//!
//! It keeps them in pages, so that growing never copies what is there and leaves little unused.

use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

use super::child::{Child, Key};

/// Children per page.
const PAGE: usize = 256;

/// See the module.
#[derive(Debug)]
pub(crate) struct Roster<P> {
    pages: Vec<Vec<Option<Child<P>>>>,
    free: Vec<Key>,
    ids: HashTable<Key>,
    hasher: RandomState,
    len: usize,
}

impl<P> Roster<P> {
    pub(crate) fn new() -> Self {
        Self {
            pages: Vec::new(),
            free: Vec::new(),
            ids: HashTable::new(),
            hasher: RandomState::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Child<P>> {
        let (page, place) = split(key);
        self.pages.get(page)?.get(place)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Child<P>> {
        let (page, place) = split(key);
        self.pages.get_mut(page)?.get_mut(place)?.as_mut()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Key> {
        let hash = self.hasher.hash_one(id);
        let is = |key: &Key| self.get(*key).is_some_and(|child| &*child.id == id);
        self.ids.find(hash, is).copied()
    }

    /// All children, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Child<P>)> {
        let places = self.pages.iter().flatten();
        let keyed = places
            .enumerate()
            .map(|(place, child)| (join(place), child));
        keyed.filter_map(|(key, child)| Some((key, child.as_ref()?)))
    }

    /// Takes a child in; its id must not be there yet.
    pub(crate) fn insert(&mut self, child: Child<P>) -> Key {
        let hash = self.hasher.hash_one(&*child.id);
        let key = self.free.pop().unwrap_or_else(|| self.open_place());
        let (page, place) = split(key);
        if let Some(seat) = self
            .pages
            .get_mut(page)
            .and_then(|page| page.get_mut(place))
        {
            *seat = Some(child);
            self.len += 1;
        }
        let (pages, hasher) = (&self.pages, &self.hasher);
        let rehash = |key: &Key| {
            let (page, place) = split(*key);
            let child = pages.get(page).and_then(|page| page.get(place));
            child
                .and_then(Option::as_ref)
                .map_or(0, |child| hasher.hash_one(&*child.id))
        };
        self.ids.insert_unique(hash, key, rehash);
        key
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Child<P>> {
        let (page, place) = split(key);
        let child = self.pages.get_mut(page)?.get_mut(place)?.take()?;
        let hash = self.hasher.hash_one(&*child.id);
        if let Ok(entry) = self.ids.find_entry(hash, |other| *other == key) {
            entry.remove();
        }
        self.free.push(key);
        self.len -= 1;
        Some(child)
    }

    /// A new place at the end.
    fn open_place(&mut self) -> Key {
        if self.pages.last().is_none_or(|page| page.len() == PAGE) {
            // The first page grows with its children: most supervisors have a handful.
            let room = if self.pages.is_empty() { 0 } else { PAGE };
            self.pages.push(Vec::with_capacity(room));
        }
        let full = self.pages.len().saturating_sub(1) * PAGE;
        let Some(page) = self.pages.last_mut() else {
            return 0;
        };
        page.push(None);
        join(full + page.len() - 1)
    }
}

fn split(key: Key) -> (usize, usize) {
    let place = usize::try_from(key).unwrap_or(usize::MAX);
    (place / PAGE, place % PAGE)
}

fn join(place: usize) -> Key {
    Key::try_from(place).unwrap_or(Key::MAX)
}
