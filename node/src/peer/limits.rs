//! Every limit of the transport between nodes, by name. The size of a frame is a limit of the
//! protocol itself and lives in `api::model::limits`.

use std::time::Duration;

/// What a node allows its peers and itself on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerLimits {
    /// Frames that wait to be written on one connection.
    pub queue_frames_max: usize,
    /// Bytes that wait to be written on one connection.
    pub queue_bytes_max: usize,
    /// Bytes that leave in one `writev`.
    pub write_bytes_max: usize,
    /// Bytes of entries sent on one link and not answered yet, over all its streams.
    pub link_bytes_in_flight_max: usize,
    /// Bytes of entries of one stream sent and not answered yet.
    pub stream_bytes_in_flight_max: usize,
    /// Requests of one stream sent and not answered yet; the receiver's queue is as long.
    pub stream_requests_in_flight_max: usize,
    /// Streams that one connection may have open.
    pub streams_max: usize,
    /// Questions of one connection that are being answered.
    pub requests_in_flight_max: usize,
    /// Heartbeats of one connection that wait for their group; what exceeds it gets no answer.
    pub heartbeats_in_flight_max: usize,
    /// Connections that other nodes may have open to this one.
    pub connections_max: usize,
    /// Time for a connection to come about, handshake included.
    pub connect_timeout: Duration,
    /// Pause after the first failed attempt to connect.
    pub reconnect_pause_min: Duration,
    /// Longest pause between two attempts.
    pub reconnect_pause_max: Duration,
    /// Pause before a node that refused this one for good is tried again.
    pub refused_pause: Duration,
    /// Pause between two pings.
    pub ping_every: Duration,
    /// A node that was silent for so long is presumed dead.
    pub silence_max: Duration,
    /// A stream of appends without an answer for so long ends with an error. Longer than
    /// openraft's own option, which is one heartbeat: a follower whose disk is slow for a moment
    /// must not have everything sent to it again. A dead connection ends its streams at once.
    pub append_stall_max: Duration,
}

impl Default for PeerLimits {
    fn default() -> Self {
        PeerLimits {
            queue_frames_max: 4_096,
            queue_bytes_max: 64 << 20,
            write_bytes_max: 1 << 20,
            link_bytes_in_flight_max: 64 << 20,
            stream_bytes_in_flight_max: 4 << 20,
            stream_requests_in_flight_max: 64,
            streams_max: 65_536,
            requests_in_flight_max: 4_096,
            heartbeats_in_flight_max: 4_096,
            connections_max: 1_024,
            connect_timeout: Duration::from_secs(2),
            reconnect_pause_min: Duration::from_millis(10),
            reconnect_pause_max: Duration::from_secs(1),
            refused_pause: Duration::from_secs(5),
            ping_every: Duration::from_millis(100),
            silence_max: Duration::from_millis(500),
            append_stall_max: Duration::from_secs(2),
        }
    }
}
