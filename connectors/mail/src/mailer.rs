//! One mail server and the people behind it: a message in, one mail out.

use crate::letter::letter;
use crate::reply::{Reply, Stage, broken, unreachable};
use crate::talk::Talk;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::time::Duration;
use tidegate_kernel_outbound::{Dialer, Endpoint};
use tidegate_service_notice::{Courier, Load, Message, Rate, Receipt, Sending, Setback};
use tokio::time::timeout;

const LOAD: Load = Load { text_bytes_max: 32_000, rate: Rate { per_minute_max: 20, gap_ms_min: 0 } };

/// How the connection is made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte, port 465 as a rule (RFC 8314).
    Tls,
    /// From STARTTLS on, port 587 as a rule (RFC 3207); never without.
    StartTls,
    /// Not at all; then there is no login either.
    Plain,
}

/// Who sends.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// Where to, from whom, and how.
#[derive(Debug, Clone)]
pub struct MailConfig {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub login: Option<Login>,
    pub from: String,
    pub to: Vec<String>,
    /// All of an exchange.
    pub total: Duration,
}

/// Sends mails.
#[derive(Debug)]
pub struct Mailer {
    dialer: Dialer,
    config: MailConfig,
    rate: Rate,
}

/// Whether it can be an address in an envelope and a header: one `@`, and nothing that means something there.
pub fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&byte);
    let parts: Vec<&str> = text.split('@').collect();
    text.len() <= 254
        && text.bytes().all(plain)
        && parts.len() == 2
        && parts.iter().all(|part| !part.is_empty())
}

impl Mailer {
    /// Connects to nothing yet.
    pub fn new(dialer: Dialer, config: MailConfig) -> Mailer {
        Mailer { dialer, config, rate: LOAD.rate }
    }

    /// With a limit of its own.
    #[must_use]
    pub fn with_per_minute_max(mut self, per_minute_max: u32) -> Mailer {
        self.rate.per_minute_max = per_minute_max.max(1);
        self
    }

    async fn exchange(&self, message: &Message) -> Result<Receipt, Setback> {
        let limit = self.config.total;
        let late =
            || unreachable(&self.config.host, &format!("the exchange took longer than {limit:?}"), None);
        timeout(limit, self.mail(message)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn mail(&self, message: &Message) -> Result<Receipt, Setback> {
        let (mut talk, offers) = self.greet().await?;
        if let Some(login) = &self.config.login {
            self.log_in(&mut talk, &offers, login).await?;
        }
        let from = format!("MAIL FROM:<{}>", self.config.from);
        talk.command("MAIL", &from, 2, Stage::Setting).await?;
        let mut refusal = None;
        let mut taken = 0;
        for to in &self.config.to {
            match talk.command("RCPT", &format!("RCPT TO:<{to}>"), 2, Stage::Setting).await {
                Ok(_) => taken += 1,
                Err(setback) => refusal = Some(setback),
            }
        }
        if let Some(refusal) = refusal.filter(|_| taken == 0) {
            return Err(refusal);
        }
        talk.command("DATA", "DATA", 3, Stage::Message).await?;
        let letter = letter(&self.config.from, &self.config.to, message);
        let reply = talk.command("the message", &format!("{letter}."), 2, Stage::Message).await?;
        // It is taken; how the server says goodbye changes nothing.
        let _ = talk.command("QUIT", "QUIT", 2, Stage::Setting).await;
        let many = self.config.to.len();
        Ok(Receipt { answer: format!("{} {}; taken for {taken} of {many}", reply.code, reply.text) })
    }

    /// Connects, with TLS where it is asked for, and gives what the server offers.
    async fn greet(&self) -> Result<(Talk<'_>, Reply), Setback> {
        let MailConfig { host, port, security, total, .. } = &self.config;
        let endpoint = Endpoint {
            tls: *security == Security::Tls,
            host: host.clone(),
            port: *port,
            path: String::new(),
        };
        let failed = |error: tidegate_kernel_outbound::OutboundError| {
            unreachable(host, "no connection", Some(error.into()))
        };
        let stream = self.dialer.dial(&endpoint, *total).await.map_err(failed)?;
        let mut talk = Talk::new(host, stream);
        talk.reply("the connection", 2, Stage::Setting).await?;
        let offers = talk.command("EHLO", "EHLO tidegate", 2, Stage::Setting).await?;
        if *security != Security::StartTls {
            return Ok((talk, offers));
        }
        if offers.offers("STARTTLS").is_none() {
            return Err(broken(host, "does not offer STARTTLS"));
        }
        talk.command("STARTTLS", "STARTTLS", 2, Stage::Setting).await?;
        let stream = self.dialer.start_tls(talk.into_stream()?, host, *total).await.map_err(failed)?;
        let mut talk = Talk::new(host, stream);
        let offers = talk.command("EHLO", "EHLO tidegate", 2, Stage::Setting).await?;
        Ok((talk, offers))
    }

    /// RFC 4954 with PLAIN, or the older LOGIN where there is only that.
    async fn log_in(&self, talk: &mut Talk<'_>, offers: &Reply, login: &Login) -> Result<(), Setback> {
        let ways = offers.offers("AUTH").unwrap_or_default().to_ascii_uppercase();
        let offered = |way: &str| ways.split_whitespace().any(|one| one == way);
        if offered("PLAIN") {
            let secret = STANDARD.encode(format!("\0{}\0{}", login.user, login.password));
            talk.command("the login", &format!("AUTH PLAIN {secret}"), 2, Stage::Setting).await?;
        } else if offered("LOGIN") {
            talk.command("the login", "AUTH LOGIN", 3, Stage::Setting).await?;
            talk.command("the login", &STANDARD.encode(&login.user), 3, Stage::Setting).await?;
            talk.command("the login", &STANDARD.encode(&login.password), 2, Stage::Setting).await?;
        } else {
            return Err(broken(&self.config.host, "offers no login by PLAIN or LOGIN"));
        }
        Ok(())
    }
}

impl Courier for Mailer {
    fn kind(&self) -> &'static str {
        "mail"
    }

    fn load(&self) -> Load {
        Load { rate: self.rate, ..LOAD }
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.exchange(message))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.user)
    }
}
