//! Bodies of `/v1/producers`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks for a producer id, or for the next epoch of one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProducerRequest {
    /// Absent: a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub producer_id: Option<i64>,
    /// The producer's present epoch; with `producer_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i16>,
}

/// Who a producer is. Its sequences begin at 0 in each partition, with every epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProducerIdentity {
    /// Its id, nobody else's.
    pub producer_id: i64,
    /// Batches of earlier epochs are refused once one of this has been written.
    pub epoch: i16,
}
