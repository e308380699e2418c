//! `meta.json`: the description of a snapshot, in the form of HashiCorp's file snapshots.

use crate::wire;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use wavetank_raft::{
    ClusterId, Configuration, Index, LogId, Member, SnapshotMeta, Suffrage, Term, UncheckedConfiguration,
};

/// The version of the metadata that is written. The metadata of version 1 contains the configuration. The
/// metadata of version 0 contains only a list of peers.
const VERSION: u64 = 1;

/// The fields of `meta.json`, in HashiCorp's order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MetaFile {
    version: u64,
    #[serde(rename = "ID")]
    pub(super) id: String,
    index: u64,
    term: u64,
    /// The addresses of the voters, in the form of HashiCorp's oldest protocol and encoded in base64; `None` if
    /// a file that was read has no such field.
    peers: Option<String>,
    configuration: ConfigurationFile,
    configuration_index: u64,
    size: u64,
    /// The CRC-64/XZ of the state, big-endian and encoded in base64; `None` while the snapshot is being
    /// written.
    #[serde(rename = "CRC")]
    crc: Option<String>,
    /// The cluster in hexadecimal digits; `None` if the cluster is unknown. HashiCorp Raft does not have this
    /// field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct ConfigurationFile {
    servers: Option<Vec<ServerFile>>,
    /// The old servers of a joint configuration; `None` for any other configuration. HashiCorp Raft does not
    /// have this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outgoing: Option<Vec<ServerFile>>,
}

#[derive(Serialize, Deserialize)]
struct ServerFile {
    #[serde(rename = "Suffrage")]
    suffrage: u8,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Address")]
    address: String,
}

/// The content of a `meta.json` that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Description {
    pub(super) meta: Arc<SnapshotMeta>,
    pub(super) cluster: Option<ClusterId>,
}

impl MetaFile {
    /// Makes the description of a snapshot. `id` is the name of the snapshot's directory. `done` is false
    /// while the snapshot is being written.
    pub(super) fn of(id: &str, meta: &SnapshotMeta, cluster: Option<ClusterId>, done: bool) -> Self {
        let configuration = &meta.configuration;
        Self {
            version: VERSION,
            id: id.to_owned(),
            index: meta.last.index.0,
            term: meta.last.term.0,
            peers: Some(to_base64(&wire::encode_peers(configuration))),
            configuration: ConfigurationFile {
                servers: Some(configuration.servers().iter().map(ServerFile::of).collect()),
                outgoing: configuration
                    .is_joint()
                    .then(|| configuration.outgoing().iter().map(ServerFile::of).collect()),
            },
            configuration_index: meta.configuration_index.0,
            size: if done { meta.size } else { 0 },
            crc: done.then(|| to_base64(&meta.checksum.to_be_bytes())),
            cluster: cluster.map(|cluster| cluster.to_string()),
        }
    }

    /// Decodes the bytes of a `meta.json`. Returns `None` if a required field is missing, if a field is
    /// invalid, or if the snapshot is not complete.
    pub(super) fn read(bytes: &[u8]) -> Option<Description> {
        let file: Self = serde_json::from_slice(bytes).ok()?;
        let (configuration, configuration_index) = match file.version {
            VERSION => (file.configuration.parse()?, file.configuration_index),
            0 => (wire::decode_peers(&from_base64(&file.peers?)?).ok()?, file.index),
            _ => return None,
        };
        let crc: [u8; 8] = from_base64(&file.crc?)?.try_into().ok()?;
        let meta = SnapshotMeta {
            last: LogId::new(Term(file.term), Index(file.index)),
            configuration,
            configuration_index: Index(configuration_index),
            size: file.size,
            checksum: u64::from_be_bytes(crc),
        };
        let cluster = match &file.cluster {
            Some(digits) => Some(ClusterId(u64::from_str_radix(digits, 16).ok()?)),
            None => None,
        };
        Some(Description { meta: Arc::new(meta), cluster })
    }

    /// Returns the description as one line of JSON.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("strings and numbers can always be written as JSON");
        line.push(b'\n');
        line
    }
}

impl ConfigurationFile {
    fn parse(self) -> Option<Configuration> {
        let members = |list: Option<Vec<ServerFile>>| {
            list.unwrap_or_default().into_iter().map(ServerFile::parse).collect::<Option<Vec<_>>>()
        };
        UncheckedConfiguration { servers: members(self.servers)?, outgoing: members(self.outgoing)? }
            .try_into()
            .ok()
    }
}

impl ServerFile {
    fn of(member: &Member) -> Self {
        Self {
            suffrage: member.suffrage as u8,
            id: member.id.as_str().to_owned(),
            address: member.address.as_str().to_owned(),
        }
    }

    fn parse(self) -> Option<Member> {
        let suffrage = match self.suffrage {
            0 => Suffrage::Voter,
            // The number 2 is HashiCorp's suffrage `Staging`. A staging server never had a vote.
            1 | 2 => Suffrage::Nonvoter,
            _ => return None,
        };
        Some(Member { suffrage, id: self.id.into(), address: self.address.into() })
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0_usize, |bits, at| bits << 8 | group.get(at).map_or(0, |byte| usize::from(*byte)));
        for digit in 0..4 {
            let is_there = digit <= group.len();
            text.push(if is_there { char::from(DIGITS[bits >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let digit = match group.get(at) {
                Some(digit) => DIGITS.iter().position(|known| known == digit)?,
                None => 0,
            };
            bits = bits << 6 | u32::try_from(digit).ok()?;
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_same_as_in_go() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(to_base64(bytes), text);
            assert_eq!(from_base64(text).unwrap(), bytes);
        }
        assert_eq!(to_base64(&0x1629_fd87_7cce_3d6c_u64.to_be_bytes()), "Fin9h3zOPWw=");
        assert_eq!(from_base64("%"), None);
    }

    #[test]
    fn the_line_is_the_one_that_go_writes() {
        let meta = SnapshotMeta {
            last: LogId::new(Term(2), Index(13)),
            configuration: Configuration::new(vec![Member::voter("n1", "a1"), Member::nonvoter("n2", "a2")])
                .unwrap(),
            configuration_index: Index(1),
            size: 13,
            checksum: 0x1629_fd87_7cce_3d6c,
        };
        let line = MetaFile::of("2-13-1700000000000", &meta, None, true).line();
        let golden = concat!(
            r#"{"Version":1,"ID":"2-13-1700000000000","Index":13,"Term":2,"Peers":"kaJhMQ==","#,
            r#""Configuration":{"Servers":[{"Suffrage":0,"ID":"n1","Address":"a1"},"#,
            r#"{"Suffrage":1,"ID":"n2","Address":"a2"}]},"ConfigurationIndex":1,"Size":13,"CRC":"Fin9h3zOPWw="}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line.clone()).unwrap(), golden);
        let description = Description { meta: Arc::new(meta.clone()), cluster: None };
        assert_eq!(MetaFile::read(&line), Some(description.clone()));
        let cluster = Some(ClusterId(0xab));
        let line = MetaFile::of("2-13-1700000000000", &meta, cluster, true).line();
        assert!(line.ends_with(
            br#","CRC":"Fin9h3zOPWw=","Cluster":"00000000000000ab"}
"#
        ));
        assert_eq!(MetaFile::read(&line), Some(Description { cluster, ..description }));
    }

    #[test]
    fn a_snapshot_of_the_first_version_has_peers_only() {
        let line = r#"{"Version":0,"ID":"x","Index":5,"Term":1,"Peers":"kaJhMQ==","Configuration":{"Servers":null},
            "ConfigurationIndex":0,"Size":1,"CRC":"AAAAAAAAAAA="}"#;
        let Description { meta, .. } = MetaFile::read(line.as_bytes()).unwrap();
        assert_eq!(meta.configuration.servers(), [Member::voter("a1", "a1")]);
        assert_eq!(meta.configuration_index, Index(5));
        assert!(MetaFile::read(line.replace(r#""Version":0"#, r#""Version":2"#).as_bytes()).is_none());
    }
}
