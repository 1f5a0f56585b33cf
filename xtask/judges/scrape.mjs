// Does a little of everything that is counted, then prints what Prometheus would read.
const { CHANCERY_URL: url, CHANCERY_EMAIL: email, CHANCERY_PASSWORD: password } = process.env;

const post = (path, body, headers = {}) =>
  fetch(`${url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const pair = await (await post("/api/v1/auth/token", { email, password })).json();
for (let tries = 0; tries < 7; tries += 1) {
  await post("/api/v1/auth/token", { email: "nobody@example.org", password: "no-such-password" });
}
const me = (token) => fetch(`${url}/api/v1/auth/me`, { headers: { authorization: `Bearer ${token}` } });
await me(pair.access_token);
await me("nonsense");
for (const account of ["billing-worker", "nobody"]) {
  const wanted = { account, scopes: ["billing:read"], reason: "this is a scrape" };
  await post("/api/v1/auth/service-accounts/browser-issue", wanted, { authorization: `Bearer ${pair.access_token}` });
}
const next = await (await post("/api/v1/auth/refresh", { refresh_token: pair.refresh_token })).json();
await post("/api/v1/auth/refresh", { refresh_token: "nonsense" });
await post("/api/v1/auth/logout", { refresh_token: next.refresh_token }, { authorization: `Bearer ${next.access_token}` });
const scrape = await fetch(`${url}/metrics`);
process.stdout.write(await scrape.text());
