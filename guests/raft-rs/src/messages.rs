//! Messages between servers: their protobuf encoding, with a label and a term for the tank.

use crate::server::{RaftAction, RaftRs, is_response};
use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};
use wavetank_raft::{Action, Data, NodeId, RpcId, Term};
use wavetank_sim::subject::{Label, OpaqueMessage};

/// The label of the report that a snapshot has arrived. It is a message of the adapter.
const ARRIVED: &str = "SnapArrived";

impl RaftRs {
    pub(crate) fn send_all(&mut self, messages: Vec<Message>, actions: &mut Vec<RaftAction>) {
        for message in messages {
            if message.get_msg_type() == MessageType::MsgSnapshot {
                self.read_snapshot_for(message, actions);
            } else {
                self.send(&message, actions);
            }
        }
    }

    pub(crate) fn send(&mut self, message: &Message, actions: &mut Vec<RaftAction>) {
        let bytes = message.write_to_bytes().expect("a message can be encoded");
        let label = Label::new(&format!("{:?}", message.get_msg_type()).replacen("Request", "Req", 1));
        let term = (message.term != 0).then_some(Term(message.term));
        let sent = OpaqueMessage { label, term, bytes: bytes.into() };
        self.post(NodeId(message.to), sent, is_response(message), actions);
    }

    /// Reports to the sender of a snapshot whether it has arrived.
    pub(crate) fn report_arrival(&mut self, to: NodeId, ok: bool, actions: &mut Vec<RaftAction>) {
        let bytes: Data = [u8::from(ok)].into();
        let sent = OpaqueMessage { label: Label::new(ARRIVED), term: None, bytes };
        self.post(to, sent, true, actions);
    }

    /// Sends a message. A response goes back on the connection of the peer's newest request.
    fn post(&mut self, to: NodeId, message: OpaqueMessage, responds: bool, actions: &mut Vec<RaftAction>) {
        let rpc = self.requests.get(&to).copied().filter(|_| responds);
        actions.push(match rpc {
            Some(rpc) => Action::Reply { to, rpc, response: message },
            None => {
                self.rpc = RpcId(self.rpc.0 + 1);
                Action::Send { to, rpc: self.rpc, request: message }
            }
        });
    }

    pub(crate) fn on_message(
        &mut self,
        from: NodeId,
        message: &OpaqueMessage,
        actions: &mut Vec<RaftAction>,
    ) {
        if message.label == Label::new(ARRIVED) {
            return self.on_snapshot_arrived(from, message.bytes[0] == 1);
        }
        let message = Message::parse_from_bytes(&message.bytes).expect("a message that raft-rs has encoded");
        if message.get_msg_type() == MessageType::MsgSnapshot {
            self.on_snapshot_message(from, message, actions);
        } else if self.installing.is_none() || message.get_msg_type() != MessageType::MsgTimeoutNow {
            // raft-rs refuses messages of servers that it does not know.
            let _ = self.raw.step(message);
        }
    }
}
