"""What the server says of pictures that are made worse in one way at a time.

Prints a table: of each fault and its strength how many bona fide pictures are live, attack and undecided, and attacks likewise.
"""
import argparse
import collections
import json
import os
import subprocess

import cv2
import numpy as np

import sets

SETS, BONA_FIDE, ATTACKS = ("replayattack", "nuaa", "lfw"), 30, 20  # pictures of each set


def levels(picture):
    return (np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def blur(p, box, amount, rng):
    return cv2.GaussianBlur(p, (0, 0), amount * box[2])


def shake(p, box, amount, rng):
    path = max(2, round(amount * box[2]))
    return cv2.filter2D(p, -1, np.full((1, path), 1 / path, np.float32))


def shake_down(p, box, amount, rng):
    return shake(p.swapaxes(0, 1), box, amount, rng).swapaxes(0, 1)


def shake_aslant(p, box, amount, rng):
    path = max(2, round(amount * box[2] / 2 ** 0.5))
    return cv2.filter2D(p, -1, np.eye(path, dtype=np.float32) / path)


def shrink(p, box, amount, rng):
    """Fewer pixels, enlarged again."""
    return cv2.resize(cv2.resize(p, None, fx=amount, fy=amount, interpolation=cv2.INTER_AREA), p.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def compress(p, box, amount, rng):
    return cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, amount])[1], 1)


def light(p, box, amount, rng):
    return levels(p * amount + (rng.normal(0, 2, p.shape) if amount < 1 else 0.0))


def noise(p, box, amount, rng):
    return levels(p + rng.normal(0, amount, p.shape))


def sidelight(p, box, amount, rng):
    edge = box[0] + box[2] / 2
    return levels(p * (1 - (1 - amount) / (1 + np.exp(-(np.arange(p.shape[1]) - edge) / (0.08 * box[2]))))[:, None])


def saved(fault):
    """The fault as a camera hands it on: JPEG takes most of a noise's colour away."""
    return lambda p, box, amount, rng: compress(fault(p, box, amount, rng), box, 90, rng)


def noisy_shake(p, box, amount, rng):
    return noise(shake(p, box, amount, rng), box, 2, rng)


FAULTS = [
    ("as it is", lambda p, *_: p, [0]),
    ("blurred, deviation over the face's width", blur, [0.005, 0.01, 0.015, 0.02, 0.03]),
    ("shaken, path over the face's width", shake, [0.03, 0.05, 0.08]),
    ("shaken downwards", shake_down, [0.05, 0.08]),
    ("shaken aslant", shake_aslant, [0.05, 0.08]),
    ("shaken, then noise of 2, JPEG 90", saved(noisy_shake), [0.05, 0.08]),
    ("of fewer pixels, enlarged again", shrink, [0.6, 0.4, 0.25]),
    ("JPEG quality", compress, [40, 25, 15, 10, 5]),
    ("light, with a sensor's noise", light, [0.6, 0.4, 0.25, 0.15]),
    ("light, with a sensor's noise, JPEG 90", saved(light), [0.6, 0.4, 0.25]),
    ("light, cut off at white", light, [1.4, 1.8, 2.4]),
    ("light, cut off at white, JPEG 90", saved(light), [1.4, 1.8]),
    ("noise, deviation of 255", noise, [5, 10, 20]),
    ("noise, deviation of 255, JPEG 90", saved(noise), [5, 10, 20]),
    ("light on one half", sidelight, [0.5, 0.3, 0.15]),
]


def choose(pictures, rng):
    for name in SETS:
        for live, most in ((True, BONA_FIDE), (False, ATTACKS)):
            some = [p for p in pictures if p.set == name and p.live == live]
            yield from (some[i] for i in rng.choice(len(some), min(most, len(some)), False))


def judge(program, models, paths):
    """Path -> outcome, of the whole program, of the largest face."""
    command = [program, "check", "picture", "--largest-face", "--json", "--models", models]
    outcome = {}
    for at in range(0, len(paths), 100):
        out = subprocess.run(command + paths[at:at + 100], check=True, stdout=subprocess.PIPE, text=True).stdout
        outcome.update((row["file"], row["outcome"]) for row in map(json.loads, out.splitlines()))
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", required=True)
    parser.add_argument("--program", required=True, help="the server")
    parser.add_argument("--program-models", required=True, help="its folder of fetched models")
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    rng = np.random.default_rng(4)
    chosen = [(p.read(), p.box, p.live) for p in choose(sets.read(options.boxes), rng)]
    print("| made worse | strength | bona fide: live | attack | undecided | attacks: live | attack | undecided |\n" + "|---" * 8 + "|")
    for fault, worsen, strengths in FAULTS:
        for strength in strengths:
            label = {}
            for i, (pixels, box, live) in enumerate(chosen):
                path = os.path.join(options.work, "%d.png" % i)
                cv2.imwrite(path, worsen(pixels, box, strength, rng))
                label[path] = live
            count = collections.Counter((label[path], outcome) for path, outcome in judge(options.program, options.program_models, list(label)).items())
            cells = [str(count[live, outcome]) for live in (1, 0) for outcome in ("live", "attack", "undecided")]
            print("| %s | %g | %s |" % (fault, strength, " | ".join(cells)), flush=True)


if __name__ == "__main__":
    main()
