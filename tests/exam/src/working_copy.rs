//! A copy of the workspace in which the exam plants and builds one bug at a time.
//!
//! A file is written only if it differs. So a build after the first one compiles little more than the
//! code that the bug changes.

use crate::bug::Bug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A copy of the workspace, and its build directory.
#[derive(Debug)]
pub struct WorkingCopy {
    root: PathBuf,
    work: PathBuf,
    target: PathBuf,
    jobs: u32,
}

impl WorkingCopy {
    /// A copy under `target/exam` of the workspace at `root`, built with this many jobs.
    #[must_use]
    pub fn new(root: &Path, jobs: u32) -> Self {
        let place = root.join("target/exam");
        Self { root: root.to_owned(), work: place.join("work"), target: place.join("target"), jobs }
    }

    /// The file of saved outcomes.
    #[must_use]
    pub fn outcomes(&self) -> PathBuf {
        self.target.with_file_name("outcomes.jsonl")
    }

    /// Restores the copy from the workspace, which removes the planted bug.
    ///
    /// # Errors
    /// The error says that a file cannot be copied, or that `git` does not list the files.
    pub fn clean(&self) -> Result<(), String> {
        let listed = run(Command::new("git").current_dir(&self.root).args(["ls-files", "-z"]))?;
        let listed = String::from_utf8(listed.stdout).map_err(|_| "a file's name is not UTF-8")?;
        for name in listed.split('\0').filter(|name| !name.is_empty() && !name.starts_with("fuzz/")) {
            self.copy(name).map_err(|error| format!("cannot copy `{name}`: {error}"))?;
        }
        Ok(())
    }

    fn copy(&self, name: &str) -> std::io::Result<()> {
        let (from, to) = (self.root.join(name), self.work.join(name));
        // A file that is listed but missing was deleted, and the deletion is not committed yet.
        let Ok(ours) = fs::read(&from) else {
            return if to.exists() { fs::remove_file(to) } else { Ok(()) };
        };
        if fs::read(&to).is_ok_and(|theirs| theirs == ours) {
            return Ok(());
        }
        fs::create_dir_all(to.parent().expect("a file in the copy has a folder"))?;
        fs::write(to, ours)
    }

    /// Plants a bug in a clean copy.
    ///
    /// # Errors
    /// The error says that the patch no longer applies.
    pub fn plant(&self, bug: &Bug) -> Result<(), String> {
        let mut git = Command::new("git");
        // The copy lies inside the repository. Without this variable, git would treat it as a part of the
        // repository.
        git.env("GIT_CEILING_DIRECTORIES", self.work.parent().expect("the copy is in a folder"));
        git.current_dir(&self.work).args(["apply", "--whitespace=nowarn"]).arg(&bug.file);
        run(&mut git).map(drop).map_err(|why| format!("{} does not apply: {why}", bug.name))
    }

    /// Changes code on which no run depends.
    ///
    /// # Errors
    /// The error says that the file cannot be written.
    pub fn disturb(&self) -> Result<(), String> {
        let place = self.work.join("raft/src/quorum.rs");
        let more = "\n#[expect(dead_code, reason = \"a change of the code\")]\nconst UNRELATED: u8 = 1;\n";
        let text = fs::read_to_string(&place).map(|text| text + more);
        text.and_then(|text| fs::write(&place, text))
            .map_err(|error| format!("cannot change the code: {error}"))
    }

    /// Builds the command and returns its path.
    ///
    /// # Errors
    /// The error says that the code does not compile.
    pub fn build(&self) -> Result<PathBuf, String> {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.work).args(["build", "--quiet", "--profile", "exam"]);
        cargo.args(["-p", "wavetank-scenarios", "--bin", "wavetank", "-j"]).arg(self.jobs.to_string());
        // A planted bug may leave something unused. The caller's flags must not turn that warning into an
        // error.
        cargo.env("CARGO_TARGET_DIR", &self.target).env_remove("RUSTFLAGS");
        run(&mut cargo)?;
        Ok(self.target.join("exam/wavetank"))
    }
}

fn run(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
