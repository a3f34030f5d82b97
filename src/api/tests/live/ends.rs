//! Who gets no live connection, and what ends one.

use std::sync::Arc;

use super::*;
use crate::switch::Role;

#[tokio::test]
async fn strangers_and_foreign_pages_get_no_connection() {
    let open = Open::new("strangers").await;
    let ana = open.desk.sign_in("ana").await;
    let ours = format!("http://{}", open.address);
    assert_eq!(open.refused("", Some(&ours)).await, 401);
    assert_eq!(open.refused(&ana, Some("http://evil.example")).await, 403);
    assert_eq!(open.desk.get(&ana, "/api/v1/live").await.status.as_u16(), 426);
    assert!(open.desk.picture.sessions.lock().unwrap().is_empty());
}

/// What one may see is judged for every patch.
#[tokio::test]
async fn a_live_connection_ends_with_its_session_or_role() {
    let open = Open::new("ended").await;
    let (ana, eva) = (open.desk.sign_in("ana").await, open.desk.sign_in("eva").await);
    let (mut anas, mut evas) = (open.page(&ana).await, open.page(&eva).await);
    anas.json().await;
    evas.json().await;
    open.desk.write("DELETE", &ana, "/api/v1/session", "").await;
    let mut centre = centre();
    centre.users[2].role = Role::Agent;
    open.desk.api.set_users(&centre).await;
    open.desk.picture.show(|shown| shown.calls.push(call(14, 24, "+351210000024", None)));
    assert_eq!(anas.closed().await, (4401, "signed_out".into()));
    let (code, reason) = evas.closed().await;
    assert_eq!((code, reason.as_str()), (4401, "signed_out"));
}

/// AS-15, AP-02: a page that comes back with the cookie of somebody else, who signed in in another tab, is not shown his
/// patches as if they were of whom it shows: it is told to start anew.
#[tokio::test]
async fn a_page_of_somebody_else_gets_no_connection() {
    let open = Open::new("two-tabs").await;
    let rui = open.desk.sign_in("rui").await;
    let ours = format!("http://{}", open.address);
    let (mut page, _) = open.connect(&rui, Some(&ours), "?user=ana").await.unwrap();
    assert_eq!(page.closed().await, (4409, "other_user".into()));
    assert!(open.desk.picture.sessions.lock().unwrap().iter().all(|(_, is_open)| !is_open), "nobody's page is open");
    let (mut page, _) = open.connect(&rui, Some(&ours), "?user=rui").await.unwrap();
    assert_eq!(page.json().await["type"], "snapshot");
}

/// Nobody has to wait for the next patch or ping.
#[tokio::test]
async fn a_live_connection_ends_with_the_password_it_was_opened_with() {
    let open = Open::new("password").await;
    let ana = open.desk.sign_in("ana").await;
    let mut page = open.page(&ana).await;
    page.json().await;
    let mut centre = centre();
    centre.users[0].page_password = Some(crate::api::auth::password::hash("another").unwrap());
    open.desk.api.set_users(&centre).await;
    let closed = timeout(Duration::from_secs(5), page.closed()).await;
    assert_eq!(closed.expect("at once"), (4401, "signed_out".into()));
}

/// A page has nothing to say; what it sends is bounded before it is taken in.
#[tokio::test]
async fn big_messages_and_lying_frames_end_the_connection() {
    let open = Open::new("big").await;
    let ana = open.desk.sign_in("ana").await;
    let mut page = open.page(&ana).await;
    page.json().await;
    page.socket.send(Message::Text("small talk".into())).await.unwrap();
    page.socket.send(Message::Binary(vec![0; 60_000].into())).await.unwrap();
    assert_eq!(page.closed().await, (1009, "too_big".into()));

    // A header that announces 2^62 bytes.
    let mut page = open.page(&ana).await;
    page.json().await;
    let MaybeTlsStream::Plain(stream) = page.socket.get_mut() else { panic!("no TLS here") };
    tokio::io::AsyncWriteExt::write_all(stream, &[0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).await.unwrap();
    assert_eq!(page.closed().await, (1009, "too_big".into()));
}

/// Slow readers, half requests and too many of them cost nobody else anything.
#[tokio::test]
async fn the_listener_is_patient_only_so_long() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let desk = Desk::new("patience").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    let settings =
        ServeSettings { per_source_max: 2, header_time: Duration::from_millis(300), ..ServeSettings::default() };
    let served = serve(listener, desk.router.clone(), settings, stopped);
    #[allow(clippy::disallowed_methods)]
    let task = tokio::spawn(served);
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow").await.unwrap();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut third = TcpStream::connect(address).await.unwrap();
    let mut text = Vec::new();
    let ended = async |stream: &mut TcpStream, text: &mut Vec<u8>| {
        timeout(Duration::from_secs(5), stream.read_to_end(text)).await
    };
    assert!(matches!(ended(&mut third, &mut text).await, Ok(Ok(0) | Err(_))), "the third of two is turned away");
    assert!(ended(&mut slow, &mut text).await.is_ok(), "half a request is not waited for");
    assert!(ended(&mut idle, &mut text).await.is_ok(), "nor is silence");

    let mut huge = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let _ = huge.write_all(request.as_bytes()).await;
    let mut text = Vec::new();
    let _ = ended(&mut huge, &mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains("200 OK"));

    let mut good = TcpStream::connect(address).await.unwrap();
    good.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    ended(&mut good, &mut text).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&text).starts_with("HTTP/1.1 200 OK"));
    task.abort();
    drop(Arc::new(desk));
}
