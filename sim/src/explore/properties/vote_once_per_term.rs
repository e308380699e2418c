//! A server gives one vote a term, whatever crashes come between.

use super::Stated;
use crate::check::vote_once_per_term::VoteOncePerTerm;
use crate::explore::stimulus::Letter;
use crate::slot::Slot;
use wavetank_raft::{Response, Term};

pub(crate) const STATED: Stated = Stated::of::<VoteOncePerTerm>();

pub(crate) fn breach(given: Option<(Term, Slot)>, call: &Letter, response: &Response) -> Option<String> {
    let Response::RequestVote(vote) = response else { return None };
    let (name, (term, to)) = (call.name(), given?);
    let again = vote.granted && (name.term < term || name.term == term && name.from != to);
    again.then(|| {
        format!(
            "{} gave {to} its vote in {term}, and now gives it to {} in {}",
            name.to, name.from, name.term
        )
    })
}
