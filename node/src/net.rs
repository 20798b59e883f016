//! The only place that names a network: the system's, or in the simulation turmoil's, which has the
//! same shape and carries nothing out of the process.

#[cfg(not(feature = "simulation"))]
pub use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
#[cfg(not(feature = "simulation"))]
pub use tokio::net::{TcpListener, TcpStream};
#[cfg(feature = "simulation")]
pub use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
#[cfg(feature = "simulation")]
pub use turmoil::net::{TcpListener, TcpStream};
