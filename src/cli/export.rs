//! `bothways export [PATH | URL]`: everything that is stored, as a json-server style file.

use crate::cli::args;
use crate::client::download;
use crate::error::CommandError;
use crate::store::disk::durable_store::{OnDisk, no_progress};
use crate::store::disk::overlay_file::Trust;
use crate::store::disk::store_error::StoreError;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Prints nothing before everything was read: half a file would look like a whole one.
pub fn run(export: &args::ExportArgs) -> Result<(), CommandError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let is_url = export.from.contains("://");
    let outcome = if is_url { from_server(export, &mut out) } else { from_store(export, &mut out) };
    CommandError::ignore_broken_pipe(outcome)
}

fn from_server(export: &args::ExportArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let collections = download::all(&export.from.parse()?, export.max)?;
    let collections =
        collections.iter().map(|(name, items)| (name.as_str(), items.iter().map(|item| item.get())));
    write(out, collections).map_err(CommandError::Output)
}

fn from_store(export: &args::ExportArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let path = Path::new(&export.from);
    let failed = |error: StoreError| CommandError::Failed(format!("the store {}: {error}", path.display()));
    let mut store = OnDisk::look(path, Trust::Newest, &no_progress()).map_err(failed)?;
    let stock = store.load(&*no_progress()).map_err(failed)?;
    drop(store);
    let collections = stock.collections.iter().map(|collection| {
        let items = collection.items.iter().map(|record| record.json());
        (&*collection.name, items)
    });
    write(out, collections).map_err(CommandError::Output)
}

/// One item a line, so that two files can be compared line by line.
fn write<'a, I: IntoIterator<Item = &'a str>>(
    out: &mut impl Write,
    collections: impl Iterator<Item = (&'a str, I)>,
) -> io::Result<()> {
    out.write_all(b"{")?;
    for (n, (name, items)) in collections.enumerate() {
        let comma = if n > 0 { "," } else { "" };
        // A name needs no escape.
        write!(out, "{comma}\n  \"{name}\": [")?;
        let mut is_empty = true;
        for item in items {
            let comma = if is_empty { "" } else { "," };
            is_empty = false;
            write!(out, "{comma}\n    {item}")?;
        }
        out.write_all(if is_empty { b"]" } else { b"\n  ]" })?;
    }
    out.write_all(b"\n}\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_item_a_line() {
        let mut out = Vec::new();
        let collections = [("posts", vec![r#"{"id":"1"}"#, r#"{"id":"2"}"#]), ("none", vec![])];
        write(&mut out, collections.into_iter()).unwrap();
        let expected =
            "{\n  \"posts\": [\n    {\"id\":\"1\"},\n    {\"id\":\"2\"}\n  ],\n  \"none\": []\n}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
