//! The file that a page is written to: whole, or not at all.
//!
//! Whether it can be written is found out before anything is measured. It is written beside itself, and
//! then put in place of what was there, so that nobody ever finds half a page. What a link leads to is
//! written, and not the link, whether or not there is anything yet.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::CommandError;

#[derive(Debug)]
pub struct Destination {
    /// As it was named.
    path: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Written beside the file, and renamed.
    Beside { file: PathBuf, beside: PathBuf },
    /// A device or a pipe, into which one writes.
    Into(File),
}

impl Place {
    fn try_out(path: &Path) -> io::Result<Place> {
        match fs::metadata(path) {
            Ok(there) => {
                let file = OpenOptions::new().write(true).open(path)?;
                if !there.is_file() {
                    return Ok(Place::Into(file));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = follow_links(path);
        let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let beside = file.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        File::create_new(&beside)?;
        fs::remove_file(&beside)?;
        Ok(Place::Beside { file, beside })
    }
}

impl Destination {
    /// Tries it, and leaves nothing behind.
    pub fn try_out(path: &Path) -> Result<Destination, CommandError> {
        let place = Place::try_out(path).map_err(|error| CommandError::Usage(cannot(path, &error)))?;
        Ok(Destination { path: path.to_owned(), place })
    }

    pub fn write(self, text: &str) -> Result<(), CommandError> {
        let written = match self.place {
            Place::Into(mut file) => file.write_all(text.as_bytes()),
            Place::Beside { file, beside } => {
                let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, file));
                if written.is_err() {
                    // There may be none to remove.
                    let _ = fs::remove_file(&beside);
                }
                written
            }
        };
        written.map_err(|error| CommandError::Failed(cannot(&self.path, &error)))
    }
}

/// The file behind all links, which need not be there: `canonicalize` asks that it is.
fn follow_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { break };
        // What is absolute stands for itself.
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

/// As many as the kernel follows (path_resolution(7)).
const LINKS_MAX: usize = 40;

fn cannot(path: &Path, error: &io::Error) -> String {
    format!("--html: {} cannot be written: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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
    fn what_a_link_leads_to_is_written_and_not_the_link() {
        let folder = folder("linked-destination");
        fs::create_dir(folder.join("far")).unwrap();
        let link = |target: &str, name: &str| symlink(target, folder.join(name)).unwrap();
        link("far/page.html", "near.html");
        link("near.html", "nearer.html");
        for text in ["where nothing was", "where something was"] {
            Destination::try_out(&folder.join("nearer.html")).unwrap().write(text).unwrap();
            assert_eq!(fs::read_to_string(folder.join("far/page.html")).unwrap(), text);
            assert!(["near.html", "nearer.html"].iter().all(|name| folder.join(name).is_symlink()));
        }
        assert_eq!((names(&folder).len(), names(&folder.join("far")).len()), (3, 1));
        link("to-itself", "to-itself");
        link("no/such/folder", "nowhere");
        for name in ["to-itself", "nowhere"] {
            assert_eq!(Destination::try_out(&folder.join(name)).unwrap_err().exit_status(), 2);
        }
        assert_eq!(names(&folder).len(), 5);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_put_in_its_place_leaves_nothing_behind() {
        let folder = folder("lost-destination");
        let path = folder.join("report.html");
        let destination = Destination::try_out(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(destination.write("page").unwrap_err().exit_status(), 1);
        assert_eq!(names(&folder), ["report.html"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_device_is_written_into() {
        Destination::try_out(Path::new("/dev/null")).unwrap().write("page").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
