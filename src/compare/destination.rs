//! The file that a page is written to: whole, or not at all.
//!
//! Whether it can be written is found out before anything is measured. It is written beside itself, and
//! then put in place of what was there, so that nobody ever finds half a page.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Written here, and renamed.
    Beside(PathBuf),
    /// A device or a pipe, into which one writes.
    Into(File),
}

impl Destination {
    /// Tries it, and leaves nothing behind.
    pub fn try_out(path: &Path) -> Result<Destination, Failure> {
        let tried = || {
            if let Ok(there) = fs::metadata(path) {
                let file = OpenOptions::new().write(true).open(path)?;
                if !there.is_file() {
                    return Ok(Place::Into(file));
                }
            }
            // What a link leads to is written, and not the link.
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
            let beside = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
            File::create_new(&beside)?;
            fs::remove_file(&beside)?;
            Ok(Place::Beside(beside))
        };
        let place = tried().map_err(|error: io::Error| Failure::Usage(cannot(path, &error)))?;
        Ok(Destination { path: path.to_owned(), place })
    }

    pub fn write(self, text: &str) -> Result<(), Failure> {
        let written = match self.place {
            Place::Into(mut file) => file.write_all(text.as_bytes()),
            Place::Beside(beside) => {
                let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
                let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
                if written.is_err() {
                    // There may be none to remove.
                    let _ = fs::remove_file(&beside);
                }
                written
            }
        };
        written.map_err(|error| Failure::Failed(cannot(&self.path, &error)))
    }
}

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("--html: {} cannot be written: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("bothways-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn trying_leaves_nothing_behind_and_writing_one_file() {
        let folder = folder("destination");
        let path = folder.join("report.html");
        let destination = Destination::try_out(&path).unwrap();
        assert!(names(&folder).is_empty());
        destination.write("first").unwrap();
        Destination::try_out(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first", "what was there stays until there is more");
        Destination::try_out(&path).unwrap().write("second").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap(), names(&folder).len()), ("second".to_owned(), 1));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_is_wrong_usage() {
        let folder = folder("no-destination");
        for path in [&folder, &folder.join("no/such/folder.html"), Path::new("/"), Path::new("")] {
            let failure = Destination::try_out(path).unwrap_err();
            assert_eq!(failure.exit_status(), 2);
            assert!(failure.to_string().contains("cannot be written: "), "{failure}");
        }
        assert!(names(&folder).is_empty());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_device_is_written_into() {
        Destination::try_out(Path::new("/dev/null")).unwrap().write("page").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
