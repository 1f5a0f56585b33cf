"""PyPI authlib and joserfc behind ten lines that fetch the key set and keep it for as long as Cache-Control says."""

import json
import os
import re
import time
import urllib.request

from authlib.jose import JsonWebKey, JsonWebToken
from joserfc import jwt
from joserfc.jwk import KeySet

urls = os.environ["CHANCERY_URLS"].split(",")
stop = os.environ["CHANCERY_STOP"]
login = {"email": os.environ["CHANCERY_EMAIL"], "password": os.environ["CHANCERY_PASSWORD"]}
authlib = JsonWebToken(["EdDSA"])
cached = {}


def key_set(url):
    keys, until = cached.get(url, (None, 0))
    if time.monotonic() >= until:
        with urllib.request.urlopen(f"{url}/.well-known/jwks.json") as answer:
            age = re.search(r"max-age=(\d+)", answer.headers["cache-control"])
            keys, until = json.load(answer), time.monotonic() + int(age.group(1))
        cached[url] = (keys, until)
    return keys


def post(url, path, body):
    request = urllib.request.Request(
        f"{url}{path}", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def judge(token):
    for url in urls:
        keys = key_set(url)
        header = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["EdDSA"]).header
        assert header["typ"] == "at+jwt"
        claims = authlib.decode(token, JsonWebKey.import_key_set(keys))
        claims.validate()
        assert claims["iss"] == urls[0]
    return header["kid"]


kids, verified, rounds = set(), 0, 0
pair = post(urls[0], "/api/v1/auth/token", login)
while not os.path.exists(stop):
    rounds += 1
    old = pair["access_token"]
    pair = post(urls[rounds % 2], "/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]})
    kids |= {judge(pair["access_token"]), judge(old)}
    verified += 8
    time.sleep(0.1)
assert len(kids) >= 4, f"only {len(kids)} keys signed"
print(f"authlib and joserfc: {verified} tokens of {len(kids)} keys verified, none refused")
