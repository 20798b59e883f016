//! Which process opened a loopback connection: how the network knows the sender of a link
//! without taking part in the protocol.

use std::fs;

/// The one of `pids` that holds the client end of a connection from this local port.
pub fn owner_of(local_port: u16, pids: &[(usize, u32)]) -> Option<usize> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let inode = inode_of(&table, local_port)?;
    let wanted = format!("socket:[{inode}]");
    pids.iter().find(|(_, pid)| holds(*pid, &wanted)).map(|(index, _)| *index)
}

/// The socket's inode from the text of `/proc/net/tcp`: the columns are number, local address,
/// remote address, state, queues, timer, retransmits, uid, timeout, inode.
fn inode_of(table: &str, local_port: u16) -> Option<&str> {
    let suffix = format!(":{local_port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let inode = *columns.get(9)?;
        (columns[1].ends_with(&suffix) && inode != "0").then_some(inode)
    })
}

fn holds(pid: u32, socket: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == socket))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn finds_this_process_behind_its_own_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(owner_of(port, &[(7, std::process::id())]), Some(7));
        assert_eq!(owner_of(port, &[(7, 1)]), None);
    }
}
