// npm `jose` with its defaults, at both replicas: every token of a login or a refresh has to be verified, whichever key signed it.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";

const { CHANCERY_URLS, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password, CHANCERY_STOP: stop } = process.env;
const urls = CHANCERY_URLS.split(",");
const issuer = urls[0];
const keys = urls.map((url) => createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`)));
const kids = new Set();
let verified = 0;

async function post(url, path, body) {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

async function judge(token) {
  for (const set of keys) {
    await jwtVerify(token, set, { issuer, audience: "agent-api", typ: "at+jwt" });
    verified += 1;
  }
  kids.add(decodeProtectedHeader(token).kid);
}

let pair = await post(urls[0], "/api/v1/auth/token", { email, password });
for (let round = 0; !existsSync(stop); round += 1) {
  const url = urls[round % urls.length];
  const old = pair.access_token;
  pair =
    round % 20 === 19
      ? await post(url, "/api/v1/auth/token", { email, password })
      : await post(url, "/api/v1/auth/refresh", { refresh_token: pair.refresh_token });
  await judge(pair.access_token);
  // One of before the rotation is as good.
  await judge(old);
  for (const asked of urls) {
    const me = await fetch(`${asked}/api/v1/tools`, { headers: { authorization: `Bearer ${old}` } });
    assert.equal(me.status, 200);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}
assert.ok(kids.size >= 4, `only ${kids.size} keys signed`);
console.log(`jose: ${verified} tokens of ${kids.size} keys verified, none refused`);
