//! A planted bug, as the head of its patch describes it.

use std::fs;
use std::path::{Path, PathBuf};

/// A bug to be planted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bug {
    /// The name of its file, without the extension.
    pub name: String,
    /// The fault in the planted code.
    pub plants: String,
    /// Where the bug was seen: a library, an issue, a paper.
    pub seen: String,
    /// The judges. One of them must be the first to find the bug.
    pub judges: Vec<String>,
    /// How soon the bug must be found, and in which scenario.
    pub within: Within,
    /// The number of seeds that the calibration simulator took at each level of judges: all rules, the
    /// history, and the outcomes. `None` if that was not measured.
    pub figures: Option<String>,
    /// The number of seeds that storms need, for a bug that a story has to find.
    pub storms: Option<String>,
    /// The patch file.
    pub file: PathBuf,
}

/// How soon a bug must be found, and in which scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Within {
    /// Within this many storms.
    Storms(u64),
    /// Within this many storms of mixed clusters.
    MixedStorms(u64),
    /// In this story.
    Story(String),
}

impl Bug {
    /// The bugs in a folder, by name.
    ///
    /// # Errors
    /// The error names the file that cannot be read, or whose head is malformed.
    pub fn all_in(folder: &Path) -> Result<Vec<Self>, String> {
        let cannot = |error: std::io::Error| format!("cannot read `{}`: {error}", folder.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.extension().is_some_and(|ending| ending == "patch") {
                files.push(path);
            }
        }
        files.sort();
        files.into_iter().map(Self::read).collect()
    }

    fn read(file: PathBuf) -> Result<Self, String> {
        let text = fs::read_to_string(&file).map_err(|error| format!("`{}`: {error}", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self::parse(&name, &text, &file).map_err(|why| format!("{}: {why}", file.display()))
    }

    fn parse(name: &str, text: &str, file: &Path) -> Result<Self, String> {
        let (head, _) = text.split_once("\ndiff --git ").ok_or("it contains no diff")?;
        let mut fields: Vec<(&str, String)> = Vec::new();
        for line in head.lines().filter(|line| !line.trim().is_empty()) {
            match (line.strip_prefix("  "), line.split_once(": "), fields.last_mut()) {
                (Some(more), _, Some((_, said))) => *said = format!("{said} {}", more.trim()),
                (None, Some((key, said)), _) => fields.push((key, said.trim().to_owned())),
                (Some(_), _, None) | (None, None, _) => {
                    return Err(format!("`{line}` is not a line of a head"));
                }
            }
        }
        let field = |key: &str| {
            let found = fields.iter().find(|(known, said)| *known == key && !said.is_empty());
            found.map(|(_, said)| said.clone()).ok_or_else(|| format!("its head has no `{key}:`"))
        };
        let judges = field("Judge")?.split(',').map(|judge| judge.trim().to_owned()).collect();
        Ok(Self {
            name: name.to_owned(),
            plants: field("Plants")?,
            seen: field("Seen")?,
            judges,
            within: Within::parse(&field("Within")?)?,
            figures: field("Figures").ok(),
            storms: field("Storms").ok(),
            file: file.to_owned(),
        })
    }
}

impl Within {
    fn parse(said: &str) -> Result<Self, String> {
        if let Some(story) = said.strip_prefix("story ") {
            return Ok(Self::Story(story.trim().to_owned()));
        }
        let (many, within): (_, fn(u64) -> Self) = match said.strip_suffix(" mixed storms") {
            Some(many) => (Some(many), Self::MixedStorms),
            None => (said.strip_suffix(" storms"), Self::Storms),
        };
        let many = many.and_then(|many| many.parse().ok()).filter(|&many| 0 < many);
        many.map(within).ok_or_else(|| {
            format!("`Within:` must be `N storms`, `N mixed storms` or `story NAME`, not `{said}`")
        })
    }

    /// Whether the bug is found within seconds.
    #[must_use]
    pub const fn is_soon(&self) -> bool {
        match self {
            Self::Storms(many) | Self::MixedStorms(many) => *many <= 50,
            Self::Story(_) => true,
        }
    }

    /// The scenario that has to find it.
    #[must_use]
    pub fn scenario(&self) -> &str {
        match self {
            Self::Storms(_) => "storm",
            Self::MixedStorms(_) => "storm_mixed",
            Self::Story(name) => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Plants: a thing\n  of two lines.\nSeen: in a dream\nJudge: one, two\n";

    fn parse(text: &str) -> Result<Bug, String> {
        Bug::parse("x", text, Path::new("x.patch"))
    }

    #[test]
    fn a_head_is_read_and_long_lines_are_joined() {
        let bug = parse(&format!("{HEAD}Within: 30 storms\n\ndiff --git a/x b/x\n")).unwrap();
        assert_eq!((bug.plants.as_str(), bug.within), ("a thing of two lines.", Within::Storms(30)));
        assert_eq!((bug.judges, bug.figures), (vec!["one".to_owned(), "two".to_owned()], None));
        let known = parse(&format!("{HEAD}Within: 30 storms\nFigures: 1 / 2 / 3\n\ndiff --git a/x b/x\n"));
        assert_eq!(known.unwrap().figures.as_deref(), Some("1 / 2 / 3"));
    }

    #[test]
    fn a_missing_line_of_the_head_is_named() {
        let without = parse(&format!("{HEAD}\ndiff --git a/x b/x\n"));
        assert_eq!(without, Err("its head has no `Within:`".to_owned()));
        let vague = parse(&format!("{HEAD}Within: soon\n\ndiff --git a/x b/x\n")).unwrap_err();
        assert!(vague.contains("`N mixed storms` or `story NAME`"), "{vague}");
        let mixed = parse(&format!("{HEAD}Within: 30 mixed storms\n\ndiff --git a/x b/x\n")).unwrap();
        assert_eq!((mixed.within.scenario(), mixed.within), ("storm_mixed", Within::MixedStorms(30)));
        assert_eq!(parse(HEAD), Err("it contains no diff".to_owned()));
    }
}
