//! The form that the address of a server must have.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use wavetank_raft::{Call, Change, Member, ServerAddress};

/// The form that the address of a server must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AddressFormat {
    /// Any text is accepted.
    Any,
    /// A host and a port, for example `10.0.0.1:7000`, `[2001:db8::1]:7000` or `db1.example:7000`. The port must
    /// not be 0, and the host must not be an unspecified address (`0.0.0.0` or `[::]`).
    HostAndPort,
}

/// The error for an address that does not have the required form.
///
/// ```
/// use wavetank_node::AddressFormat;
///
/// let error = AddressFormat::HostAndPort.check(&"::1".into()).unwrap_err();
/// let expected = "no server can be called at `::1`: write a host and a port, as in `[::1]:7000`";
/// assert_eq!(error.to_string(), expected);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AddressError {
    /// The address that was checked.
    pub address: ServerAddress,
    /// An example of an address in the required form. If possible, the example is similar to `address`.
    pub example: String,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, example } = self;
        write!(f, "no server can be called at `{address}`: write a host and a port, as in `{example}`")
    }
}

impl std::error::Error for AddressError {}

impl AddressFormat {
    /// Checks that an address has this form.
    ///
    /// # Errors
    /// Returns an error if the address does not have this form. An empty address is no error here, because a
    /// configuration refuses an empty address.
    pub fn check(self, address: &ServerAddress) -> Result<(), AddressError> {
        let text = address.as_str();
        match self {
            Self::HostAndPort if !text.is_empty() && !is_host_and_port(text) => {
                Err(AddressError { address: address.clone(), example: example_for(text) })
            }
            Self::Any | Self::HostAndPort => Ok(()),
        }
    }

    /// Checks that the address of each member has this form. Returns an error for the first address that does
    /// not have this form.
    pub(crate) fn check_members<'m>(
        self,
        members: impl IntoIterator<Item = &'m Member>,
    ) -> Result<(), AddressError> {
        members.into_iter().try_for_each(|member| self.check(&member.address))
    }

    /// Checks that each address that the call adds to the configuration has this form.
    pub(crate) fn check_call(self, call: &Call) -> Result<(), AddressError> {
        match call {
            Call::Bootstrap(configuration) => self.check_members(configuration.members()),
            Call::AddVoterStaged { address, .. }
            | Call::Change {
                change: Change::AddVoter(_, address) | Change::AddNonvoter(_, address), ..
            } => self.check(address),
            Call::Change { change: Change::Members(members), .. } => self.check_members(members),
            _ => Ok(()),
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return address.port() != 0 && !address.ip().is_unspecified();
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !host.is_empty() && host.chars().all(is_of_name) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Makes an example address in the required form. The example is as similar to `text` as possible.
fn example_for(text: &str) -> String {
    const PORT: &str = "7000";
    let without_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let bare: String = without_scheme.chars().filter(|c| !c.is_whitespace() && *c != '/').collect();
    let (host, port) = match bare.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok_and(|port| port != 0) => (host, port),
        Some(_) | None => (bare.as_str(), PORT),
    };
    let example = if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]:{port}")
    } else if bare.parse::<Ipv6Addr>().is_ok() {
        format!("[{bare}]:{PORT}")
    } else {
        format!("{host}:{port}")
    };
    let usable = Some(example).filter(|example| is_host_and_port(example));
    usable.unwrap_or_else(|| format!("10.0.0.1:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_can_be_called_is_accepted() {
        for text in
            ["10.0.0.1:7000", "[::1]:7000", "[2001:db8::1]:1", "localhost:7000", "db-1.a_b.example:65535"]
        {
            assert_eq!(AddressFormat::HostAndPort.check(&text.into()), Ok(()), "{text}");
        }
        assert_eq!(AddressFormat::Any.check(&"n1".into()), Ok(()));
    }

    #[test]
    fn an_address_that_nobody_can_call_is_refused_with_what_is_right() {
        for (text, right) in [
            ("::1", "[::1]:7000"),
            ("2001:db8::1:7000", "[2001:db8::1]:7000"),
            ("2001:db8::1", "[2001:db8::1]:7000"),
            ("fe80::abcd", "[fe80::abcd]:7000"),
            (":7000", "10.0.0.1:7000"),
            ("host with spaces:7000", "hostwithspaces:7000"),
            ("http://10.0.0.1:7000", "10.0.0.1:7000"),
            ("http://db1.example/", "db1.example:7000"),
            ("nowhere", "nowhere:7000"),
            ("10.0.0.1:0", "10.0.0.1:7000"),
            ("10.0.0.1:70000", "10.0.0.1:7000"),
            ("0.0.0.0:7000", "10.0.0.1:7000"),
            ("[::]:7000", "10.0.0.1:7000"),
            ("[::1]", "[::1]:7000"),
        ] {
            let error = AddressFormat::HostAndPort.check(&text.into()).expect_err(text);
            assert_eq!(error.example, right, "{text}");
        }
    }
}
