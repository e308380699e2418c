//! The command line of `kv`.

use tracing::Level;

pub(crate) const USAGE: &str = "\
usage: kv --id NAME --http HOST:PORT --raft HOST:PORT --dir DIR [--bootstrap | --join HOST:PORT,...]

  --id NAME               the server's id; the cluster must never use this id for another server
  --http HOST:PORT        the address for clients
  --raft HOST:PORT        the address on which the server listens for other servers
  --advertise HOST:PORT   the address at which other servers reach this server (default: the address of --raft)
  --dir DIR               the directory of the log, the vote record and the snapshots
  --bootstrap             start a new cluster, unless DIR has the data of a cluster
  --join HOST:PORT,...    ask the servers at these --http addresses to add this server, unless DIR has the data of a cluster
  --tls-authority FILE    the certificate of the servers' authority (PEM); enables mutual TLS between servers
  --tls-certificate FILE  this server's certificate, with the server's id as a DNS name (PEM)
  --tls-key FILE          the private key of the server's certificate (PEM)
  --heartbeat-ms N        the heartbeat timeout and the election timeout, in milliseconds (default: 1000)
  --snapshot-threshold N  the number of entries between two snapshots (default: 8192)
  --log LEVEL             the log level: error, warn, info, debug or trace (default: info)";

/// The options of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    pub(crate) id: String,
    pub(crate) http: String,
    pub(crate) raft: String,
    pub(crate) advertise: Option<String>,
    pub(crate) directory: String,
    pub(crate) bootstrap: bool,
    pub(crate) join: Option<Vec<String>>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) heartbeat_ms: u64,
    pub(crate) snapshot_threshold: u64,
    pub(crate) log: Level,
}

/// The paths of the files for TLS: the certificate of the authority, the certificate of the server, and the
/// private key of the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TlsFiles {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The values of the options as text. A field is `None` if the arguments do not contain the option.
#[derive(Default)]
struct ParsedOptions {
    id: Option<String>,
    http: Option<String>,
    raft: Option<String>,
    advertise: Option<String>,
    directory: Option<String>,
    join: Option<String>,
    tls_authority: Option<String>,
    tls_certificate: Option<String>,
    tls_key: Option<String>,
    heartbeat_ms: Option<String>,
    snapshot_threshold: Option<String>,
    log: Option<String>,
}

impl Options {
    /// Parses the arguments. Returns `None` if the arguments contain `--help` or `-h`.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let (mut parsed, mut bootstrap) = (ParsedOptions::default(), false);
        while let Some(name) = arguments.next() {
            let place = match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--bootstrap" => {
                    bootstrap = true;
                    continue;
                }
                "--id" => &mut parsed.id,
                "--http" => &mut parsed.http,
                "--raft" => &mut parsed.raft,
                "--advertise" => &mut parsed.advertise,
                "--dir" => &mut parsed.directory,
                "--join" => &mut parsed.join,
                "--tls-authority" => &mut parsed.tls_authority,
                "--tls-certificate" => &mut parsed.tls_certificate,
                "--tls-key" => &mut parsed.tls_key,
                "--heartbeat-ms" => &mut parsed.heartbeat_ms,
                "--snapshot-threshold" => &mut parsed.snapshot_threshold,
                "--log" => &mut parsed.log,
                other => return Err(format!("unknown option {other}")),
            };
            *place = Some(arguments.next().ok_or_else(|| format!("{name} needs a value"))?);
        }
        parsed.complete(bootstrap).map(Some)
    }
}

impl ParsedOptions {
    fn complete(self, bootstrap: bool) -> Result<Options, String> {
        if bootstrap && self.join.is_some() {
            return Err("use either --bootstrap or --join, not both".to_owned());
        }
        let tls = match (self.tls_authority, self.tls_certificate, self.tls_key) {
            (None, None, None) => None,
            (Some(authority), Some(certificate), Some(key)) => Some(TlsFiles { authority, certificate, key }),
            _ => {
                return Err("--tls-authority, --tls-certificate and --tls-key are needed together".to_owned());
            }
        };
        let need = |value: Option<String>, name| value.ok_or_else(|| format!("{name} is missing"));
        let log = self.log.unwrap_or_else(|| "info".to_owned());
        Ok(Options {
            id: need(self.id, "--id")?,
            http: need(self.http, "--http")?,
            raft: need(self.raft, "--raft")?,
            advertise: self.advertise,
            directory: need(self.directory, "--dir")?,
            bootstrap,
            tls,
            join: self.join.map(|join| join.split(',').map(str::to_owned).collect()),
            heartbeat_ms: number(self.heartbeat_ms, "--heartbeat-ms", 1_000)?,
            snapshot_threshold: number(self.snapshot_threshold, "--snapshot-threshold", 8_192)?,
            log: log
                .parse()
                .map_err(|_| format!("--log {log}: the level must be error, warn, info, debug or trace"))?,
        })
    }
}

fn number(value: Option<String>, name: &str, usual: u64) -> Result<u64, String> {
    value.map_or(Ok(usual), |text| {
        text.parse().map_err(|_| format!("{name} {text}: the value is not a number"))
    })
}
