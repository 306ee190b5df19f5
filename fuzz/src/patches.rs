//! JSON Patch against a library's.

use super::texts::{library_knows, members_of};
use bothways::error::ApiError;
use bothways::model::json_patch::JsonPatch;
use bothways::model::record::Record;
use serde_json::Value;

/// What we make of an item, a library makes of it too; and where we say that the item does not allow
/// it, so does the library. The first line is the patch, the second the item.
pub fn check_patch(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (patch, body) = text.split_once('\n').unwrap_or((text, ""));
    let Some(members) = members_of(body.as_bytes()) else { return };
    let Ok(ours) = JsonPatch::read(patch) else { return };
    let item = Record::new("1", members, 1);
    let outcome = ours.apply(&item, ITEM_BYTES_MAX);
    if let Ok(members) = &outcome {
        let patched = Record::new("1", members.clone(), 2);
        let again = JsonPatch::read("[]").expect("no operation is a patch").apply(&patched, 0);
        assert_eq!(again.as_ref(), Ok(members), "what is left is an item");
    }
    // To the library 1 and 1.0 are two numbers, and it loses digits.
    let has_only_short_integers = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() <= 15)
            && !text.split(|c: char| c.is_ascii_digit()).any(|between| between.starts_with(['.', 'e', 'E']))
            && !text.contains("-0")
    };
    if !library_knows(text.as_bytes()) || !has_only_short_integers(text) {
        return;
    }
    let theirs: json_patch::Patch =
        serde_json::from_str(patch).unwrap_or_else(|error| panic!("the library takes {patch}: {error}"));
    let mut value: Value = serde_json::from_str(item.json()).expect("an item can be read");
    let theirs = json_patch::patch(&mut value, &theirs);
    match outcome {
        Ok(members) => {
            theirs.unwrap_or_else(|error| panic!("the library does {patch} to {item:?}: {error}"));
            let patched = Record::new("1", members, 2);
            assert_eq!(
                serde_json::from_str::<Value>(patched.json()).ok(),
                Some(value),
                "{patch} to {item:?}"
            );
        }
        Err(ApiError::PatchConflict { .. }) => assert!(theirs.is_err(), "{patch} to {item:?}: {outcome:?}"),
        // The id, the depth and the length are our own affair.
        Err(_) => {}
    }
}

const ITEM_BYTES_MAX: usize = 10_000;
