// npm `jose` against our tokens: what a service does that knows only our address, our name and its own.
import assert from "node:assert/strict";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password } = process.env;

const response = await fetch(`${url}/api/v1/auth/token`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ email, password }),
});
assert.equal(response.status, 200, `login: ${response.status} ${await response.clone().text()}`);
const { access_token: token, refresh_token: refreshToken } = await response.json();

const keys = createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
const expected = { issuer: url, audience: "agent-api", typ: "at+jwt" };

const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
assert.ok(["EdDSA", "Ed25519"].includes(protectedHeader.alg), `algorithm ${protectedHeader.alg}`);
assert.match(payload.sub, /^user:[0-9a-f-]{36}$/);
assert.equal(payload.token_use, "access");
const life = payload.exp - payload.iat;
assert.ok(life > 0 && life <= 30 * 60, `life of ${life} s`);
for (const claim of ["aud", "tenant_id", "scope", "jti", "nbf"]) {
  assert.ok(payload[claim] !== undefined, `claim ${claim} is missing`);
}
console.log("accepted: the access token, by issuer, audience and type");

async function refused(what, attempt, error) {
  await assert.rejects(attempt, error, `${what} was accepted`);
  console.log(`refused: ${what}`);
}

const [header, claims, signature] = token.split(".");
const raised = { ...JSON.parse(Buffer.from(claims, "base64url")), scope: "support:*" };
const forged = [header, Buffer.from(JSON.stringify(raised)).toString("base64url"), signature].join(".");
await refused("raised claims under the old signature", jwtVerify(forged, keys, expected), errors.JWSSignatureVerificationFailed);

const bits = Buffer.from(signature, "base64url");
bits[0] ^= 1;
const bent = [header, claims, bits.toString("base64url")].join(".");
await refused("a signature with one bit turned", jwtVerify(bent, keys, expected), errors.JWSSignatureVerificationFailed);

await refused(
  "the token at somebody else's service",
  jwtVerify(token, keys, { ...expected, audience: "another-service" }),
  errors.JWTClaimValidationFailed,
);
// A refresh token is a JWT too: a service must not be able to mistake it for an access token.
await refused("the refresh token as an access token", jwtVerify(refreshToken, keys, expected), errors.JOSEError);
