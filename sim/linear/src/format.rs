//! How the lines of a history are to be read: the type of its keys, and what its values and failures mean.

use super::json::Json;
use std::fmt;
use std::str::FromStr;

/// The type of a key, and the operations that it allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyModel {
    /// Holds any JSON value, `null` at first: `read`, `write`.
    Register,
    /// The same, and `cas`, whose value is `[expected, new]`.
    CasRegister,
    /// Holds a string, empty at first; `null` stands for the empty string: `read`, `write`, `cas`, `append`.
    Kv,
}

/// The meaning of the completion `fail` of a `cas`. In any case, the `cas` was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FailedCas {
    /// If the completion has an `error` that is not `null`, the `cas` was not done, for any reason. Otherwise
    /// the `cas` did not find the expected value.
    #[default]
    ByError,
    /// The `cas` did not find the expected value.
    Mismatch,
    /// The `cas` was not done, for any reason.
    NotDone,
}

/// How a history is to be read. A [`KeyModel`] alone is a format too.
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
    /// Every key starts with this value, given as JSON.
    ///
    /// # Errors
    /// When it is not JSON, or not a value of the model.
    pub fn with_initial(self, json: &str) -> Result<Self, String> {
        let initial = self.model.value(&Json::parse(json)?)?;
        Ok(Self { initial, ..self })
    }

    /// Sets what the completion `fail` of a `cas` says.
    #[must_use]
    pub fn with_failed_cas(self, failed_cas: FailedCas) -> Self {
        Self { failed_cas, ..self }
    }

    /// The value of every line is `[key, value]`, as Jepsen's `independent` tests write it; a `cas` has
    /// `[key, [expected, new]]`.
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
            other => return Err(format!("unknown f {other:?}: expected read, write, cas or append")),
        };
        let has = match self {
            Self::Register => matches!(verb, OpKind::Read | OpKind::Write),
            Self::CasRegister => verb != OpKind::Append,
            Self::Kv => true,
        };
        if has { Ok(verb) } else { Err(format!("the {self} model has no {verb}")) }
    }

    /// The arguments of an invocation.
    pub(super) fn args(self, verb: OpKind, value: &Json) -> Result<Vec<Vec<u8>>, String> {
        match verb {
            OpKind::Read => Ok(Vec::new()),
            OpKind::Write | OpKind::Append => Ok(vec![self.value(value)?]),
            OpKind::Cas => match value.as_pair() {
                Some((expected, new)) => Ok(vec![self.value(expected)?, self.value(new)?]),
                None => Err(format!("a cas with value {value}: expected [expected, new]")),
            },
        }
    }

    pub(super) fn value(self, value: &Json) -> Result<Vec<u8>, String> {
        match (self, value) {
            (Self::Register | Self::CasRegister, _) => Ok(value.canonical().into_bytes()),
            (Self::Kv, Json::Null) => Ok(Vec::new()),
            (Self::Kv, Json::String(text)) => Ok(text.clone().into_bytes()),
            (Self::Kv, _) => Err(format!("value {value}: the kv model has strings")),
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
    /// Whether a completion with this `error` says that the `cas` found another value than the expected one.
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
        named.ok_or_else(|| format!("unknown meaning {name:?}: expected by-error, mismatch or not-done"))
    }
}
