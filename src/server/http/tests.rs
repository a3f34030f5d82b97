use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

/// A server that says this to whoever comes, and gives back what it was asked.
async fn server(says: &'static [u8]) -> (Endpoint, tokio::sync::oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Endpoint::parse(&format!("http://{}/hook?x=1", listener.local_addr().unwrap())).unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let serve = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let mut length = 0;
        while !String::from_utf8_lossy(&asked[..length]).contains("{\"a\":1}") {
            length += stream.read(&mut asked[length..]).await.unwrap();
        }
        let _ = tell.send(String::from_utf8_lossy(&asked[..length]).into_owned());
        stream.write_all(says).await.unwrap();
        // Stays open: whoever asks must not wait for the end.
        std::future::pending::<()>().await;
    };
    #[expect(clippy::disallowed_methods, reason = "a server for one test")]
    tokio::spawn(serve);
    (to, told)
}

async fn post(to: &Endpoint, time: Duration) -> Result<Said, HttpError> {
    HttpClient::new().unwrap().post(to, Vec::new(), b"{\"a\":1}".to_vec(), time).await
}

const TIME: Duration = Duration::from_secs(20);

#[tokio::test]
async fn what_is_asked_and_said_arrives() {
    let (to, asked) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let said = post(&to, TIME).await.unwrap();
    assert_eq!((said.status, &said.body[..]), (200, &b"hi"[..]));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: {}\r\n", to.authority())), "{asked}");
}

/// A server can't send us to another one.
#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (other, asked) = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let answer = format!("HTTP/1.1 307 Go\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n");
    let (to, _asked) = server(answer.leak().as_bytes()).await;
    assert_eq!(post(&to, TIME).await.unwrap().status, 307);
    let mut asked = asked;
    assert!(asked.try_recv().is_err(), "the other server was asked");
}

#[tokio::test]
async fn an_answer_has_a_size_and_a_time() {
    let mut long = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n".to_vec();
    long.resize(long.len() + 70_000, b'x');
    let (to, _asked) = server(long.leak()).await;
    assert!(matches!(post(&to, TIME).await, Err(HttpError::Garbled(_))));
    let (to, _asked) = server(b"HTTP/1.1 200").await;
    assert!(matches!(post(&to, Duration::from_millis(200)).await, Err(HttpError::TooLate)));
    let (to, _asked) = server(b"SIP/2.0 200 OK\r\n\r\n").await;
    assert!(matches!(post(&to, TIME).await, Err(HttpError::Garbled(_))));
    let nobody = Endpoint::parse("http://127.0.0.1:1/").unwrap();
    assert!(matches!(post(&nobody, TIME).await, Err(HttpError::Away(_))));
}
