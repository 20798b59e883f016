mod leader_spread;
mod placement;
mod rebalance;
mod replication;
pub mod request;
mod situation;
#[cfg(test)]
mod testing;
mod voters;
