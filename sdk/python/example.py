"""Asks for a phrase and sends recording.mp4 for it."""

import os

import bonafide

client = bonafide.Client(os.environ["BONAFIDE_URL"], api_key=os.environ["BONAFIDE_API_KEY"])
challenge = client.challenge()
print("say", challenge.phrase)

with open("recording.mp4", "rb") as video:
    recording = video.read()
try:
    score = client.verify(challenge.transaction_id, recording)
    print("live" if score >= 98 else "not live", score)
except bonafide.UserError as error:
    print("try again:", error.message)
