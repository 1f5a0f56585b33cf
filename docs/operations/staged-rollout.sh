#!/usr/bin/env bash
# Stages a key, waits until it signs second tokens, shows one to the server as a canary would, and promotes.
# Wants: chancery on the PATH with the server's settings, a running server with AUTH_DUAL_SIGNING_ENABLED=true, curl.
#   URL=http://127.0.0.1:8080 EMAIL=… PASSWORD=… docs/operations/staged-rollout.sh
set -euo pipefail
: "${URL:?}" "${EMAIL:?}" "${PASSWORD:?}"

login() {
  curl -sf "$URL/api/v1/auth/token" -H 'content-type: application/json' \
    -d "{\"email\":\"$EMAIL\",\"password\":\"$PASSWORD\"}"
}
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

chancery keys stage --replace
echo "waiting until every verifier knows the staged key"
until SECOND=$(login | member secondary_access_token) && [ -n "$SECOND" ]; do sleep 15; done

curl -sf "$URL/api/v1/auth/me" -H "authorization: Bearer $SECOND" >/dev/null
echo "the canary takes tokens of the staged key"

chancery keys promote
echo "waiting until the replicas sign with it"
KID=$(printf %s "$SECOND" | cut -d. -f1 | tr '_-' '/+' | base64 -d 2>/dev/null | member kid)
until [ "$(login | member kid)" = "$KID" ]; do sleep 1; done
echo "done: take AUTH_DUAL_SIGNING_ENABLED away"
