//! The node-to-node protocol: bytes to messages and back. No sockets.
