//! The numbers of requests, and their names in texts.
//!
//! A request number is unique in a run. Its upper bits say who sends the request: a client, or an operator (a
//! story or the nemesis).

use wavetank_raft::RequestId;

/// The bit that marks the request ids of operators' calls. The numbers of clients' requests never have this bit.
const OPERATOR: u64 = 1 << 63;

/// The position of the lowest bit of the client number in a request number. The stored number is the client
/// number plus 1.
const CLIENT_SHIFT: u32 = 40;

/// Returns the request id of an operator's call. `number` counts the operators' calls.
pub(crate) const fn operator_request(number: u64) -> RequestId {
    RequestId(OPERATOR | number)
}

/// True if the request comes from an operator (a story or the nemesis), and not from a client.
pub(crate) const fn is_operator_request(request: RequestId) -> bool {
    request.0 & OPERATOR != 0
}

/// Returns the request id of a client's request. `number` counts the requests of all clients.
pub(crate) fn client_request(client: u16, number: u64) -> RequestId {
    RequestId((u64::from(client) + 1) << CLIENT_SHIFT | number)
}

/// Returns the number of the client that sent a request. Returns `None` if another caller sent the request.
pub(crate) fn client_of(request: RequestId) -> Option<u16> {
    u16::try_from(request.0 >> CLIENT_SHIFT).ok()?.checked_sub(1)
}

/// Returns the name of a request in texts: `r12 of c11` is the request with the number 12, which client 11 sent.
pub(crate) fn name(request: RequestId) -> String {
    let number = request.0 & ((1 << CLIENT_SHIFT) - 1);
    match client_of(request) {
        Some(client) => format!("r{number} of c{client}"),
        None if is_operator_request(request) => format!("r{number} of the operator"),
        None => request.to_string(),
    }
}

/// Replaces each request id in a sentence with the name of the request.
pub(crate) fn with_names(sentence: &str) -> String {
    let mut text = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find('r') {
        let is_start = !rest[..at].ends_with(char::is_alphanumeric);
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let end = at + 1 + digits;
        text += &rest[..at];
        match rest[at + 1..end].parse() {
            Ok(id) if is_start => text += &name(RequestId(id)),
            _ => text += &rest[at..end],
        }
        rest = &rest[end..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_who_sent_a_request() {
        let (one, other) = (client_request(11, 12), operator_request(2));
        let sentence = format!("n2 answers {one} under a lease, before {other}; error4 r7 er{}", one.0);
        let named =
            "n2 answers r12 of c11 under a lease, before r2 of the operator; error4 r7 er13194139533324";
        assert_eq!(with_names(&sentence), named);
        assert_eq!((client_of(one), client_of(other), client_of(RequestId(7))), (Some(11), None, None));
    }
}
