//! Partitions: produce, fetch, acks, retention. `PartitionService` is what edges and peers call;
//! it answers from the local replica if this node leads the partition, and forwards once if not.

pub mod request;
