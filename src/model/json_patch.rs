//! JSON Patch (RFC 6902), on text: what no operation touches stays as it was written.
//!
//! ```text
//!   {"id":"1","n":1.50,"tags":["a","b"]}          {"op":"remove","path":"/tags/0"}
//!
//!   Object ── id ───▶ "1"
//!          ── n ────▶ 1.50                         only the levels on the way to what is named
//!          ── tags ─▶ Array ──▶ "a", "b"           are opened
//! ```
//!
//! There is a library for this, and it works on values of another library. Through these not every
//! item comes unharmed: `1.50` becomes `1.5`, `12345678901234567890123` a double, `1E400` an error,
//! and some names of members are taken for the library's own. So each item would have to be compared
//! with what became of it, and many refused. To open what a path goes through takes no more than
//! that. The library is asked for a second opinion, about items that it does no harm to (`fuzz`).

use crate::config::PATCH_OPERATIONS_MAX;
use crate::error::ApiError;
use crate::model::decimal::Number;
use crate::model::json_object::{DEPTH_MAX, Members, NotAnObject, Object};
use crate::model::json_pointer::{Place, Pointer, Step};
use crate::model::json_tokens::unescape;
use crate::model::raw_json;
use crate::model::record::Record;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Operations, to be done in order and all together, or not at all.
#[derive(Debug)]
pub struct JsonPatch {
    operations: Vec<Operation>,
    /// Of its text.
    bytes: usize,
}

#[derive(Debug)]
struct Operation {
    act: Act,
    path: Pointer,
}

/// Values are compact JSON.
#[derive(Debug)]
enum Act {
    Add(Box<str>),
    Remove,
    Replace(Box<str>),
    Move(Pointer),
    Copy(Pointer),
    Test(Box<str>),
}

/// Why a text is not taken as a patch.
#[derive(Debug)]
pub enum NotAPatch {
    Malformed(serde_json::Error),
    Otherwise(Cow<'static, str>),
}

impl JsonPatch {
    pub fn read(text: &str) -> Result<JsonPatch, NotAPatch> {
        let operations: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| match error.is_data() {
                true => otherwise("a JSON Patch is an array of operations"),
                false => NotAPatch::Malformed(error),
            })?;
        if operations.len() > PATCH_OPERATIONS_MAX {
            return Err(otherwise(format!("a JSON Patch has at most {PATCH_OPERATIONS_MAX} operations")));
        }
        let read = |(n, operation): (usize, &&RawValue)| {
            let object = Object::read(operation.get()).map_err(|why| match why {
                NotAnObject::Malformed(error) => NotAPatch::Malformed(error),
                NotAnObject::AnotherKind => of_operation(n, "it is no object"),
                NotAnObject::TooDeep => of_operation(n, "it is nested too deep"),
            })?;
            Operation::read(&object).map_err(|why| of_operation(n, &why))
        };
        let operations = operations.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(JsonPatch { operations, bytes: text.len() })
    }

    /// Of the text that it was.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The members of the item after all operations, without braces and without its id, which
    /// stays. What is copied has at most `copied_bytes_max` bytes together: a short patch could
    /// double an item again and again.
    pub fn apply(&self, item: &Record, copied_bytes_max: usize) -> Result<String, ApiError> {
        let mut root = Node::Text(item.json());
        let mut copied = 0;
        for (n, operation) in self.operations.iter().enumerate() {
            operation.apply(&mut root, &mut copied).map_err(|why| match why {
                Failed::TooDeep => ApiError::invalid(format!("nested deeper than {DEPTH_MAX}")),
                Failed::Conflict(why) => ApiError::PatchConflict { operation: n + 1, why },
            })?;
            if copied > copied_bytes_max {
                return Err(ApiError::ItemTooLong { bytes_max: copied_bytes_max });
            }
        }
        root.open();
        let Node::Object(mut members) = root else {
            return Err(ApiError::invalid("an item is a JSON object"));
        };
        match members.take("\"id\"") {
            Some(Node::Text(id)) if raw_json::string(id).is_some_and(|id| id == item.id()) => {
                let mut text = String::with_capacity(item.json().len());
                write_members(&members, &mut text);
                Ok(text)
            }
            _ => Err(ApiError::invalid("the id of an item cannot be changed")),
        }
    }
}

fn otherwise(why: impl Into<Cow<'static, str>>) -> NotAPatch {
    NotAPatch::Otherwise(why.into())
}

/// Operations are counted from 1, as lines are.
fn of_operation(n: usize, why: &str) -> NotAPatch {
    otherwise(format!("operation {}: {why}", n + 1))
}

impl Operation {
    /// Members that say nothing to the operation are passed over (RFC 6902 §4).
    fn read(object: &Object) -> Result<Operation, String> {
        const NAMES: [&str; 4] = ["op", "path", "from", "value"];
        let mut said = [None; 4];
        for (name, value) in object.members() {
            if let Some(n) = NAMES.iter().position(|known| *known == unescape(name))
                && said[n].replace(value).is_some()
            {
                return Err(format!("it has two members {}", NAMES[n]));
            }
        }
        let [op, path, from, value] = said;
        let pointer = |text: Option<&str>, name: &str| {
            let text = text.and_then(raw_json::string).ok_or_else(|| format!("{name} must be a string"))?;
            Pointer::read(&text).ok_or_else(|| format!("{name} is no JSON Pointer"))
        };
        let value = || value.map(Box::from).ok_or_else(|| "value is missing".to_owned());
        let path = pointer(path, "path")?;
        let act = match &*op.and_then(raw_json::string).unwrap_or_default() {
            "add" => Act::Add(value()?),
            "remove" if path.steps.is_empty() => return Err("an item cannot be removed by a patch".into()),
            "remove" => Act::Remove,
            "replace" => Act::Replace(value()?),
            "move" => {
                let from = pointer(from, "from")?;
                if path.steps.len() > from.steps.len() && path.steps.starts_with(&from.steps) {
                    return Err("nothing can be moved into itself".into());
                }
                Act::Move(from)
            }
            "copy" => Act::Copy(pointer(from, "from")?),
            "test" => Act::Test(value()?),
            _ => return Err("op must be add, remove, replace, move, copy or test".into()),
        };
        Ok(Operation { act, path })
    }

    fn apply<'a>(&'a self, root: &mut Node<'a>, copied: &mut usize) -> Result<(), Failed> {
        let path = &self.path;
        match &self.act {
            Act::Add(value) => root.add(path, Node::Text(value)),
            Act::Remove => root.take(path).map(drop),
            Act::Replace(value) => {
                let place = root.find(path)?;
                *place = Node::Text(value);
                place.check_depth(path)
            }
            // What stays where it is need only be there.
            Act::Move(from) if from.steps == path.steps => root.find(from).map(drop),
            Act::Move(from) => {
                let node = root.take(from)?;
                root.add(path, node)
            }
            Act::Copy(from) => {
                let node = root.find(from)?;
                *copied += node.length();
                let node = node.clone();
                root.add(path, node)
            }
            Act::Test(value) => match root.find(path)?.is_same(&mut Node::Text(value)) {
                true => Ok(()),
                false => Err(Failed::Conflict(format!("the test of {} failed", path.shown()))),
            },
        }
    }
}

fn not_there(path: &Pointer) -> Failed {
    Failed::Conflict(format!("there is no {}", path.shown()))
}

/// Why an operation cannot be done.
enum Failed {
    TooDeep,
    Conflict(String),
}

/// A value: as it is written, or opened by one level.
#[derive(Clone)]
enum Node<'a> {
    Text(&'a str),
    // Boxed, so that the elements of a long array are small: they are moved when one is put in.
    Object(Box<Members<'a, Node<'a>>>),
    Array(Vec<Node<'a>>),
}

impl<'a> Node<'a> {
    fn open(&mut self) {
        let Node::Text(text) = *self else { return };
        match text.as_bytes()[0] {
            b'{' => {
                let mut members = Box::<Members<_>>::default();
                raw_json::members(text).for_each(|(name, value)| members.set(name, Node::Text(value)));
                *self = Node::Object(members);
            }
            b'[' => *self = Node::Array(raw_json::elements(text).map(Node::Text).collect()),
            _ => {}
        }
    }

    fn step(&mut self, step: &Step) -> Option<&mut Node<'a>> {
        self.open();
        match (self, step.place) {
            (Node::Object(members), _) => members.get_mut(&step.name),
            (Node::Array(elements), Place::At(place)) => elements.get_mut(place),
            _ => None,
        }
    }

    fn find(&mut self, path: &Pointer) -> Result<&mut Node<'a>, Failed> {
        path.steps.iter().try_fold(self, Node::step).ok_or_else(|| not_there(path))
    }

    /// What the last step of the path is taken from, opened.
    fn parent(&mut self, path: &'a Pointer) -> Option<(&mut Node<'a>, &'a Step)> {
        let (last, parents) = path.steps.split_last()?;
        let parent = parents.iter().try_fold(self, Node::step)?;
        parent.open();
        Some((parent, last))
    }

    fn take(&mut self, path: &'a Pointer) -> Result<Node<'a>, Failed> {
        let taken = self.parent(path).and_then(|(parent, step)| match (parent, step.place) {
            (Node::Object(members), _) => members.take(&step.name),
            (Node::Array(elements), Place::At(n)) if n < elements.len() => Some(elements.remove(n)),
            _ => None,
        });
        taken.ok_or_else(|| not_there(path))
    }

    /// Over what is there, or into an array before what is there (RFC 6902 §4.1).
    fn add(&mut self, path: &'a Pointer, node: Node<'a>) -> Result<(), Failed> {
        node.check_depth(path)?;
        if path.steps.is_empty() {
            *self = node;
            return Ok(());
        }
        match self.parent(path).map(|(parent, step)| (parent, step, step.place)) {
            Some((Node::Object(members), step, _)) => members.set(&step.name, node),
            Some((Node::Array(elements), _, Place::End)) => elements.push(node),
            Some((Node::Array(elements), _, Place::At(n))) if n <= elements.len() => elements.insert(n, node),
            _ => return Err(Failed::Conflict(format!("there is no place for {}", path.shown()))),
        }
        Ok(())
    }

    /// Asked of whatever comes in, so that nothing ever is nested deeper than an item may be.
    fn check_depth(&self, path: &Pointer) -> Result<(), Failed> {
        if path.steps.len() + self.depth() > DEPTH_MAX { Err(Failed::TooDeep) } else { Ok(()) }
    }

    fn depth(&self) -> usize {
        match self {
            Node::Text(text) => raw_json::depth(text),
            Node::Object(members) => 1 + members.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
            Node::Array(elements) => 1 + elements.iter().map(Node::depth).max().unwrap_or(0),
        }
    }

    /// Bytes of its text, or of what is opened a few more.
    fn length(&self) -> usize {
        match self {
            Node::Text(text) => text.len(),
            Node::Object(members) => {
                2 + members.iter().map(|(name, node)| name.len() + node.length() + 2).sum::<usize>()
            }
            Node::Array(elements) => 2 + elements.iter().map(|node| node.length() + 1).sum::<usize>(),
        }
    }

    /// Numbers by their greatness, strings by their characters, objects whatever the order of their
    /// members (RFC 6902 §4.6). What is opened stays so: many tests of one value open it once.
    fn is_same(&mut self, other: &mut Node<'a>) -> bool {
        self.open();
        other.open();
        match (self, other) {
            (Node::Text(ours), Node::Text(theirs)) => {
                ours == theirs
                    || raw_json::string(ours).is_some_and(|ours| raw_json::string(theirs) == Some(ours))
                    || Number::read(ours).is_some_and(|ours| Number::read(theirs) == Some(ours))
            }
            (Node::Array(ours), Node::Array(theirs)) => {
                let same_length = ours.len() == theirs.len();
                same_length && ours.iter_mut().zip(theirs).all(|(ours, theirs)| ours.is_same(theirs))
            }
            (Node::Object(ours), Node::Object(theirs)) => {
                let same_length = ours.len() == theirs.len();
                let mut ours = ours.iter_mut();
                same_length
                    && ours
                        .all(|(name, ours)| theirs.get_mut(name).is_some_and(|theirs| ours.is_same(theirs)))
            }
            _ => false,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Node::Text(text) => out.push_str(text),
            Node::Object(members) => {
                out.push('{');
                write_members(members, out);
                out.push('}');
            }
            Node::Array(elements) => {
                out.push('[');
                for (n, element) in elements.iter().enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
        }
    }
}

fn write_members(members: &Members<Node>, out: &mut String) {
    for (n, (name, node)) in members.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(name);
        out.push(':');
        node.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the item 1 with these members.
    fn apply(members: &str, patch: &str) -> Result<String, ApiError> {
        let patch = JsonPatch::read(patch).unwrap_or_else(|why| panic!("{patch}: {why:?}"));
        patch.apply(&Record::new("1", members.into(), 7), 1000)
    }

    #[track_caller]
    fn check(members: &str, patch: &str, expected: &str) {
        assert_eq!(apply(members, patch).as_deref(), Ok(expected), "{members} with {patch}");
    }

    #[track_caller]
    fn conflicts(members: &str, patch: &str, operation: usize, why: &str) {
        let expected = ApiError::PatchConflict { operation, why: why.into() };
        assert_eq!(apply(members, patch), Err(expected), "{members} with {patch}");
    }

    #[track_caller]
    fn malformed(patch: &str, expected: &str) {
        match JsonPatch::read(patch) {
            Err(NotAPatch::Otherwise(why)) => assert_eq!(why, expected, "{patch}"),
            other => panic!("{patch}: {other:?}"),
        }
    }

    /// RFC 6902, appendix A.
    #[test]
    fn the_examples_of_the_rfc() {
        let bars = r#""foo":["bar","baz"]"#;
        check(
            r#""foo":"bar""#,
            r#"[{"op":"add","path":"/baz","value":"qux"}]"#,
            r#""foo":"bar","baz":"qux""#,
        );
        check(bars, r#"[{"op":"add","path":"/foo/1","value":"qux"}]"#, r#""foo":["bar","qux","baz"]"#);
        check(r#""baz":"qux","foo":"bar""#, r#"[{"op":"remove","path":"/baz"}]"#, r#""foo":"bar""#);
        check(r#""foo":["bar","qux","baz"]"#, r#"[{"op":"remove","path":"/foo/1"}]"#, bars);
        check(
            r#""baz":"qux","foo":"bar""#,
            r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
            r#""baz":"boo","foo":"bar""#,
        );
        check(
            r#""foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}"#,
            r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            r#""foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}"#,
        );
        check(
            r#""foo":["all","grass","cows","eat"]"#,
            r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            r#""foo":["all","cows","eat","grass"]"#,
        );
        let mixed = r#""baz":"qux","foo":["a",2,"c"]"#;
        let tests = r#"[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]"#;
        check(mixed, tests, mixed);
        let test = r#"[{"op":"test","path":"/baz","value":"bar"}]"#;
        conflicts(r#""baz":"qux""#, test, 1, "the test of /baz failed");
        check(r#""a":1"#, r#"[{"op":"add","path":"/c","value":{"d":{}}}]"#, r#""a":1,"c":{"d":{}}"#);
        check("", r#"[{"op":"add","path":"/baz","value":"qux","xyz":123}]"#, r#""baz":"qux""#);
        let add = r#"[{"op":"add","path":"/baz/bat","value":"qux"}]"#;
        conflicts(r#""foo":"bar""#, add, 1, "there is no place for /baz/bat");
        let twice = r#"[{"op":"add","path":"/baz","value":"qux","op":"remove"}]"#;
        malformed(twice, "operation 1: it has two members op");
        let escaped = r#""/":9,"~1":10"#;
        check(escaped, r#"[{"op":"test","path":"/~01","value":10}]"#, escaped);
        conflicts(escaped, r#"[{"op":"test","path":"/~01","value":"10"}]"#, 1, "the test of /~01 failed");
        check(
            r#""foo":["bar"]"#,
            r#"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
            r#""foo":["bar",["abc","def"]]"#,
        );
    }

    #[test]
    fn what_is_not_named_stays_as_it_was_written() {
        let members = r#""n":1E5,"big":12345678901234567890123,"o":{"x":1.50,"x":2,"p":[1e-400]},"$serde_json::private::RawValue":"[[""#;
        let added = format!(r#"{members},"z":{{"y":1.0}}"#);
        check(members, r#"[{"op":"add","path":"/z","value":{ "y" : 1.0 }}]"#, &added);
        check(
            r#""o":{"x":1.50,"y":[2.0,{"a":1E1}]}"#,
            r#"[{"op":"remove","path":"/o/y/0"}]"#,
            r#""o":{"x":1.50,"y":[{"a":1E1}]}"#,
        );
        check(
            r#""a":1"#,
            r#"[{"op":"replace","path":"/a","value":{"\u0061":1.50}}]"#,
            r#""a":{"\u0061":1.50}"#,
        );
        check(r#""\u0061":1"#, r#"[{"op":"replace","path":"/a","value":2}]"#, r#""\u0061":2"#);
        check("", r#"[{"op":"add","path":"/a\"\n~1","value":2}]"#, r#""a\"\n/":2"#);
    }

    #[test]
    fn operations_are_done_in_order_and_all_or_none() {
        check(
            r#""a":[1,2]"#,
            r#"[{"op":"move","from":"/a","path":"/b"},{"op":"copy","from":"/b/0","path":"/b/-"},{"op":"replace","path":"/b/0","value":{}},{"op":"copy","from":"/b","path":"/b/0/c"},{"op":"test","path":"/b/0","value":{"c":[{},2e0,1.0]}}]"#,
            r#""b":[{"c":[{},2,1]},2,1]"#,
        );
        let patch = r#"[{"op":"remove","path":"/a"},{"op":"test","path":"/a","value":1}]"#;
        conflicts(r#""a":1"#, patch, 2, "there is no /a");
        check(r#""a":1"#, r#"[{"op":"move","from":"/a","path":"/a"}]"#, r#""a":1"#);
        check(r#""a":1"#, "[]", r#""a":1"#);
    }

    #[test]
    fn an_element_is_named_by_its_digits() {
        let array = r#""a":[0,1],"o":{"-":1,"01":2}"#;
        for path in ["/a/2", "/a/-", "/a/01", "/a/1e0", "/a/", "/a/+1", "/a/99999999999999999999", "/id/0"] {
            let patch = format!(r#"[{{"op":"replace","path":"{path}","value":9}}]"#);
            conflicts(array, &patch, 1, &format!("there is no {path}"));
        }
        check(array, r#"[{"op":"add","path":"/a/2","value":2}]"#, r#""a":[0,1,2],"o":{"-":1,"01":2}"#);
        conflicts(array, r#"[{"op":"add","path":"/a/3","value":2}]"#, 1, "there is no place for /a/3");
        let remove = r#"[{"op":"remove","path":"/o/-"},{"op":"remove","path":"/o/01"}]"#;
        check(array, remove, r#""a":[0,1],"o":{}"#);
    }

    #[test]
    fn the_same_can_be_written_in_several_ways() {
        let tested = |one: &str, other: &str| {
            let patch = format!(r#"[{{"op":"test","path":"/a","value":{other}}}]"#);
            apply(&format!("\"a\":{one}"), &patch).is_ok()
        };
        for (one, other) in [
            ("1", "1.0"),
            ("1e2", "100"),
            (r#""a""#, r#""\u0061""#),
            (r#"[1,"a"]"#, r#"[1.0,"a"]"#),
            (r#"{"a":1,"b":[2]}"#, r#"{"b":[2e0],"\u0061":1}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ] {
            assert!(tested(one, other) && tested(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("1", "2"),
            ("1", "\"1\""),
            ("null", "false"),
            ("[]", "{}"),
            ("[1]", "[1,1]"),
            ("[1,2]", "[2,1]"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            (r#""a""#, r#""A""#),
        ] {
            assert!(!tested(one, other) && !tested(other, one), "{one} {other}");
        }
    }

    #[test]
    fn the_id_stays() {
        let refused = Err(ApiError::invalid("the id of an item cannot be changed"));
        for patch in [
            r#"[{"op":"remove","path":"/id"}]"#,
            r#"[{"op":"replace","path":"/id","value":"2"}]"#,
            r#"[{"op":"replace","path":"/id","value":1}]"#,
            r#"[{"op":"move","from":"/id","path":"/a"}]"#,
            r#"[{"op":"replace","path":"","value":{"a":1}}]"#,
        ] {
            assert_eq!(apply("", patch), refused, "{patch}");
        }
        let copied = r#"[{"op":"test","path":"/id","value":"1"},{"op":"copy","from":"/id","path":"/a"}]"#;
        check("", copied, r#""a":"1""#);
        check(r#""a":1"#, r#"[{"op":"replace","path":"","value":{"b":2,"id":"\u0031"}}]"#, r#""b":2"#);
        check(r#""a":1"#, r#"[{"op":"copy","from":"","path":"/b"}]"#, r#""a":1,"b":{"id":"1","a":1}"#);
        let array = apply("", r#"[{"op":"add","path":"","value":[]}]"#);
        assert_eq!(array, Err(ApiError::invalid("an item is a JSON object")));
    }

    #[test]
    fn what_is_no_patch_is_told_why() {
        malformed("{}", "a JSON Patch is an array of operations");
        malformed("[1]", "operation 1: it is no object");
        malformed("[{}]", "operation 1: path must be a string");
        malformed(r#"[{"path":""}]"#, "operation 1: op must be add, remove, replace, move, copy or test");
        let second = r#"[{"op":"test","path":"","value":1},{"op":"add","path":"/a"}]"#;
        malformed(second, "operation 2: value is missing");
        malformed(r#"[{"op":"copy","path":"/a"}]"#, "operation 1: from must be a string");
        malformed(r#"[{"op":"remove","path":""}]"#, "operation 1: an item cannot be removed by a patch");
        for path in ["a", "/~", "/~2", "/a~", "#/a"] {
            let patch = format!(r#"[{{"op":"remove","path":"{path}"}}]"#);
            malformed(&patch, "operation 1: path is no JSON Pointer");
        }
        let into_itself = r#"[{"op":"move","from":"/a","path":"/a/b"}]"#;
        malformed(into_itself, "operation 1: nothing can be moved into itself");
        let many = vec![r#"{"op":"remove","path":"/a"}"#; PATCH_OPERATIONS_MAX + 1].join(",");
        malformed(&format!("[{many}]"), "a JSON Patch has at most 100 operations");
        for bad in ["", "[", "[{}", r#"[{"op":"\ud800"}]"#, "[] []"] {
            assert!(matches!(JsonPatch::read(bad), Err(NotAPatch::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn a_short_patch_makes_no_long_or_deep_item() {
        let double = vec![r#"{"op":"copy","from":"","path":"/a"}"#; 40].join(",");
        assert_eq!(apply("", &format!("[{double}]")), Err(ApiError::ItemTooLong { bytes_max: 1000 }));
        let nested = "[".repeat(100) + &"]".repeat(100);
        let add = |path: &str| format!(r#"{{"op":"add","path":"{path}","value":{nested}}}"#);
        check("", &format!("[{}]", add("/a")), &format!("\"a\":{nested}"));
        let down = r#"{"op":"add","path":"/b","value":[]},{"op":"move","from":"/a","path":"/b/0"}"#;
        for deeper in [format!("[{},{}]", add("/a"), add("/a/0")), format!("[{},{down}]", add("/a"))] {
            assert_eq!(apply("", &deeper), Err(ApiError::invalid("nested deeper than 101")), "{deeper}");
        }
    }
}
