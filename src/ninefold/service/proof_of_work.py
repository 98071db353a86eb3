"""Work that a browser does before more is drawn, when a network asks for much in a short time.

The challenges are ALTCHA's (version 2, SHA-256), written and checked by `altcha`. A challenge holds
for the network that got it, for a few minutes, and its solution is taken once. Knows nothing of how
often somebody asked.
"""

import base64
import hmac
import json
import secrets
import time
from typing import Any

from altcha import create_challenge, verify_solution

CHALLENGE_S = 300
"""Seconds within which a challenge has to be solved."""

_LONGEST_PAYLOAD = 4096


class ProofOfWork:
    """Sets challenges and checks solutions; keeps nothing."""

    def __init__(self, secret: str, steps: int) -> None:
        """Sign with a secret.

        Args:
            secret: the service's.
            steps: hashes that a solution takes at most; half of them at least.
        """
        self._secret, self._steps = secret.encode(), steps

    def challenge(self, address: str) -> dict[str, Any]:
        """Return a new challenge for a network (its keyed hash), as ALTCHA's clients read it."""
        least = (self._steps + 1) // 2
        challenge = create_challenge(
            algorithm="SHA-256",
            cost=1,
            counter=least + secrets.randbelow(self._steps - least + 1),
            expires_at=int(time.time()) + CHALLENGE_S,
            hmac_secret=self._key_of(address),
        )
        document: dict[str, Any] = challenge.to_dict()
        return document

    def solved(self, payload: str, address: str) -> str | None:
        """Return the name of the challenge that a payload solves; None where it solves none.

        Args:
            payload: base64 of JSON, as ALTCHA's clients send it.
            address: of the network that sends it; a challenge that another one got is none.
        """
        if len(payload) > _LONGEST_PAYLOAD:
            return None
        try:
            if not verify_solution(payload, self._key_of(address)).verified:
                return None
            return str(json.loads(base64.b64decode(payload))["challenge"]["parameters"]["nonce"])
        except Exception:  # anybody's JSON: the library raises whatever its shape leads to
            return None

    def _key_of(self, address: str) -> bytes:
        return hmac.digest(self._secret, f"ninefold proof of work\0{address}".encode(), "sha256")
