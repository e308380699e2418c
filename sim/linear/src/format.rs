//! The meaning of the lines of a history: the type of the keys, the initial value, and the meaning of a
//! failed `cas`.

use super::json::Json;
use std::fmt;
use std::str::FromStr;

/// The type of a key. The type decides the values of the key, and the operations on the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyModel {
    /// The value is any JSON value. The initial value is `null`. The operations are `read` and `write`.
    Register,
    /// The value is any JSON value. The initial value is `null`. The operations are `read`, `write` and `cas`
    /// (compare-and-set). A line with a `cas` has the list `[expected, new]` in the field `value`.
    CasRegister,
    /// The value is a string. The initial value is the empty string. In a line, `null` stands for the empty
    /// string. The operations are `read`, `write`, `cas` and `append`.
    Kv,
}

/// The meaning of a `cas` that completes with `fail`. Such a `cas` never wrote a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FailedCas {
    /// If the completion has an `error` that is not `null`, the meaning is [`FailedCas::NotDone`]. Otherwise
    /// the meaning is [`FailedCas::Mismatch`].
    #[default]
    ByError,
    /// The `cas` did not find the expected value.
    Mismatch,
    /// The `cas` was not done. The reason is not known.
    NotDone,
}

/// The meaning of the lines of a history. A [`KeyModel`] can be converted to a format with the default
/// settings (`HistoryFormat::from`).
///
/// ```
/// use wavetank_linear::{Finding, HistoryFormat, KeyModel, judge};
/// let text = r#"
///     {"process": 0, "type": "invoke", "f": "read"}
///     {"process": 0, "type": "ok",     "f": "read", "value": 0}
/// "#;
/// let format = HistoryFormat::from(KeyModel::Register).with_initial("0").unwrap();
/// assert_eq!(judge(text, format, &mut || true).unwrap().finding, Finding::Linearizable);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryFormat {
    pub(super) model: KeyModel,
    pub(super) initial: Vec<u8>,
    pub(super) failed_cas: FailedCas,
    pub(super) independent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OpKind {
    Read,
    Write,
    Cas,
    Append,
}

impl From<KeyModel> for HistoryFormat {
    fn from(model: KeyModel) -> Self {
        let initial = match model {
            KeyModel::Register | KeyModel::CasRegister => &b"null"[..],
            KeyModel::Kv => b"",
        };
        Self { model, initial: initial.to_vec(), failed_cas: FailedCas::default(), independent: false }
    }
}

impl HistoryFormat {
    /// Sets the initial value of every key. `json` is the value as JSON text.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON, or if the model does not allow the value.
    pub fn with_initial(self, json: &str) -> Result<Self, String> {
        let initial = self.model.value(&Json::parse(json)?)?;
        Ok(Self { initial, ..self })
    }

    /// Sets the meaning of a `cas` that completes with `fail`.
    #[must_use]
    pub fn with_failed_cas(self, failed_cas: FailedCas) -> Self {
        Self { failed_cas, ..self }
    }

    /// Sets the format of Jepsen's `independent` tests: the value of every line is `[key, value]`. The value
    /// of a `cas` is `[key, [expected, new]]`.
    #[must_use]
    pub fn with_independent_keys(self) -> Self {
        Self { independent: true, ..self }
    }
}

impl KeyModel {
    pub(super) fn verb(self, f: &str) -> Result<OpKind, String> {
        let verb = match f {
            "read" => OpKind::Read,
            "write" => OpKind::Write,
            "cas" => OpKind::Cas,
            "append" => OpKind::Append,
            other => return Err(format!("unknown operation {other:?}: expected read, write, cas or append")),
        };
        let has = match self {
            Self::Register => matches!(verb, OpKind::Read | OpKind::Write),
            Self::CasRegister => verb != OpKind::Append,
            Self::Kv => true,
        };
        if has { Ok(verb) } else { Err(format!("the {self} model does not allow {verb}")) }
    }

    /// Returns the arguments of an invocation: none for a `read`, the value for a `write` or an `append`, and
    /// the expected and the new value for a `cas`.
    pub(super) fn args(self, verb: OpKind, value: &Json) -> Result<Vec<Vec<u8>>, String> {
        match verb {
            OpKind::Read => Ok(Vec::new()),
            OpKind::Write | OpKind::Append => Ok(vec![self.value(value)?]),
            OpKind::Cas => match value.as_pair() {
                Some((expected, new)) => Ok(vec![self.value(expected)?, self.value(new)?]),
                None => Err(format!("the value of a cas must be [expected, new], not {value}")),
            },
        }
    }

    pub(super) fn value(self, value: &Json) -> Result<Vec<u8>, String> {
        match (self, value) {
            (Self::Register | Self::CasRegister, _) => Ok(value.canonical().into_bytes()),
            (Self::Kv, Json::Null) => Ok(Vec::new()),
            (Self::Kv, Json::String(text)) => Ok(text.clone().into_bytes()),
            (Self::Kv, _) => Err(format!("the kv model allows only strings, not the value {value}")),
        }
    }
}

impl fmt::Display for OpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Cas => "cas",
            Self::Append => "append",
        })
    }
}

impl fmt::Display for KeyModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "register",
            Self::CasRegister => "cas-register",
            Self::Kv => "kv",
        })
    }
}

impl FromStr for KeyModel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::Register, Self::CasRegister, Self::Kv];
        let named = all.into_iter().find(|model| model.to_string() == name);
        named.ok_or_else(|| format!("unknown model {name:?}: expected register, cas-register or kv"))
    }
}

impl FailedCas {
    /// True if a failed `cas` found another value than the expected value. `error` is the field `error` of
    /// the completion, or `null` if the completion has no such field.
    pub(super) fn is_mismatch(self, error: &Json) -> bool {
        match self {
            Self::ByError => *error == Json::Null,
            Self::Mismatch => true,
            Self::NotDone => false,
        }
    }
}

impl fmt::Display for FailedCas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByError => "by-error",
            Self::Mismatch => "mismatch",
            Self::NotDone => "not-done",
        })
    }
}

impl FromStr for FailedCas {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = [Self::ByError, Self::Mismatch, Self::NotDone];
        let named = all.into_iter().find(|meaning| meaning.to_string() == name);
        named.ok_or_else(|| {
            format!("unknown meaning {name:?} of a failed cas: expected by-error, mismatch or not-done")
        })
    }
}
