//! What a request brings: a JSON body, or what stands after `?`. The one place that reads either, with refusals in our own
//! words.

use std::error::Error;

use axum::{
    extract::{FromRequest, FromRequestParts, Json, Query, Request, rejection::JsonRejection},
    http::{StatusCode, request::Parts},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wording;
use crate::api::Problem;

/// A JSON object. Like axum's `Json`, but it answers with a [`Problem`], and takes no list for an object's fields.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// JSON of any kind.
#[derive(Debug)]
pub struct AnyBody(pub Value);

/// What stands after `?` in the address.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let AnyBody(value) = AnyBody::from_request(request, state).await?;
        if !value.is_object() {
            let detail = format!("The body must be a JSON object, not {}.", wording::kind_of(&value));
            return Err(Problem::bad_request(detail));
        }
        // Once more from the text: so the fault comes with the place where it is.
        let read = Json::<T>::from_bytes(value.to_string().as_bytes());
        read.map(|Json(value)| Self(value)).map_err(|why| wording::of(&reason(&why)))
    }
}

impl<S: Send + Sync> FromRequest<S> for AnyBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<Value>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_only", "The body must be JSON");
                Err(problem.hint("Send Content-Type: application/json."))
            }
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is too large"))
            }
            Err(why) => Err(Problem::bad_request(format!("The body is no JSON: {}.", reason(&why)))),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        std::future::ready(read.map(|Query(value)| Self(value)).map_err(|why| wording::of(&reason(&why)))).await
    }
}

/// What was wrong, without axum's words around it.
fn reason(why: &(dyn Error + 'static)) -> String {
    why.source().map_or_else(|| why.to_string(), ToString::to_string)
}
