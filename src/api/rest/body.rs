//! A JSON body, with refusals in our own form.

use axum::{
    extract::{FromRequest, Json, Request, rejection::JsonRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use crate::api::Problem;

/// Like axum's `Json`, but it answers with a [`Problem`].
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_only", "The body must be JSON");
                Err(problem.hint("Send Content-Type: application/json."))
            }
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large"))
            }
            Err(why) => Err(Problem::bad_request(why.body_text())),
        }
    }
}
