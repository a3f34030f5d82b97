//! Errors as the API tells them: `application/problem+json` (RFC 9457), with a hint for whoever reads it.

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::engine::Refused;

/// `type` is a stable word for programs, `title` the same for people, `detail` this very case, `hint` what to do.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    pub title: Cow<'static, str>,
    pub status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: Cow<'static, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub hint: Cow<'static, str>,
    #[serde(skip)]
    pub retry_after_secs: Option<u64>,
}

impl Problem {
    pub const fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Self {
            kind: Cow::Borrowed(kind),
            title: Cow::Borrowed(title),
            status: status.as_u16(),
            detail: Cow::Borrowed(""),
            hint: Cow::Borrowed(""),
            retry_after_secs: None,
        }
    }

    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = hint.into();
        self
    }

    pub const fn retry_after(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    pub fn not_signed_in() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_signed_in", "Not signed in")
            .hint("POST /api/v1/session with name and password, then send the cookie.")
    }

    /// The page shows one user, the cookie is another's.
    pub fn other_user() -> Self {
        Self::new(StatusCode::CONFLICT, "other_user", "Somebody else has signed in in this browser")
            .detail("Nothing was done: this page still showed who was signed in before.")
            .hint("Load the page again.")
    }

    pub fn forbidden(needs: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Your role does not allow this").detail(needs)
    }

    pub fn not_found(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing").detail(what)
    }

    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", "The request can't be understood").detail(detail)
    }

    /// The engine, the journal or the database can't answer now.
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not possible at the moment")
            .detail(detail)
            .hint("Calls go on. Try again in a few seconds.")
            .retry_after(2)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let title = match refused.status {
            400 | 422 => "The request can't be understood",
            403 => "Your role does not allow this",
            404 => "There is no such thing",
            503 => "Not possible at the moment",
            _ => "Not possible in the present state",
        };
        Self {
            kind: Cow::Borrowed(refused.code),
            title: Cow::Borrowed(title),
            status: refused.status,
            detail: Cow::Owned(refused.detail),
            hint: Cow::Borrowed(""),
            retry_after_secs: (refused.status == 503).then_some(2),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
