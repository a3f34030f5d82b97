//! SIP over WebSocket (RFC 7118): the handshake, then one SIP message in each WebSocket message.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Error, Message as WsMessage, Utf8Bytes,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderMap, HeaderValue, StatusCode, header},
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Arrival, Shared,
    connection::{WRITE_TIME, handshake_time, idle_time, now, ping_every},
    table::WriteQueue,
};
use crate::{
    sip::Path,
    wire::sip::{MESSAGE_MAX, Message, is_keep_alive},
};

/// For saying why, before closing.
const GOODBYE_TIME: Duration = Duration::from_millis(200);

const SUBPROTOCOL: &str = "sip";

/// A frame that claims more than a SIP message may have is refused by its header alone.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
        .read_buffer_size(8_192)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_MAX)
}

/// Shakes hands and serves the connection; returns why it ended. `origins`: pages of other hosts that may connect.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: S,
    path: Path,
    queue: WriteQueue,
    stop: CancellationToken,
) -> &'static str {
    let origins = shared.origins();
    #[expect(clippy::result_large_err, reason = "the handshake's own type")]
    let judge = move |request: &Request, response| judge(request.headers(), response, &origins);
    let handshake = timeout(handshake_time(shared), accept_hdr_async_with_config(stream, judge, Some(limits())));
    let accepted = tokio::select! {
        () = stop.cancelled() => return "closed by us",
        accepted = handshake => accepted,
    };
    let socket = match accepted {
        Ok(Ok(socket)) => socket,
        Ok(Err(_)) => return "no WebSocket handshake",
        Err(_) => return "handshake too slow",
    };
    let mut connection = Connection { shared, socket, path, heard: now(), alive: now(), pinged: false };
    tokio::select! {
        () = stop.cancelled() => "closed by us",
        why = connection.run(queue) => why,
    }
}

#[expect(clippy::result_large_err, reason = "the handshake's own type")]
fn judge(asked: &HeaderMap, mut response: Response, origins: &[String]) -> Result<Response, ErrorResponse> {
    let protocols = asked.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let words = protocols.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !words.into_iter().any(|word| word.trim().eq_ignore_ascii_case(SUBPROTOCOL)) {
        return Err(refusal(StatusCode::BAD_REQUEST, "the subprotocol must be sip (RFC 7118)"));
    }
    if !is_welcome(asked, origins) {
        metrics::counter!("sip_foreign_origin_total").increment(1);
        return Err(refusal(StatusCode::FORBIDDEN, "pages of this origin may not connect here"));
    }
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    Ok(response)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(why.to_owned()));
    *refusal.status_mut() = status;
    refusal
}

/// Programs send no Origin. A page's host must be the one it connects to, on whatever port, or be in the list.
fn is_welcome(asked: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = asked.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = asked.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = origin
        .split_once("://")
        .is_some_and(|(_, place)| !name_of(host).is_empty() && name_of(place).eq_ignore_ascii_case(name_of(host)));
    own || origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin))
}

/// `host:port` without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

struct Connection<'a, S> {
    shared: &'a Shared,
    socket: WebSocketStream<S>,
    path: Path,
    /// When the last SIP message came, or the loop was asked whether it may be silent.
    heard: Instant,
    /// When anything came last, or was asked for by a ping.
    alive: Instant,
    /// A ping waits for its answer (RFC 6455 5.5.2).
    pinged: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self, mut queue: WriteQueue) -> &'static str {
        loop {
            // What is no SIP message does not keep a stranger's connection open.
            let idle = self.heard + idle_time(self.shared, &queue.welcome);
            let until = idle.min(self.alive + self.patience());
            let came = tokio::select! {
                next = queue.queue.recv() => match next {
                    None => return "drained",
                    Some(bytes) => match self.write(bytes).await {
                        Ok(()) => continue,
                        Err(why) => return why,
                    },
                },
                came = timeout_at(until, self.socket.next()) => came,
            };
            let taken = match came {
                Err(_) if until == idle => {
                    self.shared.tell_idle(self.path).await;
                    self.heard = now();
                    continue;
                }
                Err(_) if self.pinged => return "no answer to a ping",
                Err(_) => {
                    (self.alive, self.pinged) = (now(), true);
                    match self.say(WsMessage::Ping(Bytes::new())).await {
                        Ok(()) => continue,
                        Err(why) => return why,
                    }
                }
                Ok(None | Some(Err(Error::ConnectionClosed))) => Err("closed by the peer"),
                Ok(Some(Err(error))) => Err(self.fail(&error).await),
                Ok(Some(Ok(message))) => {
                    (self.alive, self.pinged) = (now(), false);
                    self.take(message).await
                }
            };
            if let Err(why) = taken {
                return why;
            }
        }
    }

    /// How long nothing at all may come before it is asked for, or, when it was, before nobody is there.
    fn patience(&self) -> Duration {
        if self.pinged { WRITE_TIME.min(self.shared.limits.idle_time) } else { ping_every(self.shared) }
    }

    async fn take(&mut self, message: WsMessage) -> Result<(), &'static str> {
        let bytes = match message {
            WsMessage::Text(text) => Bytes::from(text),
            WsMessage::Binary(bytes) => bytes,
            // Answered by the protocol itself.
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => return Ok(()),
            WsMessage::Close(_) => {
                // The answer is made already, and leaves with this (RFC 6455 5.5.1).
                let _ = timeout(GOODBYE_TIME, self.socket.next()).await;
                return Err("closed by the peer");
            }
        };
        self.heard = now();
        if is_keep_alive(&bytes) {
            return if bytes.len() >= 4 { self.write(Bytes::from_static(b"\r\n")).await } else { Ok(()) };
        }
        match Message::parse(bytes) {
            Ok(message) => self.shared.tell(Arrival::Message { path: self.path, message }).await,
            Err(malformed) => self.shared.tell(Arrival::Malformed { path: self.path, malformed }).await,
        }
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), &'static str> {
        let message = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => WsMessage::Text(text),
            Err(_) => WsMessage::Binary(bytes),
        };
        self.say(message).await
    }

    async fn say(&mut self, message: WsMessage) -> Result<(), &'static str> {
        match timeout(WRITE_TIME, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err("write failed"),
            Err(_) => Err("the peer does not read"),
        }
    }

    /// Says why, for as long as a moment allows (RFC 6455 7.4.1).
    async fn fail(&mut self, error: &Error) -> &'static str {
        let (code, why) = match error {
            Error::Capacity(_) => (CloseCode::Size, "message too long"),
            Error::Utf8(_) => (CloseCode::Invalid, "not UTF-8"),
            Error::Protocol(_) => (CloseCode::Protocol, "not WebSocket"),
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Io(_)
            | Error::Tls(_)
            | Error::WriteBufferFull(_)
            | Error::AttackAttempt
            | Error::Url(_)
            | Error::Http(_)
            | Error::HttpFormat(_) => return "read failed",
        };
        let _ = timeout(GOODBYE_TIME, self.socket.close(Some(CloseFrame { code, reason: why.into() }))).await;
        why
    }
}
