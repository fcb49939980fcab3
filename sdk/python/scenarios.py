"""Runs the scenarios of all clients with this one and prints what came of each step, a line of JSON each."""

import json
import os
import sys
import urllib.parse
import urllib.request

import bonafide


def client(scenario):
    url = os.environ["BONAFIDE_URL"]
    if scenario["server"] == "stub":
        url = os.environ["BONAFIDE_STUB"] + "/" + urllib.parse.quote(scenario["name"])
    if scenario["server"] == "none":
        url = "http://127.0.0.1:1"
    wrong = "wrong" if scenario.get("wrong") else None
    options = {key: scenario[key] for key in ("timeout", "retries") if key in scenario}
    return bonafide.Client(
        url,
        api_key=wrong or os.environ["BONAFIDE_API_KEY"],
        app_id=os.environ["BONAFIDE_APP_ID"],
        app_key=wrong or os.environ["BONAFIDE_APP_KEY"],
        username=os.environ["BONAFIDE_USERNAME"],
        password=wrong or os.environ["BONAFIDE_PASSWORD"],
        **options,
    )


def media(name, phrase=""):
    with urllib.request.urlopen(f"{os.environ['BONAFIDE_STUB']}/media/{name}?phrase={phrase}") as reply:
        return reply.read()


def run(c, step, last):
    call = step["call"]
    if call == "challenge":
        last["challenge"] = begun = c.challenge()
        return {"transactionId": begun.transaction_id, "phrase": begun.phrase}
    if call == "verify":
        begun = last.get("challenge", bonafide.Challenge("", ""))
        return {"score": c.verify(step.get("transaction", begun.transaction_id), media(step["media"], begun.phrase))}
    if call == "selfie":
        v = c.selfie(media(step["media"]), step.get("threshold"))
        return {"live": v.live, "score": v.score, "faces": len(v.faces), "width": v.width, "height": v.height}
    if call == "face":
        return {"score": c.face(media(step["media"]), "scenario")}
    if call == "faceAt":
        return {"score": c.face_at(step["url"], "scenario")}
    raise ValueError(call)


KINDS = {bonafide.UserError: "user", bonafide.ClientError: "client", bonafide.ServerError: "server"}


def outcome(c, step, last):
    try:
        return run(c, step, last)
    except bonafide.Error as e:
        return {"error": KINDS[type(e)], "code": e.code, "status": e.status, "message": e.message, "retryAfter": e.retry_after}
    except TimeoutError:
        return {"error": "timeout"}
    except ConnectionError:
        return {"error": "connection"}


with open(sys.argv[1], encoding="utf-8") as file:
    scenarios = json.load(file)["scenarios"]
for scenario in scenarios:
    c, last = client(scenario), {}
    for i, step in enumerate(scenario["steps"]):
        print(json.dumps({"scenario": scenario["name"], "step": i, "outcome": outcome(c, step, last)}), flush=True)
