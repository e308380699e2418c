//! The pending events of a world. In a run that follows no schedule, the events wait in the event queue until
//! they are due. In a run that follows a schedule, the events wait in a pool until the schedule names them.

use crate::engine::event_queue::EventQueue;
use crate::engine::scheduling::Scheduling;
use crate::engine::world::sim_event::SimEvent;
use crate::subject::Protocol;
use wavetank_raft::Time;

/// The pending events of a world.
#[derive(Debug)]
pub(crate) struct PendingEvents<P: Protocol> {
    queue: EventQueue<SimEvent<P>>,
    /// The schedule that the run records or follows; `None` if there is no schedule.
    pub(crate) scheduling: Option<Box<Scheduling<P>>>,
}

impl<P: Protocol> Default for PendingEvents<P> {
    fn default() -> Self {
        Self { queue: EventQueue::default(), scheduling: None }
    }
}

impl<P: Protocol> PendingEvents<P> {
    /// Adds an event. Returns the serial number of the event in the event queue. Returns zero if the run
    /// follows a schedule.
    #[inline]
    pub(crate) fn put(&mut self, at: Time, event: SimEvent<P>) -> u64 {
        match &mut self.scheduling {
            Some(scheduling) if scheduling.is_playing() => {
                scheduling.hold(event);
                0
            }
            _ => self.queue.put(at, event),
        }
    }

    /// Removes all events of the event queue.
    pub(crate) fn clear(&mut self) {
        self.queue = EventQueue::default();
    }

    /// Removes the next event from the event queue. Returns the time, the serial number and the event; `None`
    /// if the queue is empty.
    pub(crate) fn take(&mut self) -> Option<(Time, u64, SimEvent<P>)> {
        self.queue.take()
    }

    /// Returns the events in the event queue, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SimEvent<P>> {
        self.queue.iter()
    }

    /// Returns the time of the next event in the event queue; `None` if the queue is empty.
    pub(crate) fn next_at(&mut self) -> Option<Time> {
        self.queue.next_at()
    }
}
