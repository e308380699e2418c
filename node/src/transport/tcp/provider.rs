//! The addresses that the user's [`ServerAddressProvider`] gives for the names of servers.

use super::super::ServerAddressProvider;
use crate::address::AddressFormat;
use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;
use wavetank_raft::{ServerAddress, ServerId};

/// The user's provider. The value is empty if the user has set no provider.
#[derive(Default)]
pub(super) struct Provider(OnceLock<Box<dyn ServerAddressProvider>>);

impl Provider {
    /// Sets the provider. Only the first call has an effect.
    pub(super) fn set(&self, provider: Box<dyn ServerAddressProvider>) {
        // An error means that an earlier call has set the provider: the first call counts.
        let _ = self.0.set(provider);
    }

    /// Returns the address at which to call a server. If the provider gives no usable address, the configured
    /// address is used, as in HashiCorp Raft.
    pub(super) fn address<'a>(&self, id: &ServerId, configured: &'a ServerAddress) -> Cow<'a, ServerAddress> {
        let Some(provider) = self.0.get() else { return Cow::Borrowed(configured) };
        let provided = provider.server_addr(id).and_then(|address| {
            AddressFormat::HostAndPort.check(&address)?;
            Ok(address)
        });
        match provided {
            Ok(address) => Cow::Owned(address),
            Err(error) => {
                tracing::warn!(%id, %error, %configured, "the provider gave no usable address: the configured address is used");
                Cow::Borrowed(configured)
            }
        }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("is_set", &self.0.get().is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_provider_leaves_the_configured_address() {
        let configured = ServerAddress::from("10.0.0.1:7000");
        let provider = Provider::default();
        assert_eq!(*provider.address(&"n1".into(), &configured), configured);
        provider.set(Box::new(|id: &ServerId| match id.as_str() {
            "n1" => Ok("10.0.0.9:7000".into()),
            "n2" => Ok("nowhere".into()),
            _ => Err("unknown".into()),
        }));
        assert_eq!(provider.address(&"n1".into(), &configured).as_str(), "10.0.0.9:7000");
        assert_eq!(*provider.address(&"n2".into(), &configured), configured, "nobody can call `nowhere`");
        assert_eq!(*provider.address(&"n3".into(), &configured), configured);
    }
}
