//! Mails against a server of a few lines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate_connector_mail::{Login, MailConfig, Mailer, Security, is_address};
use tidegate_kernel_outbound::{Dialer, Resolver};
use tidegate_service_notice::{BySeverity, Courier, Message, Setback};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Answers commands by their first word; 250 to what it has no answer for. Gives its port and what it was told.
async fn server(answers: &'static [(&'static str, &'static str)]) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, told) = (listener.local_addr().unwrap().port(), Arc::<Mutex<String>>::default());
    let kept = told.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let (mut line, mut word) = (String::new(), "HELLO".to_owned());
        loop {
            let known = answers.iter().find(|(name, _)| *name == word).map(|(_, text)| *text);
            let usual = match &*word {
                "DATA" => "354 go on",
                "EHLO" => "250-here\r\n250 AUTH PLAIN LOGIN",
                _ => "250 ok",
            };
            let text = format!("{}\r\n", known.unwrap_or(usual));
            if stream.write_all(text.as_bytes()).await.is_err() {
                return;
            }
            let in_data = word == "DATA" && text.starts_with('3');
            loop {
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                kept.lock().unwrap().push_str(&line);
                if !in_data || line == ".\r\n" {
                    break;
                }
            }
            word = line.split_whitespace().next().unwrap_or_default().to_owned();
        }
    });
    (port, told)
}

async fn send(port: u16, security: Security, login: bool) -> Result<String, (&'static str, String)> {
    let login = login.then(|| Login { user: "node".to_owned(), password: "pass".to_owned() });
    let config = MailConfig {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        login,
        from: "node@plant.example".to_owned(),
        to: vec!["ops@plant.example".to_owned(), "boss@plant.example".to_owned()],
        total: Duration::from_millis(500),
    };
    let message = Message {
        subject: "[plant] 温度".to_owned(),
        text: "[plant] 温度\n93".to_owned(),
        notices: Vec::new(),
        more: BySeverity::default(),
        expired: None,
        at_ms: 1_784_000_000_000,
    };
    let mailer = Mailer::new(Dialer::new(Resolver::system(), None).unwrap(), config);
    mailer.send(&message).await.map(|receipt| receipt.answer).map_err(|setback| {
        let class = match &setback {
            Setback::Retry { .. } => "retry",
            Setback::Refused(_) => "refused",
            Setback::Broken(_) => "broken",
        };
        (class, setback.error().to_string())
    })
}

#[tokio::test]
async fn a_mail_is_taken_with_a_login_and_a_body() {
    let (port, told) = server(&[(".", "250 queued as 7")]).await;
    assert_eq!(send(port, Security::Plain, true).await.unwrap(), "250 queued as 7; taken for 2 of 2");
    let told = told.lock().unwrap().clone();
    for part in [
        "EHLO tidegate\r\n",
        "AUTH PLAIN AG5vZGUAcGFzcw==\r\n",
        "MAIL FROM:<node@plant.example>\r\n",
        "RCPT TO:<boss@plant.example>\r\n",
        "Subject: =?utf-8?B?",
        "\r\n.\r\n",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[tokio::test]
async fn each_refusal_has_its_class_and_no_password_in_it() {
    for (answers, class) in [
        (&[("HELLO", "421 busy")] as &'static [(&str, &str)], "retry"),
        (&[("HELLO", "554 no")], "broken"),
        (&[("AUTH", "535 wrong")], "broken"),
        (&[("EHLO", "250 bare")], "broken"),
        (&[("MAIL", "550 not you")], "broken"),
        (&[("RCPT", "550 nobody")], "broken"),
        (&[("RCPT", "450 later")], "retry"),
        (&[("DATA", "451 later")], "retry"),
        (&[(".", "554 spam")], "refused"),
        (&[(".", "452 full")], "retry"),
        (&[("EHLO", "nonsense")], "retry"),
    ] {
        let (port, _) = server(answers).await;
        let (found, text) = send(port, Security::Plain, true).await.unwrap_err();
        assert_eq!(found, class, "{answers:?}: {text}");
        assert!(!text.contains("pass") && !text.contains("AG5v"), "{text}");
    }
}

#[tokio::test]
async fn without_the_tls_that_is_asked_for_nothing_is_sent() {
    let (port, told) = server(&[]).await;
    assert_eq!(send(port, Security::StartTls, true).await.unwrap_err().0, "broken");
    assert_eq!(*told.lock().unwrap(), "EHLO tidegate\r\n");
    let (port, told) =
        server(&[("EHLO", "250-x\r\n250 STARTTLS"), ("STARTTLS", "220 go\r\n250 injected")]).await;
    assert_eq!(send(port, Security::StartTls, true).await.unwrap_err().0, "broken");
    assert!(!told.lock().unwrap().contains("AUTH"));
    let (port, _) = server(&[]).await;
    assert_eq!(send(port, Security::Tls, false).await.unwrap_err().0, "retry");
}

#[test]
fn an_address_has_one_at_and_nothing_that_ends_a_line() {
    assert!(is_address("ops@plant.example"));
    for wrong in ["", "ops", "a@b@c", "@x", "x@", "a b@c", "a@b>\r\nRCPT TO:<c@d", "温@度"] {
        assert!(!is_address(wrong), "{wrong}");
    }
}
