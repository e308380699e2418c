//! The encoding of log entries and configurations, in messages and in HashiCorp's stores.

use super::error::WireError;
use super::fields::{Field, Raw, StructEncoding, go_struct};
use super::pack::Packer;
use super::time::GoTime;
use super::unpack::Unpacker;
use std::borrow::Cow;
use std::sync::Arc;
use wavetank_raft::{
    Configuration, Entry, Extended, Index, Member, Payload, ServerAddress, ServerId, Suffrage, Term,
    UncheckedConfiguration,
};

/// The maximum number of members of a configuration. The time to check a configuration grows with the square
/// of this number.
const MEMBERS_MAX: u64 = 256;

const COMMAND: u8 = 0;
const NOOP: u8 = 1;
const ADD_PEER: u8 = 2;
const REMOVE_PEER: u8 = 3;
const BARRIER: u8 = 4;
const CONFIGURATION: u8 = 5;
/// The type of an entry that restores a state. HashiCorp has no such type. HashiCorp's numbers begin at 0, so
/// this number is far from the next number that HashiCorp may use.
const RESTORE: u8 = 0x80;
const STAGING: i64 = 2;

go_struct! {
    /// HashiCorp's Go struct `Log`: one log entry.
    Log<'i> {
        "AppendedAt" appended_at: GoTime = 5,
        "Data" data: Data<'i> = 3,
        "Extensions" extensions: Raw<'i> = 4,
        "Index" index: u64 = 0,
        "Term" term: u64 = 1,
        "Type" kind: u8 = 2,
    }
    beyond {}
}

go_struct! {
    /// HashiCorp's Go struct `Server`: one member of a configuration.
    Server<'i> {
        "Address" address: Raw<'i> = 2,
        "ID" id: Raw<'i> = 1,
        "Suffrage" suffrage: i64 = 0,
    }
    beyond {}
}

go_struct! {
    /// HashiCorp's Go struct `Configuration`. The old servers of a joint configuration are in the field
    /// `Outgoing`. HashiCorp's library skips this field, because the library has no joint configurations.
    Servers<'i> {
        "Servers" servers: Members<'i> = 0,
    }
    beyond {
        "Outgoing" outgoing: Members<'i>,
    }
}

/// The data of a log entry; `None` for nil. The bytes are borrowed from a message or an entry, or were
/// encoded for a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Data<'i>(pub(super) Option<Cow<'i, [u8]>>);

impl<'i> Field<'i> for Data<'i> {
    fn put(&self, out: &mut Packer<'_>) {
        self.0.as_deref().put(out);
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        Ok(Self(input.raw()?.map(Cow::Borrowed)))
    }
}

impl<'i> Field<'i> for Option<Vec<Log<'i>>> {
    fn put(&self, out: &mut Packer<'_>) {
        let Some(logs) = self else { return out.nil() };
        out.array(logs.len());
        for log in logs {
            log.put(out);
        }
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        let Some(length) = input.list("the list of entries")? else { return Ok(None) };
        (0..length).map(|_| Log::get(input)).collect::<Result<_, _>>().map(Some)
    }
}

/// The servers of a configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Members<'i>(pub(super) Vec<Server<'i>>);

impl<'i> Field<'i> for Members<'i> {
    fn put(&self, out: &mut Packer<'_>) {
        out.array(self.0.len());
        for server in &self.0 {
            server.put(out);
        }
    }

    fn get(input: &mut Unpacker<'i>) -> Result<Self, WireError> {
        let length = input.list("the list of servers")?.unwrap_or(0);
        members_limit(length)?;
        (0..length).map(|_| Server::get(input)).collect::<Result<_, _>>().map(Self)
    }
}

fn members_limit(length: usize) -> Result<(), WireError> {
    let length = length as u64;
    if length <= MEMBERS_MAX {
        Ok(())
    } else {
        Err(WireError::TooLong { what: "the list of servers", length, limit: MEMBERS_MAX })
    }
}

/// Converts an entry into HashiCorp's `Log`.
pub(super) fn log_of(entry: &Entry) -> Log<'_> {
    let (kind, data, extensions) = match &entry.payload {
        Payload::Noop => (NOOP, None, None),
        Payload::Barrier => (BARRIER, None, None),
        Payload::Command(data) => (COMMAND, Some(Cow::Borrowed(&data[..])), None),
        Payload::Restore(state) => (RESTORE, Some(Cow::Borrowed(&state[..])), None),
        Payload::Extended(both) => (COMMAND, Some(Cow::Borrowed(&both.data[..])), Some(&both.extensions[..])),
        Payload::Configuration(configuration) => {
            (CONFIGURATION, Some(Cow::Owned(encode_configuration(configuration))), None)
        }
    };
    Log {
        appended_at: GoTime::of(entry.appended_at),
        data: Data(data),
        extensions,
        index: entry.id.index.0,
        term: entry.id.term.0,
        kind,
    }
}

/// Converts a `Log` into an entry. The content of a no-op or a barrier has no meaning and is dropped. A list
/// of peers in the oldest protocol's form becomes a configuration of voters. The name of such a voter is the
/// voter's address.
pub(super) fn entry_of(log: &Log<'_>) -> Result<Entry, WireError> {
    let data = log.data.0.as_deref().unwrap_or_default();
    let extensions = log.extensions.unwrap_or_default();
    let payload = match log.kind {
        COMMAND if extensions.is_empty() => Payload::Command(data.into()),
        COMMAND => Payload::Extended(Arc::new(Extended { data: data.into(), extensions: extensions.into() })),
        NOOP => Payload::Noop,
        RESTORE => Payload::Restore(data.into()),
        BARRIER => Payload::Barrier,
        CONFIGURATION => Payload::Configuration(Arc::new(decode_configuration(data)?)),
        ADD_PEER | REMOVE_PEER => Payload::Configuration(Arc::new(decode_peers(data)?)),
        unknown => return Err(WireError::UnknownEntryType(unknown)),
    };
    let appended_at = log.appended_at.appended_at();
    Ok(Entry { appended_at, ..Entry::new(Term(log.term), Index(log.index), payload) })
}

/// Appends an encoded entry to `out`, in the form of HashiCorp's stores and messages.
///
/// # Panics
/// Panics if the data of the entry is 4 GiB or longer.
pub fn encode_entry(entry: &Entry, out: &mut Vec<u8>) {
    log_of(entry).put(&mut Packer::new(out));
}

/// Decodes an entry that [`encode_entry`] or HashiCorp's library has encoded.
///
/// # Errors
/// Returns an error if the bytes are not an entry.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, WireError> {
    let mut input = Unpacker::new(bytes);
    let log = Log::get(&mut input)?;
    input.end()?;
    entry_of(&log)
}

/// Encodes a configuration in the form of HashiCorp's `EncodeConfiguration`.
#[must_use]
pub fn encode_configuration(configuration: &Configuration) -> Vec<u8> {
    let outgoing = configuration.is_joint().then(|| servers_of(configuration.outgoing()));
    let servers = Servers { servers: servers_of(configuration.servers()), outgoing };
    let mut out = Vec::with_capacity(64 * configuration.servers().len());
    servers.put(&mut Packer::new(&mut out));
    out
}

/// Decodes a configuration that [`encode_configuration`] or HashiCorp's library has encoded.
///
/// # Errors
/// Returns an error if the bytes are not a configuration, or if the configuration is invalid.
pub fn decode_configuration(bytes: &[u8]) -> Result<Configuration, WireError> {
    let mut input = Unpacker::new(bytes);
    let servers = Servers::get(&mut input)?;
    input.end()?;
    let lists = UncheckedConfiguration {
        servers: members_of(&servers.servers)?,
        outgoing: members_of(&servers.outgoing.unwrap_or_default())?,
    };
    Ok(lists.try_into()?)
}

/// Encodes a configuration in the form of HashiCorp's oldest protocol: a list of the voters' addresses.
#[must_use]
pub fn encode_peers(configuration: &Configuration) -> Vec<u8> {
    let voters = || configuration.servers().iter().filter(|member| member.suffrage == Suffrage::Voter);
    let mut bytes = Vec::new();
    let mut out = Packer::new(&mut bytes);
    out.array(voters().count());
    for voter in voters() {
        out.raw(voter.address.as_str().as_bytes());
    }
    bytes
}

/// Decodes a configuration in the form of HashiCorp's oldest protocol: a list of addresses. Each address
/// becomes a voter, and is also the name of the voter.
///
/// # Errors
/// Returns an error if the bytes are not a configuration, or if the configuration is invalid.
pub fn decode_peers(bytes: &[u8]) -> Result<Configuration, WireError> {
    let mut input = Unpacker::new(bytes);
    let length = input.list("the list of peers")?.unwrap_or(0);
    members_limit(length)?;
    let mut members = Vec::new();
    for _ in 0..length {
        let address = text(input.raw()?, "the peer")?;
        members.push(Member::voter(address, address));
    }
    input.end()?;
    Ok(Configuration::new(members)?)
}

fn servers_of(members: &[Member]) -> Members<'_> {
    Members(members.iter().map(server_of).collect())
}

fn server_of(member: &Member) -> Server<'_> {
    Server {
        address: Some(member.address.as_str().as_bytes()),
        id: Some(member.id.as_str().as_bytes()),
        suffrage: member.suffrage as i64,
    }
}

fn members_of(servers: &Members<'_>) -> Result<Vec<Member>, WireError> {
    let member = |server: &Server<'_>| {
        let suffrage = match server.suffrage {
            0 => Suffrage::Voter,
            // Staging servers never had a vote, and no version of HashiCorp Raft promotes a staging server.
            1 | STAGING => Suffrage::Nonvoter,
            unknown => return Err(WireError::UnknownSuffrage(unknown)),
        };
        let id = ServerId::from(text(server.id, "the server id")?);
        let address = ServerAddress::from(text(server.address, "the server address")?);
        Ok(Member { suffrage, id, address })
    };
    servers.0.iter().map(member).collect()
}

/// Reads a name or an address. Returns an error if the bytes are not UTF-8, or are more than 1024 bytes.
/// `what` is the name of the value in the error.
pub(super) fn text<'i>(raw: Raw<'i>, what: &'static str) -> Result<&'i str, WireError> {
    const LIMIT: u64 = 1024;
    let raw = raw.unwrap_or_default();
    let length = raw.len() as u64;
    if LIMIT < length {
        return Err(WireError::TooLong { what, length, limit: LIMIT });
    }
    core::str::from_utf8(raw).map_err(|_| WireError::NotText(what))
}
