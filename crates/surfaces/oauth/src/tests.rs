//! The surface over a real key service.

use std::sync::Arc;

use actix_web::{
    App,
    body::to_bytes,
    dev::ServiceResponse,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    test::{TestRequest, call_service, init_service},
};
use chancery_ambient::Ambient;
use chancery_auth_keys::{
    KeyService, KeySetName, PublishedKeys,
    contract::{MemoryKeyStore, MemoryReplicas, usual_settings},
};
use serde_json::{Value, json};
use utoipa_actix_web::AppExt;

use actix_web::web::Data;

use crate::{Published, describe};

const JWKS: &str = "/.well-known/jwks.json";

async fn both_sets() -> [Arc<KeyService>; 2] {
    let open = |set| {
        KeyService::open(
            Arc::new(MemoryKeyStore::default()),
            Arc::new(MemoryReplicas::default()),
            usual_settings(set),
            Ambient::system(),
        )
    };
    let keys = [open(KeySetName::Api).await, open(KeySetName::Trust).await];
    keys.map(|keys| Arc::new(keys.unwrap()))
}

fn publishing([api, trust]: [Arc<KeyService>; 2]) -> Published {
    Published {
        keys: Arc::new(PublishedKeys::new(api, trust).unwrap()),
        issuer: "https://auth.example".to_owned(),
        public_url: "https://chancery.example".to_owned(),
    }
}

async fn published() -> Published {
    publishing(both_sets().await)
}

async fn send(published: &Published, request: TestRequest) -> ServiceResponse {
    let app = App::new()
        .into_utoipa_app()
        .app_data(Data::new(published.clone()))
        .configure(describe)
        .into_app();
    call_service(&init_service(app).await, request.to_request()).await
}

async fn text(response: ServiceResponse) -> String {
    String::from_utf8(to_bytes(response.into_body()).await.unwrap().to_vec()).unwrap()
}

fn get(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).unwrap().to_str().unwrap().to_owned()
}

#[actix_web::test]
async fn both_addresses_give_the_same_public_keys() {
    let published = published().await;
    let one = text(send(&published, TestRequest::get().uri(JWKS)).await).await;
    let other = text(send(&published, TestRequest::get().uri("/.well-known/jwks")).await).await;
    assert_eq!(one, other);
    let keys: Value = serde_json::from_str(&one).unwrap();
    let keys = keys["keys"].as_array().unwrap();
    assert!(
        keys.len() == 4 && keys.iter().all(|key| key.get("d").is_none()),
        "{one}"
    );
}

#[actix_web::test]
async fn a_cache_is_told_what_it_needs_on_200_and_on_304() {
    let published = published().await;
    let full = send(&published, TestRequest::get().uri(JWKS)).await;
    let tag = get(full.headers(), header::ETAG);
    let known = send(
        &published,
        TestRequest::get()
            .uri(JWKS)
            .insert_header((header::IF_NONE_MATCH, tag.as_str())),
    )
    .await;
    assert_eq!(
        (full.status(), known.status()),
        (StatusCode::OK, StatusCode::NOT_MODIFIED)
    );
    for response in [&full, &known] {
        let headers = response.headers();
        assert_eq!(get(headers, header::ETAG), tag);
        assert_eq!(get(headers, header::CACHE_CONTROL), "public, max-age=300");
        assert_eq!(get(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert!(get(headers, header::LAST_MODIFIED).ends_with(" GMT"));
    }
    assert_eq!(text(known).await, "");
}

#[actix_web::test]
async fn tags_in_lists_over_several_lines_weak_or_any_are_understood() {
    let published = published().await;
    let tag = get(
        send(&published, TestRequest::get().uri(JWKS)).await.headers(),
        header::ETAG,
    );
    for known in [format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let request = TestRequest::get()
            .uri(JWKS)
            .insert_header((header::IF_NONE_MATCH, known.as_str()));
        assert_eq!(
            send(&published, request).await.status(),
            StatusCode::NOT_MODIFIED,
            "{known}"
        );
    }
    let two_lines = TestRequest::get()
        .uri(JWKS)
        .append_header((header::IF_NONE_MATCH, "\"x\""))
        .append_header((header::IF_NONE_MATCH, tag.as_str()));
    assert_eq!(
        send(&published, two_lines).await.status(),
        StatusCode::NOT_MODIFIED
    );
    let other = TestRequest::get()
        .uri(JWKS)
        .insert_header((header::IF_NONE_MATCH, "\"x\""));
    assert_eq!(send(&published, other).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_date_counts_only_where_there_is_no_tag() {
    let published = published().await;
    let changed = get(
        send(&published, TestRequest::get().uri(JWKS)).await.headers(),
        header::LAST_MODIFIED,
    );
    let since = |date: &str| {
        TestRequest::get()
            .uri(JWKS)
            .insert_header((header::IF_MODIFIED_SINCE, date))
    };
    assert_eq!(
        send(&published, since(&changed)).await.status(),
        StatusCode::NOT_MODIFIED
    );
    for stale in ["Thu, 01 Jan 1970 00:00:00 GMT", "no date"] {
        assert_eq!(
            send(&published, since(stale)).await.status(),
            StatusCode::OK,
            "{stale}"
        );
    }
    let both = since(&changed).insert_header((header::IF_NONE_MATCH, "\"x\""));
    assert_eq!(send(&published, both).await.status(), StatusCode::OK);
}

#[actix_web::test]
async fn the_tag_changes_with_the_keys_of_either_set() {
    let both = both_sets().await;
    let published = publishing(both.clone());
    for keys in both {
        let before = send(&published, TestRequest::get().uri(JWKS)).await;
        let tag = get(before.headers(), header::ETAG);
        let kid = keys.set().active().unwrap().kid().clone();
        assert!(text(before).await.contains(kid.as_str()));
        keys.compromise(kid.as_str()).await.unwrap();
        let known = TestRequest::get()
            .uri(JWKS)
            .insert_header((header::IF_NONE_MATCH, tag.as_str()));
        let after = send(&published, known).await;
        assert_eq!(after.status(), StatusCode::OK);
        assert!(!text(after).await.contains(kid.as_str()));
    }
}

#[actix_web::test]
async fn metadata_names_our_own_address_whatever_host_is_asked() {
    let request = TestRequest::get()
        .uri("/.well-known/openid-configuration")
        .insert_header((header::HOST, "evil.example"))
        .insert_header(("x-forwarded-host", "evil.example"));
    let metadata = text(send(&published().await, request).await).await;
    assert!(!metadata.contains("evil"), "{metadata}");
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["issuer"], "https://auth.example");
    assert_eq!(
        metadata["jwks_uri"],
        "https://chancery.example/.well-known/jwks.json"
    );
    assert_eq!(metadata["response_types_supported"], json!([]));
    for endpoint in ["token", "introspection", "revocation", "registration"] {
        let address = metadata[format!("{endpoint}_endpoint")].as_str().unwrap();
        assert!(
            address.starts_with("https://chancery.example/oauth/"),
            "{address}"
        );
    }
    assert!(metadata.get("authorization_endpoint").is_none());
}
