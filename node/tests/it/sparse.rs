//! Folders as text: the bytes of each file in hexadecimal digits, without blocks of zeros.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const BLOCK: usize = 64;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// A line `file PATH LENGTH` for each file, and after it a line `OFFSET BYTES` for each run of blocks.
pub(crate) fn pack(folder: &Path) -> String {
    let mut text = String::new();
    for path in files(folder) {
        let bytes = fs::read(&path).unwrap();
        let name = path.strip_prefix(folder).unwrap().display();
        writeln!(text, "file {name} {}", bytes.len()).unwrap();
        let blocks: Vec<_> = bytes.chunks(BLOCK).collect();
        let mut offset = 0;
        for run in blocks.chunk_by(|one, other| is_blank(one) == is_blank(other)) {
            if !is_blank(run[0]) {
                writeln!(text, "{offset} {}", hex(&run.concat())).unwrap();
            }
            offset += run.iter().map(|block| block.len()).sum::<usize>();
        }
    }
    text
}

/// Writes the files.
pub(crate) fn unpack(text: &str, folder: &Path) {
    let mut open: Option<(PathBuf, Vec<u8>)> = None;
    for line in text.lines().map(|line| line.split(' ').collect::<Vec<_>>()) {
        match line[..] {
            ["file", name, length] => {
                write(open.take());
                open = Some((folder.join(name), vec![0; length.parse().unwrap()]));
            }
            [offset, digits] => {
                let (bytes, offset) = (unhex(digits), offset.parse::<usize>().unwrap());
                open.as_mut().unwrap().1[offset..offset + bytes.len()].copy_from_slice(&bytes);
            }
            _ => panic!("{line:?}"),
        }
    }
    write(open);
}

fn write(file: Option<(PathBuf, Vec<u8>)>) {
    let Some((path, bytes)) = file else { return };
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn is_blank(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// The files below a folder, in the order of their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
