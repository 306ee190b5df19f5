//! Answers leave in the order of their calls, whichever is known first.

use crate::model::call::Answer;
use std::collections::VecDeque;

/// The calls of one peer that are not answered yet. `T` is what the road must remember of a call.
#[derive(Debug)]
pub struct Pipeline<T> {
    /// The call handed out last, until it is known what becomes of it.
    current: Option<T>,
    /// Those that wait, oldest first; an answer that is known early waits for those before it.
    waiting: VecDeque<(T, Option<Answer>)>,
}

/// What is owed after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    Nothing,
    More,
}

impl<T> Default for Pipeline<T> {
    fn default() -> Pipeline<T> {
        Pipeline { current: None, waiting: VecDeque::new() }
    }
}

impl<T> Pipeline<T> {
    /// Nobody waits for an answer.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A call is handed out.
    pub fn hand_out(&mut self, what: T) {
        debug_assert!(self.current.is_none(), "one call at a time is decided upon");
        self.current = Some(what);
    }

    /// The call handed out last, which is answered in another way.
    pub fn take_current(&mut self) -> Option<T> {
        self.current.take()
    }

    /// The call handed out last waits to be settled.
    pub fn postpone(&mut self) {
        let what = self.current.take().expect("a call was handed out");
        self.waiting.push_back((what, None));
    }

    /// An answer is known: of the call handed out last, or else of the oldest that waits for one.
    /// `write` is called for each answer that can leave now, and told whether it is the last owed.
    pub fn settle(&mut self, answer: Answer, mut write: impl FnMut(T, &Answer, Rest)) {
        match self.current.take() {
            Some(what) if self.waiting.is_empty() => return write(what, &answer, Rest::Nothing),
            Some(what) => self.waiting.push_back((what, Some(answer))),
            None => {
                let oldest = self.waiting.iter_mut().find(|(_, known)| known.is_none());
                oldest.expect("an answer belongs to a call").1 = Some(answer);
            }
        }
        while let Some((_, Some(_))) = self.waiting.front() {
            if let Some((what, Some(answer))) = self.waiting.pop_front() {
                let rest = if self.waiting.is_empty() { Rest::Nothing } else { Rest::More };
                write(what, &answer, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::Body;

    #[test]
    fn answers_keep_the_order_of_calls() {
        let mut owed = Pipeline::default();
        let mut left = Vec::new();
        let answer = |status| Answer::new(status, Body::Nothing);
        owed.hand_out('a');
        owed.settle(answer(1), |what, answer, _| left.push((what, answer.status)));
        owed.hand_out('b');
        owed.postpone();
        owed.hand_out('c');
        owed.settle(answer(3), |what, answer, _| left.push((what, answer.status)));
        owed.hand_out('d');
        owed.postpone();
        assert_eq!(left, [('a', 1)]);
        owed.settle(answer(2), |what, answer, _| left.push((what, answer.status)));
        assert_eq!(left, [('a', 1), ('b', 2), ('c', 3)]);
        owed.settle(answer(4), |what, answer, _| left.push((what, answer.status)));
        assert_eq!(left.last(), Some(&('d', 4)));
        assert!(owed.is_empty());
    }
}
