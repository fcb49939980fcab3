"""Fits what several frames of a recording say together, and writes it to models/pad.json and pad_free.json.

    python pad/recordings.py --work pad/work --models ../models [--name pad] [--to pad]

Reads the frames' log odds of recordings and of their replays on screens (replays.py, presented/main.go), whose corpus was not trained on by
pad, and the held-out log odds of the webcams' clips of two frames and more; for pad_free, which was trained on the corpus, only these. Speakers
and recorders are held out in turn for the figures that it prints.
"""
import argparse
import csv
import json
import os

import numpy as np

import protocol
from evaluate import Fits
from export import USED, fusion

PASSED = 0.99  # what a recording must get so that the phrase's score decides at the default threshold, 0.98
LOST = 0.02  # of live recordings that may fall below it


def together(odds, correlation):
    """The frames' log odds as those of independent frames (internal/pad, FuseScores)."""
    n = len(odds)
    return float(np.mean(np.clip(odds, -12, 12))) * n / (1 + (n - 1) * correlation)


def logit(p):
    return float(np.log(p / (1 - p)))


def fit(odds, live, group):
    """A slope from a fit to both labels, groups alike; the bias so that at most LOST of the live recordings fall below PASSED."""
    weight = np.array([1 / ((group == g) & (live == l)).sum() for g, l in zip(group, live)])
    weight[live] /= weight[live].sum()
    weight[~live] /= weight[~live].sum()
    slope, _ = protocol.fitted(odds[:, None], live, weight)
    order = np.argsort(odds[live])
    share = np.cumsum(weight[live][order])
    lowest = odds[live][order][np.searchsorted(share, LOST)]
    return float(slope[0]), logit(PASSED) - float(slope[0]) * float(lowest)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--models", required=True)
    a.add_argument("--name", default="pad")
    a.add_argument("--to", default="pad")
    a = a.parse_args()
    path = os.path.join(a.models, a.to + ".json")
    with open(path) as file:
        recipe = json.load(file)
    with open(os.path.join(a.work, "replays", "recordings.csv")) as file:
        rows = {r["path"]: r for r in csv.DictReader(file)}
    odds, live, group = [], [], []
    with open(os.path.join(a.work, "replays", "presented.csv")) as file:
        for name, *frames in csv.reader(file):
            if frames and a.to == "pad":
                odds.append(together(np.array(frames, float), recipe["correlation"]))
                live.append(rows[name]["label"] == "bona_fide")
                group.append("grid:" + rows[name]["person"])
    fits = Fits(a.work, a.name, a.root)
    fused = fusion(fits, USED[a.to])[2]
    clips = {}
    for i, p in enumerate(fits.pictures):
        if "webcams" in p.path:
            clips.setdefault((p.clip, p.set, p.live), []).append(fused[i])
    for (_, name, label), frames in clips.items():
        if len(frames) > 1:
            odds.append(together(np.array(frames), recipe["correlation"]))
            live.append(label)
            group.append(name)
    odds, live, group = np.array(odds), np.array(live), np.array(group)
    corpus = np.char.startswith(group, "grid:")
    lost, refused = np.zeros(len(odds), bool), np.zeros(len(odds), bool)
    for g in np.unique(group):
        mine = group == g
        slope, bias = fit(odds[~mine], live[~mine], group[~mine])
        below = slope * odds[mine] + bias < logit(PASSED)
        lost[mine], refused[mine] = below & live[mine], below & ~live[mine]
    for what, some in (("recordings of the corpus", corpus), ("clips of held-out webcams", ~corpus)):
        print("%s: %d of %d live ones lost, %d of %d replays refused" % (
            what, lost[some].sum(), live[some].sum(), refused[some].sum(), (~live[some]).sum()))
    slope, bias = fit(odds, live, group)
    recipe["recording"] = dict(weight=round(slope, 4), bias=round(bias, 4))
    with open(path, "w") as file:
        json.dump(recipe, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
