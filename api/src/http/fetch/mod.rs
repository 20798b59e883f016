//! Bodies of `GET /v1/topics/{t}/…/records`. The server writes them with `writer`, record by
//! record, without a tree; clients read them as [`FetchResponse`] or [`FetchedRecord`].

mod fetched;
mod position;
#[cfg(test)]
mod tests;
mod writer;

pub use fetched::{FetchResponse, FetchedError, FetchedHeaders, FetchedRecord};
pub use position::{Cursor, CursorError, OffsetParam, OffsetParamError};
pub use writer::{BodyEnd, BodyWriter, Layout, RecordPosition, write_content, write_record};
