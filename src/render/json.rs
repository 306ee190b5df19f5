//! Items as a JSON array.

/// Renders a collection as one array, from the texts of its records.
pub fn collection<'a>(items: impl Iterator<Item = &'a str> + Clone) -> String {
    let bytes: usize = items.clone().map(|json| json.len() + 1).sum();
    let mut out = String::with_capacity(bytes + 2);
    out.push('[');
    for (n, json) in items.enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(json);
    }
    out.push(']');
    out
}
