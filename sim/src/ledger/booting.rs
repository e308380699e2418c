//! A start: what the disk gave back, beside what was known to be on it.

use super::chain::Chain;
use super::glimpse::Sight;
use super::shadow::{Disk, Life, Shadow};
use super::step::{Found, Took};
use super::stepping::learn_configuration;
use super::{Facts, Glimpse, History, Ledger, hash, newer};
use crate::slot::Slot;
use wavetank_raft::{Boot, Entry, Index, LogId};

impl Ledger {
    /// A server started.
    pub fn booted(&mut self, slot: Slot, sight: &impl Sight, boot: &Boot, log: &[Entry]) -> Facts {
        self.step.clear(slot);
        self.step.took = Took::Report;
        let mut facts = Facts::BOOTED;
        let snapshot = boot.snapshot.as_ref().map_or(LogId::ZERO, |meta| meta.last);
        let shadow = &self.shadows[slot.at()];
        let base = boot.log.base();
        let mut chain = beginning(&shadow.disk, &self.history, base);
        let mut found = found(shadow, boot, snapshot);
        found.kept_committed = self.committed_and_kept(slot);
        found.voted = self.terms.vote_of(slot, boot.hard_state.term);
        for entry in log.iter().filter(|entry| base.index < entry.id.index) {
            let Some(link) = chain.push(entry) else {
                found.hole.get_or_insert(entry.id.index);
                break;
            };
            if let Some(head) = self.history.hold(slot, entry.id.index, link) {
                self.step.twin.get_or_insert((entry.id.index, head));
            }
            if shadow.disk.log.link(entry.id.index).is_some_and(|kept| kept != link) {
                found.differs.get_or_insert(entry.id.index);
            }
        }
        self.step.found = found;
        let shadow = &mut self.shadows[slot.at()];
        shadow.forget();
        shadow.life = Life::Up;
        if let Some(heard) = &mut shadow.heard {
            // A timeout that was made longer while it ran is not remembered.
            heard.until = heard.until.min(heard.at + sight.silence());
        }
        shadow.disk = Disk {
            hard: boot.hard_state,
            log: chain.clone(),
            snapshot: newer(shadow.disk.snapshot, snapshot),
        };
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

impl Ledger {
    /// How much of what was committed, in terms that a server has told others of, its disk has.
    fn committed_and_kept(&self, slot: Slot) -> Index {
        let shadow = self.shadow(slot);
        let committed = self.history.committed_before(shadow.exposed.next());
        let index = committed.min(shadow.disk.log.last().index);
        // A log that ends in another history has no part in it.
        let has = self.history.link(index).is_some_and(|link| shadow.disk.log.link(index) == Some(link));
        if has { index } else { Index::ZERO }
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

fn found(shadow: &Shadow, boot: &Boot, snapshot: LogId) -> Found {
    let kept = &shadow.disk;
    Found {
        hard: boot.hard_state,
        snapshot,
        base: boot.log.base(),
        last: boot.log.last(),
        returning: shadow.life != Life::Blank,
        kept: kept.hard,
        kept_snapshot: kept.snapshot,
        kept_last: kept.log.last(),
        kept_committed: Index::ZERO,
        kept_fits: snapshot.index == Index::ZERO
            || kept.log.link(snapshot.index).is_none()
            || kept.log.has(snapshot),
        differs: None,
        hole: None,
        exposed: shadow.exposed,
        voted: None,
    }
}
