// npm `oauth4webapi` and `openid-client`: what clients of any authorization server do, done with ours.
import assert from "node:assert/strict";
import * as oauth from "oauth4webapi";
import * as oidc from "openid-client";

const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password } = process.env;
const insecure = { [oauth.allowInsecureRequests]: true };
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token";

async function post(path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${url}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

const issuer = new URL(url);
const server = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure }),
);
console.log("discovery: RFC 8414 metadata of", server.issuer);

const person = await post("/api/v1/auth/token", { email, password });

// Registration (RFC 7591): one client with a secret, one with a key.
const register = async (metadata) =>
  oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(server, metadata, {
      initialAccessToken: person.access_token,
      ...insecure,
    }),
  );
const scope = "conversations:read conversations:write tools:read";
const withSecret = await register({ client_name: "with a secret", scope });
const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
const jwk = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid: "key-1", use: "sig" };
delete jwk.key_ops;
delete jwk.ext;
const withKey = await register({
  client_name: "with a key",
  scope,
  token_endpoint_auth_method: "private_key_jwt",
  jwks: { keys: [jwk] },
});
console.log("registration: a secret and a key");

const ways = [
  ["client_secret_basic", withSecret, oauth.ClientSecretBasic(withSecret.client_secret)],
  ["client_secret_post", withSecret, oauth.ClientSecretPost(withSecret.client_secret)],
  ["private_key_jwt", withKey, oauth.PrivateKeyJwt({ key: pair.privateKey, kid: "key-1" })],
];
for (const [way, client, auth] of ways) {
  const parameters = new URLSearchParams({ scope: "tools:read" });
  const own = await oauth.processClientCredentialsResponse(
    server,
    client,
    await oauth.clientCredentialsGrantRequest(server, client, auth, parameters, insecure),
  );
  assert.equal(own.token_type, "bearer");
  assert.equal(own.scope, "tools:read");

  const introspect = async (token) =>
    oauth.processIntrospectionResponse(
      server,
      client,
      await oauth.introspectionRequest(server, client, auth, token, insecure),
    );
  const told = await introspect(own.access_token);
  assert.equal(told.active, true);
  assert.equal(told.client_id, client.client_id);

  // Acting for the person (RFC 8693).
  const word = await post("/api/v1/auth/delegations", { actor: client.client_id }, person.access_token);
  const acting = await oauth.processGenericTokenEndpointResponse(
    server,
    client,
    await oauth.genericTokenEndpointRequest(
      server,
      client,
      auth,
      EXCHANGE,
      {
        subject_token: word.subject_token,
        subject_token_type: word.subject_token_type,
        actor_token: own.access_token,
        actor_token_type: ACCESS_TOKEN,
      },
      insecure,
    ),
  );
  assert.equal(acting.issued_token_type, ACCESS_TOKEN);
  assert.equal((await introspect(acting.access_token)).act.sub, client.client_id);

  for (const token of [own.access_token, acting.access_token]) {
    await oauth.processRevocationResponse(await oauth.revocationRequest(server, client, auth, token, insecure));
    assert.equal((await introspect(token)).active, false);
  }
  console.log(`${way}: client_credentials, introspection, exchange, revocation`);
}

// A person's session has no client with a secret.
const session = { client_id: "password" };
const next = await oauth.processRefreshTokenResponse(
  server,
  session,
  await oauth.refreshTokenGrantRequest(server, session, oauth.None(), person.refresh_token, insecure),
);
assert.notEqual(next.refresh_token, person.refresh_token);
await oauth.processRevocationResponse(
  await oauth.revocationRequest(server, session, oauth.None(), next.refresh_token, insecure),
);
await assert.rejects(
  async () =>
    oauth.processRefreshTokenResponse(
      server,
      session,
      await oauth.refreshTokenGrantRequest(server, session, oauth.None(), next.refresh_token, insecure),
    ),
  (error) => error.error === "invalid_grant",
);
console.log("refresh: rotation, then revocation");

await assert.rejects(
  async () =>
    oauth.processClientCredentialsResponse(
      server,
      withSecret,
      await oauth.clientCredentialsGrantRequest(server, withSecret, oauth.ClientSecretBasic("sk_wrong"), {}, insecure),
    ),
  (error) => error instanceof oauth.WWWAuthenticateChallengeError || error.error === "invalid_client",
);
console.log("refused: a wrong secret");

// openid-client, over the same metadata at the address that it knows.
const options = { execute: [oidc.allowInsecureRequests] };
const config = await oidc.discovery(
  issuer,
  withSecret.client_id,
  undefined,
  oidc.ClientSecretPost(withSecret.client_secret),
  options,
);
const again = await post("/api/v1/auth/token", { email, password });
const own = await oidc.clientCredentialsGrant(config, { scope: "conversations:read" });
assert.equal(own.scope, "conversations:read");
assert.equal((await oidc.tokenIntrospection(config, own.access_token)).active, true);
const word = await post("/api/v1/auth/delegations", { actor: withSecret.client_id }, again.access_token);
const acting = await oidc.genericGrantRequest(config, EXCHANGE, {
  subject_token: word.subject_token,
  subject_token_type: word.subject_token_type,
  actor_token: own.access_token,
  actor_token_type: ACCESS_TOKEN,
});
assert.equal(acting.issued_token_type, ACCESS_TOKEN);
await oidc.tokenRevocation(config, own.access_token);
assert.equal((await oidc.tokenIntrospection(config, own.access_token)).active, false);
const people = await oidc.discovery(issuer, "password", undefined, oidc.None(), options);
const refreshed = await oidc.refreshTokenGrant(people, again.refresh_token);
assert.notEqual(refreshed.refresh_token, again.refresh_token);
console.log("openid-client: discovery, client_credentials, introspection, exchange, revocation, refresh");
