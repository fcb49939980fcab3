"""Client of a bonafide face-liveness server: LipSecure, selfie liveness and face liveness.

Requests that the server refuses with status 429 or 503 were not carried out; they are retried after the time that the
server names. What a reply says is wrong is raised as UserError, ClientError or ServerError; if no reply came,
TimeoutError or ConnectionError.
"""

from __future__ import annotations

import base64
import email.utils
import http.client
import json
import random
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

__all__ = ["Client", "Challenge", "Selfie", "Face", "Error", "UserError", "ClientError", "ServerError"]


class Error(Exception):
    """The error of a reply. It is one of the three below, which say who can fix it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        #: HTTP status; 200 for what is wrong with the picture or the video.
        self.status = status
        #: The protocol's code: LipSecure's number, such as "1009", or a name, such as "FACE_NOT_FOUND".
        self.code = code
        #: The server's sentence; of face errors, the code.
        self.message = message
        #: Seconds that the server asks to wait; 0 where it does not say.
        self.retry_after: float = 0


class UserError(Error):
    """For the person in front of the camera: show them what to do better, and let them try again."""


class ClientError(Error):
    """For whoever wrote the calling program."""


class ServerError(Error):
    """For whoever runs the server."""


@dataclass(frozen=True)
class Challenge:
    """A transaction of LipSecure, and the digits that the person is to say."""

    transaction_id: str
    phrase: str


@dataclass(frozen=True)
class Face:
    """A face's box in pixels, and how sure the detector is of it, 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    confidence: float


@dataclass(frozen=True)
class Selfie:
    """What selfie liveness says of a picture."""

    #: Whether the score reaches the threshold; also False if there is no face or the picture is too poor.
    live: bool
    #: The score of the largest face, 0 to 1.
    score: float
    #: All faces, the largest first.
    faces: list[Face]
    #: The picture as shown, in pixels.
    width: int
    height: int


# The longest waits that the client chooses itself, in seconds: doubled for each attempt.
_FIRST_WAIT, _MAX_BACKOFF = 0.5, 8.0
# What is read of a reply, in bytes.
_MAX_REPLY = 1 << 20


@dataclass
class Client:
    """Calls one server for one account. Credentials of protocols that are not called may be left out."""

    url: str
    #: For LipSecure.
    api_key: str = ""
    #: For selfie liveness.
    app_id: str = ""
    app_key: str = field(default="", repr=False)
    #: For face liveness.
    username: str = ""
    password: str = field(default="", repr=False)
    #: Seconds that the server may be silent in one attempt.
    timeout: float = 60
    #: How often a request that was refused with 429 or 503 is retried.
    retries: int = 3
    #: The longest wait before such an attempt, in seconds; a server that asks for more gets no other attempt.
    max_wait: float = 30

    def challenge(self) -> Challenge:
        """Starts a LipSecure transaction."""
        reply = self._call("/challenge", self._key(), b"", _lipsecure_fault)
        return Challenge(reply["transactionId"], reply["phrase"])

    def verify(self, transaction_id: str, video: bytes) -> float:
        """Sends the video of the person saying the transaction's phrase. Returns the score, 0 to 100: the estimated
        probability, in percent, that the video is a live response to it. A UserError leaves the transaction open."""
        content_type, body = _form("file", video)
        headers = {**self._key(), "Content-Type": content_type}
        path = "/verifier/" + urllib.parse.quote(transaction_id, safe="")
        return float(self._call(path, headers, body, _lipsecure_fault)["score"])

    def selfie(self, picture: bytes, threshold: Optional[float] = None) -> Selfie:
        """Judges a picture. Without a threshold, the account's holds."""
        fields = {} if threshold is None else {"threshold": repr(float(threshold))}
        content_type, body = _form("selfie", picture, fields)
        headers = {"app_id": self.app_id, "app_key": self.app_key, "Content-Type": content_type}
        reply = self._call("/liveness-verification", headers, body, _selfie_fault)
        data = reply["response_data"]
        faces = [
            Face(f["top_left"]["x"], f["top_left"]["y"], f["delta"]["x"], f["delta"]["y"], f["confidence"])
            for f in data["faces_predicted"]
        ]
        image = data["img"]
        return Selfie(reply["response_code"] == 0, data["faces_liveness"], faces, image["width"], image["height"])

    def face(self, picture: bytes, session: str = "") -> float:
        """Judges a picture. Returns the score, 0 to 1."""
        return self._face(base64.b64encode(picture).decode(), session)

    def face_at(self, url: str, session: str = "") -> float:
        """Judges the picture at an http or https URL, which the server fetches. Returns the score, 0 to 1."""
        return self._face(url, session)

    def _face(self, image: str, session: str) -> float:
        basic = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Authorization": "Basic " + basic, "Content-Type": "application/json"}
        body = json.dumps({"sessionId": session, "faceImageBase": image}).encode()
        return float(self._call("/api/v1/face/liveness", headers, body, _face_fault)["score"])

    def _key(self) -> dict[str, str]:
        return {"X-API-Key": self.api_key}

    def _call(
        self, path: str, headers: dict[str, str], body: bytes, fault_of: Callable[[int, Any], Optional[Error]]
    ) -> Any:
        """Sends the request, again where the server asks for it, and returns the reply."""
        attempt = 0
        while True:
            status, retry_after, content = self._send(path, headers, body)
            reply = _parse(content)
            fault = fault_of(status, reply)
            if fault is None:
                return reply
            fault.retry_after = retry_after
            wait = self._wait(attempt, fault)
            if wait is None:
                raise fault
            time.sleep(wait)
            attempt += 1

    def _wait(self, attempt: int, fault: Error) -> Optional[float]:
        """How long to wait before the next attempt; None where there is none."""
        if attempt >= self.retries or fault.status not in (429, 503):
            return None
        if fault.retry_after > 0:
            return fault.retry_after if fault.retry_after <= self.max_wait else None
        backoff = min(_FIRST_WAIT * 2 ** min(attempt, 10), _MAX_BACKOFF)
        return backoff / 2 * (1 + random.random())  # not all clients at the same time

    def _send(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, float, bytes]:
        request = urllib.request.Request(self.url.rstrip("/") + path, data=body, headers=headers, method="POST")
        if "Content-Type" not in headers:  # else urllib names one of a form that this is not
            request.add_header("Content-Type", "application/octet-stream")
        try:
            try:
                response = urllib.request.urlopen(request, timeout=self.timeout)
            except urllib.error.HTTPError as refused:
                response = refused
            with response:
                return response.status, _retry_after(response.headers.get("Retry-After")), response.read(_MAX_REPLY)
        except TimeoutError:
            raise
        except OSError as broken:  # URLError is one
            if isinstance(getattr(broken, "reason", None), TimeoutError):
                raise TimeoutError(f"no reply within {self.timeout} s") from broken
            # On Python 3.9 a socket's own time-out is an OSError of that name.
            if type(broken).__name__ == "timeout" or type(getattr(broken, "reason", None)).__name__ == "timeout":
                raise TimeoutError(f"no reply within {self.timeout} s") from broken
            raise ConnectionError(f"no reply: {broken}") from broken
        except http.client.HTTPException as broken:
            raise ConnectionError(f"the reply broke off: {broken}") from broken


def _form(part: str, content: bytes, fields: Optional[dict[str, str]] = None) -> tuple[str, bytes]:
    """A form with one file."""
    boundary = uuid.uuid4().hex
    body = b""
    for name, value in (fields or {}).items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    body += f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"; filename="{part}"\r\n\r\n'.encode()
    return f"multipart/form-data; boundary={boundary}", body + content + f"\r\n--{boundary}--\r\n".encode()


def _parse(content: bytes) -> Any:
    """The reply's object; {} where it is none."""
    try:
        reply = json.loads(content)
    except ValueError:
        return {}
    return reply if isinstance(reply, dict) else {}


def _retry_after(text: Optional[str]) -> float:
    """Seconds of the header, which has seconds or a date."""
    if not text:
        return 0
    try:
        return max(float(int(text)), 0)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0)
    except (TypeError, ValueError):
        return 0


def _by_status(status: int, code: str = "", message: str = "") -> Error:
    """The error for a status; without a code, of a reply that is not the protocol's, such as a proxy's."""
    kind = ClientError if 400 <= status < 500 else ServerError
    return kind(status, code or str(status), message or http.client.responses.get(status, ""))


_KINDS: dict[str, type[Error]] = {"user": UserError, "client": ClientError, "server": ServerError}


def _lipsecure_fault(status: int, reply: Any) -> Optional[Error]:
    error = reply.get("error")
    if not isinstance(error, dict):
        return _by_status(status)
    if error.get("type") == "" and status == 200:
        return None
    kind = _KINDS.get(error.get("type", ""), ServerError)
    return kind(status, str(error.get("code", status)), error.get("message", ""))


def _selfie_fault(status: int, reply: Any) -> Optional[Error]:
    if status == 200 and "response_data" in reply:
        return None
    errors = reply.get("errors") or [{}]
    return _by_status(status, errors[0].get("code", ""), errors[0].get("message", ""))


# The errors that come with status 200 and are not for the person.
_NOT_THE_PICTURES: dict[str, type[Error]] = {"IMAGE_NOT_FETCHED": ClientError, "INTERNAL_ERROR": ServerError}


def _face_fault(status: int, reply: Any) -> Optional[Error]:
    if "error" not in reply:
        return None if status == 200 and "score" in reply else _by_status(status)
    code, _, message = str(reply["error"]).partition(": ")
    if status != 200:
        return _by_status(status, code, message or code)
    return _NOT_THE_PICTURES.get(code, UserError)(status, code, message or code)
