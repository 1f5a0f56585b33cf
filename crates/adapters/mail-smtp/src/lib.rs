#![doc = include_str!("../README.md")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_accounts::{Mail, Mailer};
use chancery_ambient::{Clock, Fault, SystemClock, within};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use secrecy::{ExposeSecret, SecretString};

/// How long one step of the conversation may take.
const STEP: Duration = Duration::from_secs(10);
/// How long handing over a mail may take.
const LIMIT: Duration = Duration::from_secs(25);

/// [`Mailer`] through a mail server.
pub struct SmtpMail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    clock: Arc<dyn Clock>,
}

/// Why no mail can be sent with these settings. Nothing of the address is repeated: it holds a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpError {
    /// The address of the server.
    #[error("is not smtp://host, smtp://host?tls=required or smtps://user:password@host")]
    Url,
    /// The sender.
    #[error("is not a mail address, such as `Chancery <chancery@example.org>`")]
    From,
}

impl SmtpMail {
    /// Mail through the server at `url`, from `from`. Nothing is asked of it yet.
    pub fn new(url: &SecretString, from: &str) -> Result<Self, SmtpError> {
        let from = from.parse().map_err(|_| SmtpError::From)?;
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret());
        let transport = transport.map_err(|_| SmtpError::Url)?.timeout(Some(STEP));
        Ok(Self {
            transport: transport.build(),
            from,
            clock: Arc::new(SystemClock::default()),
        })
    }
}

#[async_trait]
impl Mailer for SmtpMail {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        let to = mail.to.as_str().parse().map_err(Fault::corrupt)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(&mail.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.expose_secret().to_owned());
        let message = message.map_err(Fault::corrupt)?;
        match within(&*self.clock, LIMIT, self.transport.send(message)).await {
            Ok(Ok(_accepted)) => Ok(()),
            Ok(Err(refused)) => Err(Fault::unavailable(refused)),
            Err(late) => Err(Fault::timed_out(late)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_accounts::{EmailAddress, Mail, Mailer};
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
    };

    use super::{SmtpError, SmtpMail};

    fn mail() -> Mail {
        Mail {
            to: EmailAddress::parse("ada@example.org").unwrap(),
            subject: "Choose a new password".to_owned(),
            text: "Open this".into(),
        }
    }

    /// A mail server for one conversation: gives what it was told. It refuses who is not ada.
    async fn one_conversation(listener: TcpListener) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read).lines();
        let mut told = String::new();
        write.write_all(b"220 test ESMTP\r\n").await.unwrap();
        let mut in_data = false;
        while let Ok(Some(line)) = lines.next_line().await {
            told.push_str(&line);
            told.push('\n');
            let answer: &[u8] = match line.as_str() {
                "." => {
                    in_data = false;
                    b"250 taken\r\n"
                }
                _ if in_data => continue,
                "DATA" => {
                    in_data = true;
                    b"354 go on\r\n"
                }
                "QUIT" => break,
                line if line.starts_with("RCPT") && !line.contains("ada@") => b"550 nobody\r\n",
                _ => b"250 well\r\n",
            };
            write.write_all(answer).await.unwrap();
        }
        told
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mail_is_handed_over_with_its_sender_reader_and_text() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let mailer = SmtpMail::new(&url.into(), "Chancery <chancery@example.org>").unwrap();
        let mail = mail();
        let (told, sent) = tokio::join!(one_conversation(listener), async {
            let sent = mailer.send(&mail).await;
            drop(mailer);
            sent
        });
        sent.unwrap();
        for part in [
            "MAIL FROM:<chancery@example.org>",
            "RCPT TO:<ada@example.org>",
            "Subject: Choose a new password",
            "Open this",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_not_there_is_a_fault_that_repeats_no_password() {
        let mailer = SmtpMail::new(&"smtp://user:hunter2@127.0.0.1:9".into(), "a@example.org").unwrap();
        let fault = mailer.send(&mail()).await.unwrap_err();
        assert!(!format!("{fault:?}").contains("hunter2"));
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        let made = |url: &str, from| SmtpMail::new(&url.into(), from).map(drop);
        assert_eq!(made("http://example.org", "a@example.org"), Err(SmtpError::Url));
        assert_eq!(made("smtp://example.org", "nobody"), Err(SmtpError::From));
    }
}
