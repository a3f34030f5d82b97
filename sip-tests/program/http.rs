//! A browser's part of the conversation, as plain as it can be.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::running::now;

pub struct Http {
    address: SocketAddr,
    cookie: String,
}

impl Http {
    /// Signs in; tries again while the accounts are still being read.
    pub fn sign_in(address: SocketAddr, name: &str, password: &str) -> Self {
        let mut http = Self { address, cookie: String::new() };
        let body = format!(r#"{{"name":"{name}","password":"{password}"}}"#);
        for _ in 0..200 {
            let answer = http.ask("POST", "/api/v1/session", &body);
            if status(&answer) == 503 {
                continue;
            }
            assert!((200..300).contains(&status(&answer)), "{answer}");
            let cookie = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:")).unwrap();
            http.cookie = cookie.split_once(':').unwrap().1.split(';').next().unwrap().trim().to_owned();
            return http;
        }
        panic!("the accounts are never read");
    }

    pub fn get(&self, path: &str) -> String {
        let answer = self.ask("GET", path, "");
        assert_eq!(status(&answer), 200, "{answer}");
        answer
    }

    /// Asks again and again until the answer is as wished.
    pub fn until(&self, path: &str, wished: impl Fn(&str) -> bool) {
        let until = now() + Duration::from_secs(20);
        loop {
            let answer = self.get(path);
            if wished(&answer) {
                return;
            }
            assert!(now() < until, "{answer}");
        }
    }

    pub fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        let answer = self.ask("POST", path, body);
        (status(&answer), answer)
    }

    pub fn put(&mut self, path: &str, body: &str) -> (u16, String) {
        let answer = self.ask("PUT", path, body);
        (status(&answer), answer)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            self.cookie,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
