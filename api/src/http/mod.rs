//! The JSON bodies of the HTTP interface, one file per resource. No sockets, no decisions.
