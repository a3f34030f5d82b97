//! A service that the switch asks, over real HTTP.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use super::{http::Http, running::Program};

/// RT-06, QE-18: an administrator puts a question to a service of the settings, signed with its secret, and sees the
/// answer; one that is away is told as such.
#[test]
fn a_service_is_tried() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = service.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    #[allow(clippy::disallowed_methods, reason = "a real service beside the real program")]
    let serve = thread::spawn(move || {
        let (mut stream, _) = service.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            let mut some = [0; 2_048];
            let length = stream.read(&mut some).unwrap();
            asked.extend_from_slice(&some[..length]);
        }
        tell.send(String::from_utf8(asked).unwrap()).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"vip\":true}").unwrap();
    });
    let program = Program::demo("service").start();
    let mut page = Http::sign_in(program.http, "admin", program.password("admin"));
    assert_eq!(page.post("/api/v1/services/crm/ask", "{}").0, 404);
    let entry = format!(
        "[[service]]\nkey = \"crm\"\nurl = \"http://{address}/ask\"\nsecret = \"0123456789abcdef\"\n\n[[clip]]\nkey = \"hold-music\""
    );
    program.rewrite("centre.toml", "[[clip]]\nkey = \"hold-music\"", &entry);
    let (status, said) = page.post("/api/v1/reload", "");
    assert_eq!(status, 200, "{said}");
    let (status, said) = page.post("/api/v1/services/crm/ask", r#"{"number":"1"}"#);
    assert_eq!(status, 200, "{said}");
    assert!(said.contains(r#""said":{"vip":true}"#) && said.contains(r#""status":200"#), "{said}");
    let asked = told.recv().unwrap();
    assert!(asked.starts_with("POST /ask HTTP/1.1\r\n") && asked.ends_with("\r\n\r\n{\"number\":\"1\"}"), "{asked}");
    assert!(asked.contains("x-strowger-signature: sha256=") && asked.contains("x-strowger-time: "), "{asked}");
    serve.join().unwrap();
    let (status, said) = page.post("/api/v1/services/crm/ask", "{}");
    assert_eq!(status, 502, "nobody listens any more: {said}");
    assert!(said.contains("service_away"), "{said}");
    program.stop();
}
