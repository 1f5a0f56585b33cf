#!/usr/bin/env bash
# Stages a key, waits until it signs second tokens, shows one to the server as a canary would, and promotes.
# Wants: chancery on the PATH with the server's settings, a running server with AUTH_DUAL_SIGNING_ENABLED=true, curl.
#   URL=http://127.0.0.1:8080 EMAIL=… PASSWORD=… docs/operations/staged-rollout.sh
# PAUSE: seconds between two looks, 15 unless it is set.
set -euo pipefail
: "${URL:?}" "${EMAIL:?}" "${PASSWORD:?}"

# A refused login ends the script: tried again and again it would lock the account.
login() {
  curl -sSf "$URL/api/v1/auth/token" -H 'content-type: application/json' --data-binary @- \
    <<<"{\"email\":\"$EMAIL\",\"password\":\"$PASSWORD\"}"
}
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

login >/dev/null # before anything is changed
chancery keys stage --replace
echo "waiting until every verifier knows the staged key"
SECOND=
while [ -z "$SECOND" ]; do
  sleep "${PAUSE:-15}"
  ANSWER=$(login)
  SECOND=$(member secondary_access_token <<<"$ANSWER")
done

curl -sSf "$URL/api/v1/auth/me" -H @- >/dev/null <<<"authorization: Bearer $SECOND"
echo "the canary takes tokens of the staged key"

chancery keys promote
KID=$(chancery keys list | awk '$1 == "active" { print $2 }')
echo "waiting until the server signs with $KID"
SIGNED_BY=
while [ "$SIGNED_BY" != "$KID" ]; do
  sleep 1
  ANSWER=$(login)
  SIGNED_BY=$(member kid <<<"$ANSWER")
done
echo "done: take AUTH_DUAL_SIGNING_ENABLED away"
