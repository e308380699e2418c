//! A start: what the disk gave back, beside what was known to be on it.

use super::stepping::learn_configuration;
use super::{Chain, Disk, Facts, Found, Glimpse, History, Ledger, Life, Sight, Took, hash, newer};
use crate::plan::server_set::Slot;
use wavetank_raft::{Boot, Entry, LogId};

impl Ledger {
    /// A server started.
    pub(crate) fn booted(&mut self, slot: Slot, sight: &impl Sight, boot: &Boot, log: &[Entry]) -> Facts {
        self.step.clear(slot);
        self.step.took = Took::Other;
        let mut facts = Facts::BOOTED;
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let shadow = &mut self.shadows[slot.at()];
        let (base, returning) = (boot.log.base(), shadow.life != Life::Blank);
        let mut chain = beginning(&shadow.disk, &self.history, base);
        let mut hole = None;
        for entry in log.iter().filter(|entry| base.index < entry.id.index) {
            let Some(link) = chain.push(entry) else {
                hole = Some(entry.id.index);
                break;
            };
            self.history.hold(slot, entry.id.index, link);
        }
        shadow.forget();
        shadow.life = Life::Up;
        if let Some(heard) = &mut shadow.heard {
            // A timeout that was made longer while it ran is not remembered.
            heard.until = heard.until.min(heard.at + sight.silence());
        }
        let hard = boot.hard_state;
        let disk = Disk { hard, log: chain.clone(), snapshot: newer(shadow.disk.snapshot, snapshot) };
        let kept = std::mem::replace(&mut shadow.disk, disk);
        self.step.found = Found { hard, snapshot, last: boot.log.last(), returning, kept, hole };
        shadow.log = chain;
        (shadow.handed, shadow.machine) = (snapshot.index, snapshot.index);
        shadow.glimpse = sight.glimpse();
        (self.step.was, self.step.now) = (Glimpse::BLANK, shadow.glimpse);
        self.step.was_conf = None;
        shadow.conf = None;
        facts.add_if(learn_configuration(slot, shadow, sight), Facts::CONFIGURED);
        self.step.now_conf = shadow.conf;
        facts.add_if(shadow.log.last() != shadow.glimpse.last, Facts::UNWRITTEN);
        facts
    }
}

/// The chain below the first entry that was found.
fn beginning(disk: &Disk, history: &History, base: LogId) -> Chain {
    let from_disk = disk.log.link(base.index).filter(|link| link.term == base.term);
    match from_disk {
        Some(link) => Chain::above(base, link.prefix, disk.log.conf_before(base.index.next())),
        None if base == LogId::ZERO => Chain::above(base, hash::EMPTY, None),
        None => history.chain_at(base),
    }
}
