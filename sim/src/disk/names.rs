//! A directory tree. Only the synced part of the tree is certain to survive a power cut.

use crate::plan::rng::Stream;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};

/// The number that identifies a file or a directory.
pub(super) type Inode = u64;

/// The root directory, which always exists.
const ROOT: Inode = 0;

type Directories = BTreeMap<Inode, BTreeMap<String, Inode>>;

/// The names of all files and directories in two versions: the present version, and the version that was
/// synced last.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    now: Directories,
    synced: Directories,
    /// Unsynced changes, in the order in which they were made.
    pending: Vec<NameChange>,
    last: Inode,
}

/// A change of one name. The change happens completely or not at all.
#[derive(Clone, Debug)]
enum NameChange {
    Link(DirEntry, Inode),
    Unlink(DirEntry),
    Rename(DirEntry, DirEntry, Inode),
}

/// The place of a name: a directory, and the name in this directory.
#[derive(Clone, PartialEq, Eq, Debug)]
struct DirEntry {
    directory: Inode,
    name: String,
}

impl Names {
    /// Creates a directory and all its parents that do not exist yet.
    pub(super) fn make_directory(&mut self, path: &Path) {
        let mut directory = ROOT;
        for name in parts(path) {
            let entry = DirEntry { directory, name };
            directory = match self.child(&entry) {
                Some(node) => node,
                None => self.make(entry, true),
            };
        }
    }

    /// Returns the inode of a file. Creates the file if the file does not exist.
    pub(super) fn make_file(&mut self, path: &Path) -> io::Result<Inode> {
        let entry = self.entry(path)?;
        Ok(match self.child(&entry) {
            Some(node) => node,
            None => self.make(entry, false),
        })
    }

    /// Returns the inode with this path.
    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        let mut node = ROOT;
        for name in parts(path) {
            node = self.child(&DirEntry { directory: node, name }).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    /// Returns the names of the subdirectories of a directory.
    pub(super) fn directories(&self, path: &Path) -> io::Result<Vec<String>> {
        let children = self.now.get(&self.find(path)?).ok_or(io::ErrorKind::NotADirectory)?;
        let directories = children.iter().filter(|(_, node)| self.now.contains_key(node));
        Ok(directories.map(|(name, _)| name.clone()).collect())
    }

    /// Returns the names of the files in a directory.
    pub(super) fn files(&self, path: &Path) -> io::Result<Vec<String>> {
        let children = self.now.get(&self.find(path)?).ok_or(io::ErrorKind::NotADirectory)?;
        let files = children.iter().filter(|(_, node)| !self.now.contains_key(node));
        Ok(files.map(|(name, _)| name.clone()).collect())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        let (from, to) = (self.entry(from)?, self.entry(to)?);
        self.carry_out(NameChange::Rename(from, to, node));
        Ok(())
    }

    /// Removes a file, or a directory and the content of the directory.
    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (node, entry) = (self.find(path)?, self.entry(path)?);
        let children: Vec<String> =
            self.now.get(&node).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        for name in children {
            self.remove(&path.join(name))?;
        }
        self.carry_out(NameChange::Unlink(entry));
        Ok(())
    }

    /// Makes the unsynced changes in this directory durable.
    pub(super) fn sync(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        let pending = std::mem::take(&mut self.pending);
        let (done, left) = pending.into_iter().partition(|change| change.touches(node));
        self.pending = left;
        for change in done {
            change.carry_out(&mut self.synced);
        }
        Ok(())
    }

    /// Cuts the power. In half of the power cuts, a prefix of the unsynced changes survives. In the other
    /// half, a random subset of these changes survives, because a file system may write directory entries in
    /// another order.
    pub(super) fn cut_power(&mut self, rng: &mut Stream) {
        let is_orderly = rng.chance(1, 2);
        let prefix = rng.below(self.pending.len() as u64 + 1);
        for (at, change) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            if if is_orderly { (at as u64) < prefix } else { rng.chance(1, 2) } {
                change.carry_out(&mut self.synced);
            }
        }
        self.now.clone_from(&self.synced);
    }

    /// True if there are unsynced changes.
    pub(super) const fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns all inodes that have a name now or may have a name after a power cut.
    pub(super) fn all(&self) -> BTreeSet<Inode> {
        let named = self.now.values().chain(self.synced.values()).flat_map(BTreeMap::values).copied();
        let pending = self.pending.iter().filter_map(|change| match change {
            NameChange::Link(_, node) | NameChange::Rename(_, _, node) => Some(*node),
            NameChange::Unlink(_) => None,
        });
        named.chain(pending).collect()
    }

    fn make(&mut self, entry: DirEntry, is_directory: bool) -> Inode {
        self.last += 1;
        if is_directory {
            self.now.insert(self.last, BTreeMap::new());
            // The directory is empty on the device, too. After a power cut, the directory can be found only
            // if its own entry was synced.
            self.synced.insert(self.last, BTreeMap::new());
        }
        self.carry_out(NameChange::Link(entry, self.last));
        self.last
    }

    fn carry_out(&mut self, change: NameChange) {
        change.carry_out(&mut self.now);
        self.pending.push(change);
    }

    fn child(&self, entry: &DirEntry) -> Option<Inode> {
        self.now.get(&entry.directory)?.get(&entry.name).copied()
    }

    fn entry(&self, path: &Path) -> io::Result<DirEntry> {
        let name = parts(path).last().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(DirEntry { directory: self.find(path.parent().unwrap_or_else(|| Path::new("")))?, name })
    }
}

impl NameChange {
    fn touches(&self, directory: Inode) -> bool {
        match self {
            Self::Link(entry, _) | Self::Unlink(entry) => entry.directory == directory,
            Self::Rename(from, to, _) => from.directory == directory || to.directory == directory,
        }
    }

    fn carry_out(&self, directories: &mut Directories) {
        let mut names = |entry: &DirEntry, node: Option<Inode>| {
            let directory = directories.entry(entry.directory).or_default();
            match node {
                Some(node) => directory.insert(entry.name.clone(), node),
                None => directory.remove(&entry.name),
            };
        };
        match self {
            Self::Link(entry, node) => names(entry, Some(*node)),
            Self::Unlink(entry) => names(entry, None),
            Self::Rename(from, to, node) => {
                names(from, None);
                names(to, Some(*node));
            }
        }
    }
}

fn parts(path: &Path) -> impl Iterator<Item = String> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rng::Domain;

    #[test]
    fn a_rename_is_certain_once_its_directory_is_synced() {
        let (new, old) = (Path::new("d/new"), Path::new("d/old"));
        let mut seen = BTreeSet::new();
        for seed in 0..40 {
            let mut rng = Stream::new(seed, Domain::Device, 0, 0);
            let mut names = Names::default();
            names.make_directory(old);
            names.sync(Path::new("")).unwrap();
            names.sync(Path::new("d")).unwrap();
            let node = names.find(old).unwrap();
            names.rename(old, new).unwrap();
            let is_synced = seed % 2 == 0;
            if is_synced {
                names.sync(Path::new("d")).unwrap();
            }
            assert_eq!(names.is_dirty(), !is_synced);
            names.cut_power(&mut rng);
            let found = [new, old].map(|path| names.find(path).ok());
            assert!(found == [Some(node), None] || (!is_synced && found == [None, Some(node)]), "{found:?}");
            seen.insert((is_synced, found));
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
    }

    #[test]
    fn a_removed_directory_is_removed_with_its_content() {
        let mut names = Names::default();
        names.make_directory(Path::new("a/b"));
        let file = names.make_file(Path::new("a/b/c")).unwrap();
        assert_eq!(names.make_file(Path::new("a/b/c")).unwrap(), file);
        assert_eq!(names.directories(Path::new("a")).unwrap(), ["b"]);
        assert_eq!(names.files(Path::new("a")).unwrap(), [""; 0]);
        assert_eq!(names.files(Path::new("a/b")).unwrap(), ["c"]);
        names.remove(Path::new("a")).unwrap();
        assert!(names.find(Path::new("a")).is_err());
        assert!(names.make_file(Path::new("a/b/c")).is_err());
    }
}
