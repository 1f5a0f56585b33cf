//! Postgres dies while a session is begun or refreshed.
#![cfg(test)]

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use system_tests::{OWNER_EMAIL, OWNER_PASSWORD, Person, Proxy, Server, Settings, client, eventually};

async fn ask(server: &Server, path: &str, body: &Value) -> Response {
    let request = client().post(format!("{}{path}", server.url)).json(body);
    request.send().await.unwrap()
}

/// The pair of a good answer; `None` for one that says to come again.
async fn pair(answer: Response) -> Option<String> {
    if answer.status() == StatusCode::OK {
        let pair: Value = answer.json().await.unwrap();
        return Some(pair["refresh_token"].as_str().unwrap().to_owned());
    }
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    None
}

async fn refresh(server: &Server, token: &str) -> Option<String> {
    pair(ask(server, "/api/v1/auth/refresh", &json!({"refresh_token": token})).await).await
}

/// A pair for `token`, which is stored and has to be good, as soon as Postgres is used again.
async fn refreshed(server: &Server, token: &str) -> String {
    let mut next = None;
    eventually("the session goes on", async || {
        next = refresh(server, token).await;
        next.is_some()
    })
    .await;
    next.unwrap()
}

/// Security.md 2 and 3: nothing is handed out that is not stored, and a session outlives it.
#[tokio::test]
async fn wherever_postgres_is_cut_off_what_was_handed_out_is_stored_and_what_was_held_before_is_good() {
    const CUTS: i64 = 40;
    const ENOUGH: i64 = 1 << 40;
    let settings = Settings::postgres().await;
    let proxy = Proxy::before(settings.database().url()).await;
    let server = settings.with("DATABASE_URL", proxy.url()).start().await;
    let mut token = Person::log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD)
        .await
        .refresh_token;
    proxy.cut_after(ENOUGH);
    token = refreshed(&server, &token).await;
    let of_a_refresh = ENOUGH - proxy.mend();

    let (mut cut, mut handed_out) = (0, 0);
    for turn in 0..CUTS {
        proxy.cut_after(of_a_refresh * turn / CUTS);
        match refresh(&server, &token).await {
            Some(next) => {
                handed_out += 1;
                token = next;
            }
            None => cut += 1,
        }
        proxy.mend();
        token = refreshed(&server, &token).await;
    }
    println!("{CUTS} cuts: {cut} asked to come again, {handed_out} pairs handed out");
    assert!(cut > 0 && handed_out > 0, "the cuts fell elsewhere");

    let login = json!({"email": OWNER_EMAIL, "password": OWNER_PASSWORD});
    for turn in 0..CUTS / 2 {
        proxy.cut_after(of_a_refresh * turn / CUTS * 4);
        let begun = pair(ask(&server, "/api/v1/auth/token", &login).await).await;
        proxy.mend();
        if let Some(begun) = begun {
            refreshed(&server, &begun).await;
        }
    }
}
