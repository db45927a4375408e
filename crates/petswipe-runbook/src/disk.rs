//! Directories whose entries survive a power cut. The standard library creates and renames; it does not make that last.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes `directory` and what is missing above it, durably.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|above| !above.as_os_str().is_empty() && !above.exists())
        .collect();
    fs::create_dir_all(directory)?;
    missing.into_iter().try_for_each(|made| sync_directory(directory_of(made)))
}

/// The directory in which `path` is an entry.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the entries of `directory` survive a power cut: fsync(2), "Calling fsync() does not necessarily ensure that
/// the entry in the directory containing the file has also reached disk".
#[cfg(unix)]
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Nothing to do: only Unix lets a directory be synchronized.
#[cfg(not(unix))]
pub(crate) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether `path` still leads to `file`, and not to nothing or to another file that took its place.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(other) => Err(other),
    }
}

/// Always: other systems do not let an open and locked file be replaced.
#[cfg(not(unix))]
pub(crate) fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}
