//! `[pure]` The bytes of the kernel's packet queue (nfnetlink_queue): messages that open a queue and
//! give verdicts, and what arrives. Numbers of the kernel's interface, never to be changed.

const SUBSYSTEM_QUEUE: u16 = 3 << 8;
const PACKET: u16 = SUBSYSTEM_QUEUE;
const VERDICT: u16 = SUBSYSTEM_QUEUE | 1;
const CONFIG: u16 = SUBSYSTEM_QUEUE | 2;
const REQUEST: u16 = 1;
/// Attributes of a configuration.
const COMMAND: u16 = 1;
const PARAMETERS: u16 = 2;
const LENGTH: u16 = 3;
const MASK: u16 = 4;
const FLAGS: u16 = 5;
/// Attributes of a packet and of a verdict.
const PACKET_HEADER: u16 = 1;
const VERDICT_HEADER: u16 = 2;
/// When the queue is full packets pass; segments are not made small first.
const FAIL_OPEN_AND_GSO: u32 = 1 | 4;
/// Packets that may wait.
const LENGTH_MAX: u32 = 20_000;
const ACCEPT: u32 = 1;
/// Length of a netlink header, and of it with the netfilter header behind.
const HEADER: usize = 16;
const HEADERS: usize = 20;

/// What opens a queue whose packets are announced without their bytes.
pub(super) fn opening(queue: u16) -> Vec<Vec<u8>> {
    let bind = [1, 0, 0, 0];
    // No bytes, and the mode that says so.
    let parameters = [0, 0, 0, 0, 1];
    let flags = FAIL_OPEN_AND_GSO.to_be_bytes();
    vec![
        message(CONFIG, queue, &[(COMMAND, &bind)]),
        message(CONFIG, queue, &[(PARAMETERS, &parameters)]),
        message(CONFIG, queue, &[(LENGTH, &LENGTH_MAX.to_be_bytes())]),
        message(CONFIG, queue, &[(MASK, &flags), (FLAGS, &flags)]),
    ]
}

/// The verdict that lets a packet go on.
pub(super) fn accept(queue: u16, packet: u32) -> Vec<u8> {
    let verdict = [ACCEPT.to_be_bytes(), packet.to_be_bytes()].concat();
    message(VERDICT, queue, &[(VERDICT_HEADER, &verdict)])
}

/// Queue and number of every packet that is announced; whatever else there is is left out.
pub(super) fn packets(mut bytes: &[u8]) -> Vec<(u16, u32)> {
    let mut found = Vec::new();
    while bytes.len() >= HEADERS {
        let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        if length < HEADERS || length > bytes.len() {
            break;
        }
        let (one, rest) = bytes.split_at(length);
        if u16::from_ne_bytes([one[4], one[5]]) == PACKET {
            let queue = u16::from_be_bytes([one[18], one[19]]);
            found.extend(packet_number(&one[HEADERS..]).map(|packet| (queue, packet)));
        }
        bytes = rest.get(length.next_multiple_of(4) - length..).unwrap_or_default();
    }
    found
}

fn packet_number(mut attributes: &[u8]) -> Option<u32> {
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        let kind = u16::from_ne_bytes([attributes[2], attributes[3]]);
        let value = attributes.get(4..length)?;
        if kind == PACKET_HEADER {
            return value.first_chunk::<4>().map(|number| u32::from_be_bytes(*number));
        }
        attributes = attributes.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn message(kind: u16, queue: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; HEADERS];
    for (name, value) in attributes {
        let length = (4 + value.len()) as u16;
        bytes.extend(length.to_ne_bytes());
        bytes.extend(name.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
    bytes[HEADER + 2..HEADERS].copy_from_slice(&queue.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_packets_are_found_among_other_messages() {
        let number = [&77_u32.to_be_bytes()[..], &[8, 0, 1]].concat();
        let one = message(PACKET, 2, &[(9, &[1]), (PACKET_HEADER, &number)]);
        let other = message(VERDICT, 1, &[]);
        let all = [one.clone(), other, one.clone()].concat();
        assert_eq!(packets(&all), [(2, 77), (2, 77)]);
        for cut in 0..one.len() {
            assert!(packets(&one[..cut]).is_empty(), "cut at {cut}");
        }
    }

    #[test]
    fn a_verdict_is_what_the_kernel_expects() {
        let bytes = accept(3, 258);
        assert_eq!(bytes.len(), 32);
        assert_eq!(bytes[16..], [0, 0, 0, 3, 12, 0, 2, 0, 0, 0, 0, 1, 0, 0, 1, 2]);
    }
}
