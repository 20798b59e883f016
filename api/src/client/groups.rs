//! `/v1/groups…`: records into a member's hands and out of them, offsets, lag.

use std::time::Duration;

use reqwest::Method;

use super::transport::{Request, escaped};
use super::{Client, ClientError};
use crate::http::groups::{
    AckRequest, AckResponse, CommitRequest, CommitResponse, DeleteGroupRequest, GroupDescription,
    GroupSummary, LagResponse, ListGroupsResponse, PollRequest, PollResponse, ResetRequest,
    ResetResponse,
};
use crate::model::error_code::ErrorCode;
use crate::model::limits::GROUP_NAME_BYTES_MAX;
use crate::model::problem::Problem;

impl Client {
    /// `GET /v1/groups`.
    pub async fn groups(&self) -> Result<ListGroupsResponse, ClientError> {
        self.ask(Request::get("/v1/groups")).await
    }

    /// `GET /v1/groups/{g}`.
    pub async fn group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        self.ask(Request::get(path(group, "")?)).await
    }

    /// `GET /v1/groups/{g}/lag`.
    pub async fn group_lag(&self, group: &str) -> Result<LagResponse, ClientError> {
        self.ask(Request::get(path(group, "/lag")?)).await
    }

    /// `POST /v1/groups/{g}/poll`: records for a member; the first poll joins the group.
    pub async fn poll(
        &self,
        group: &str,
        request: &PollRequest,
    ) -> Result<PollResponse, ClientError> {
        self.ask(Request::post(path(group, "/poll")?).json(request)).await
    }

    /// `POST /v1/groups/{g}/ack`: what a member did with records.
    pub async fn ack(&self, group: &str, request: &AckRequest) -> Result<AckResponse, ClientError> {
        self.ask(Request::post(path(group, "/ack")?).json(request)).await
    }

    /// A poll that waits no longer than this for any one server.
    pub(super) async fn poll_within(
        &self,
        group: &str,
        request: &PollRequest,
        time: Duration,
    ) -> Result<PollResponse, ClientError> {
        self.ask(Request::post(path(group, "/poll")?).json(request).within(time)).await
    }

    /// An ack that waits no longer than this for any one server.
    pub(super) async fn ack_within(
        &self,
        group: &str,
        request: &AckRequest,
        time: Duration,
    ) -> Result<AckResponse, ClientError> {
        self.ask(Request::post(path(group, "/ack")?).json(request).within(time)).await
    }

    /// `POST /v1/groups/{g}/commit`.
    pub async fn commit(
        &self,
        group: &str,
        request: &CommitRequest,
    ) -> Result<CommitResponse, ClientError> {
        self.ask(Request::post(path(group, "/commit")?).json(request)).await
    }

    /// `POST /v1/groups/{g}:reset-offsets`.
    pub async fn reset_offsets(
        &self,
        group: &str,
        request: &ResetRequest,
    ) -> Result<ResetResponse, ClientError> {
        self.ask(Request::post(path(group, ":reset-offsets")?).json(request)).await
    }

    /// `DELETE /v1/groups/{g}/members/{m}`: its partitions go to the others at once.
    pub async fn leave_group(&self, group: &str, member: &str) -> Result<(), ClientError> {
        let path = format!("{}/{}", path(group, "/members")?, escaped(member));
        self.send(Request::new(Method::DELETE, path)).await.map(drop)
    }

    /// `DELETE /v1/groups/{g}`.
    pub async fn delete_group(
        &self,
        group: &str,
        request: DeleteGroupRequest,
    ) -> Result<GroupSummary, ClientError> {
        self.ask(Request::new(Method::DELETE, path(group, "")?).json(&request)).await
    }
}

/// The path of something of a group, whose name may have any characters.
fn path(group: &str, rest: &str) -> Result<String, ClientError> {
    if group.is_empty() || group.len() > GROUP_NAME_BYTES_MAX {
        let detail = format!("a group's name has 1 to {GROUP_NAME_BYTES_MAX} bytes");
        return Err(Problem::new(ErrorCode::InvalidRequest, detail).into());
    }
    Ok(format!("/v1/groups/{}{rest}", escaped(group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_may_be_called_anything() {
        assert_eq!(path("a b/c:é", "/poll").unwrap(), "/v1/groups/a%20b%2Fc%3A%C3%A9/poll");
        assert!(path("", "").is_err());
        assert!(path(&"x".repeat(250), "").is_err());
    }
}
