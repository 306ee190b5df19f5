//! Names, of which there may be very many, and each once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};

/// Those that came so far. Whether another has come before is known without a look at all of them.
#[derive(Default)]
pub struct Names<'a>(HashSet<Name<'a>>);

#[derive(Eq)]
struct Name<'a>(Cow<'a, str>);

impl<'a> Names<'a> {
    /// Has it not come before?
    pub fn add(&mut self, name: impl Into<Cow<'a, str>>) -> bool {
        self.0.insert(Name(name.into()))
    }

    pub fn contain(&self, name: &'a str) -> bool {
        self.0.contains(&Name(name.into()))
    }
}

impl<'a> FromIterator<&'a str> for Names<'a> {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Names<'a> {
        Names(names.into_iter().map(|name| Name(name.into())).collect())
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Name) -> bool {
        #[cfg(test)]
        counted::COMPARED.set(counted::COMPARED.get() + 1);
        self.0 == other.0
    }
}

impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        #[cfg(test)]
        counted::HASHED.set(counted::HASHED.get() + 1);
        self.0.hash(state);
    }
}

#[cfg(test)]
pub use tests::counted;

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts lookups of names, for the tests of code that has very many names.
    pub mod counted {
        use std::cell::Cell;

        thread_local! {
            pub static HASHED: Cell<usize> = const { Cell::new(0) };
            pub static COMPARED: Cell<usize> = const { Cell::new(0) };
        }

        /// Asserts that each of so many names is looked up meanwhile, and compared with few others.
        #[track_caller]
        pub fn check<T>(names: usize, act: impl FnOnce() -> T) -> T {
            let before = [HASHED.get(), COMPARED.get()];
            let outcome = act();
            let [hashed, compared] = [HASHED.get() - before[0], COMPARED.get() - before[1]];
            assert!(hashed >= names, "only {hashed} of {names} names were looked for");
            assert!(compared < 2 * names, "{compared} comparisons of {names} names");
            outcome
        }
    }

    #[test]
    fn each_name_comes_once() {
        let mut names: Names = ["a", "b"].into_iter().collect();
        assert!(!names.add("a") && names.add("c") && !names.add("c".to_owned()));
        assert!(names.contain("c") && !names.contain("d"));
    }
}
