"""Those whose names the fuzzer uses: people with a workspace of their own, and an identity provider.

Everybody is made through the public API, as a person would: registered, verified by the link in the
letter, signed in.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import secrets
import struct
import threading
import time

import requests

BASE_URL = os.environ["SYNTERA_FUZZ_BASE_URL"].rstrip("/")
API = f"{BASE_URL}/api/v1"
# Of everybody here, so that an identity provider may vouch for it.
DOMAIN = "fuzz.example"
# A token is renewed when it has fewer seconds left than this.
SPARE = 120

_session = requests.Session()


class Refused(Exception):
    """A request that had to succeed did not."""


def ask(method, path, token=None, **more):
    """One request that must succeed; its JSON."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers.update(more.pop("headers", {}))
    # A session of requests keeps cookies, and those would sign somebody else in.
    _session.cookies.clear()
    answer = _session.request(method, API + path, headers=headers, timeout=30, **more)
    if not answer.ok:
        raise Refused(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


def link_to(email):
    """What the link carries in the newest letter to this address."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        rows = requests.get(f"{BASE_URL}/mail", timeout=30).text.split("<tr>")
        for row in (row for row in rows if email in row):
            name = re.search(r'href="/mail/([A-Za-z0-9_-]+\.eml)"', row)[1]
            letter = requests.get(f"{BASE_URL}/mail/{name}", timeout=30).text
            if token := re.search(r"#token=([A-Za-z0-9_-]+)", letter):
                return token[1]
        time.sleep(0.05)
    raise RuntimeError(f"no letter to {email} came; the newest 200 are listed at {BASE_URL}/mail")


class Person:
    """An owner of a workspace."""

    def __init__(self):
        name = secrets.token_hex(8)
        self.email, self.password = f"{name}@{DOMAIN}", f"pw-{secrets.token_hex(8)}"
        self.workspace = f"Shop {name}"
        self.refresh_token, self._token, self._until = None, None, 0.0
        # The key of an authenticator app, once one is offered.
        self.setup = None
        ask(
            "POST",
            "/auth/register",
            json={
                "email": self.email,
                "password": self.password,
                "name": "Owner",
                "workspace_name": self.workspace,
            },
        )
        ask("POST", "/auth/email/verify", json={"token": link_to(self.email)})
        self.sign_in()

    def sign_in(self):
        """Begins another session."""
        login = {"email": self.email, "password": self.password, "return_refresh_token": True}
        self._keep(ask("POST", "/auth/login", json=login))

    @property
    def token(self):
        """An access token that is good for a while."""
        if time.monotonic() + SPARE > self._until:
            self._keep(ask("POST", "/auth/refresh", json={"refresh_token": self.refresh_token}))
        return self._token

    def _keep(self, session):
        self._token, self.refresh_token = session["access_token"], session["refresh_token"]
        self._until = time.monotonic() + session["expires_in"]

    def code(self):
        """What the authenticator app shows (RFC 6238: SHA-1, six digits, thirty seconds)."""
        if self.setup is None:
            return None
        key = self.setup["secret"]
        key = base64.b32decode(key + "=" * (-len(key) % 8))
        digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
        start = digest[-1] & 15
        number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


class _Provider(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        issuer = f"http://127.0.0.1:{self.server.server_port}"
        if self.path == "/.well-known/openid-configuration":
            self._answer(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/jwks",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                }
            )
        elif self.path == "/jwks":
            self._answer({"keys": []})
        else:
            self.send_error(404)

    def _answer(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


def identity_provider():
    """Starts one that can be discovered and signs nobody in; its issuer identifier. It ends with us."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
