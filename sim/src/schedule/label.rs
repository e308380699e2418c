//! The label of a message whose content the tank does not read.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A word of at most 15 letters, digits and hyphens, for example `MsgAppend`. A label is `Copy`, because the
/// label is a part of the identity of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Label([u8; Self::LEN]);

impl Label {
    const LEN: usize = 15;

    /// Makes a label from the first 15 characters of a text. A character that is not an ASCII letter or digit
    /// becomes a hyphen.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut label = [0; Self::LEN];
        for (letter, character) in label.iter_mut().zip(text.chars()) {
            *letter = if character.is_ascii_alphanumeric() { character as u8 } else { b'-' };
        }
        Self(label)
    }

    fn text(&self) -> impl Iterator<Item = char> {
        self.0.iter().take_while(|letter| **letter != 0).map(|letter| char::from(*letter))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().try_for_each(|letter| fmt::Write::write_char(f, letter))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<String> for Label {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.text().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_one_short_word() {
        assert_eq!(Label::new("MsgAppend").to_string(), "MsgAppend");
        assert_eq!(Label::new("two words, and more").to_string(), "two-words--and-");
        assert_eq!(Label::new("").to_string(), "");
    }
}
