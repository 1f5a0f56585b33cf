//! Mail of a server without a mail server, which is in files.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Person, Settings};

/// The password of people who were invited.
pub const PASSWORD: &str = "purple-Tractor-87-lantern";

impl Settings {
    /// Every mail that was written so far, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(self.folder().join("data/mail")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }

    /// Waits for the mail of that number, from 0, and gives what stands in its link.
    pub async fn mailed_token(&self, number: usize) -> String {
        for _ in 0..100 {
            if let Some(mail) = self.mails().get(number)
                && let Some((_, rest)) = mail.split_once("#token=")
            {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no such mail: {:?}", self.mails());
    }
}

impl Person {
    /// Invites somebody new into this person's tenant, who accepts and logs in.
    pub async fn invite(&self, settings: &Settings, email: &str, role: &str) -> Self {
        let before = settings.mails().len();
        let wanted = json!({"email": email, "role": role});
        let invited = self.post("/api/v1/invitations", &wanted).await;
        assert_eq!(invited.status(), StatusCode::CREATED);
        let body = json!({"token": settings.mailed_token(before).await, "password": PASSWORD});
        let accepted = self.post("/api/v1/invitations/accept", &body).await;
        let status = accepted.status();
        let joined: Value = accepted.json().await.unwrap();
        assert_eq!(
            (status, joined["role"].as_str()),
            (StatusCode::OK, Some(role)),
            "{joined}"
        );
        Self::log_in(self.url(), email, PASSWORD).await
    }

    /// Their id.
    pub async fn user_id(&self) -> String {
        let me = self.get("/api/v1/auth/me").await;
        me["data"]["user_id"].as_str().unwrap().to_owned()
    }
}
