//! The identity of a cluster. The identity is made when the cluster is bootstrapped. A server compares the
//! identity of its own cluster with the identity in each call from a peer.

use std::sync::{Arc, Mutex};
use wavetank_raft::checksum::Checksum;
use wavetank_raft::{ClusterId, Configuration, Entropy, Member, Suffrage};

/// The identity of the cluster to which a server belongs. The identity is unknown until the server joins or
/// bootstraps a cluster. All clones share one identity.
#[derive(Clone, Debug, Default)]
pub struct LocalCluster(Arc<Mutex<Option<ClusterId>>>);

impl LocalCluster {
    /// Returns the identity of the cluster. Returns `None` if the identity is unknown.
    #[must_use]
    pub fn get(&self) -> Option<ClusterId> {
        *self.0.lock().expect("no code panics while it holds the lock of the identity")
    }

    pub(crate) fn set(&self, cluster: Option<ClusterId>) {
        *self.0.lock().expect("no code panics while it holds the lock of the identity") = cluster;
    }
}

impl PartialEq for LocalCluster {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for LocalCluster {}

/// Returns the identity of a cluster that is bootstrapped with this configuration.
///
/// Every voter of a new cluster may be bootstrapped with the same configuration, so the identity is a checksum
/// of the configuration. If the configuration has only one voter, the checksum also includes the random number
/// `entropy`. This number distinguishes the new cluster from an earlier cluster that the same server
/// bootstrapped at the same address.
pub(crate) fn bootstrapped(configuration: &Configuration, entropy: Entropy) -> ClusterId {
    let mut members: Vec<&Member> = configuration.members().collect();
    members.sort_by_key(|member| member.id.as_str());
    let mut checksum = Checksum::default();
    for member in members {
        checksum.update(&[member.suffrage as u8]);
        for text in [member.id.as_str(), member.address.as_str()] {
            checksum.update(&(text.len() as u64).to_le_bytes());
            checksum.update(text.as_bytes());
        }
    }
    let voters = configuration.members().filter(|member| member.suffrage == Suffrage::Voter).count();
    if voters == 1 {
        checksum.update(&entropy.0.to_le_bytes());
    }
    ClusterId(checksum.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(members: &[Member], entropy: u64) -> ClusterId {
        bootstrapped(&Configuration::new(members.to_vec()).unwrap(), Entropy(entropy))
    }

    #[test]
    fn servers_that_are_bootstrapped_with_the_same_configuration_are_in_one_cluster() {
        let [one, two] = [Member::voter("n1", "a1"), Member::voter("n2", "a2")];
        let both = of(&[one.clone(), two.clone()], 1);
        assert_eq!(both, of(&[two.clone(), one.clone()], 2));
        assert_ne!(both, of(&[one.clone(), Member::voter("n2", "a3")], 1));
        assert_ne!(both, of(&[one.clone(), Member::voter("n3", "a2")], 1));
        let with_nonvoter = of(&[one.clone(), Member::nonvoter("n2", "a2")], 1);
        let alone = [one];
        assert_ne!(with_nonvoter, of(&alone, 1));
        assert_ne!(of(&alone, 1), of(&alone, 2));
    }
}
