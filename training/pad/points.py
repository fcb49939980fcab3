"""models/pad_points.json: error rates by threshold on new cameras (whole recorders held out) and on known ones (other clips held out)."""
import argparse
import json
import os

import numpy as np

import sets
from evaluate import Fits
from export import USED, fusion

THRESHOLDS = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99]
KINDS = {"print": ("print", "mask_paper"), "phone or tablet": ("replay_phone", "replay_tablet"),
         "monitor or TV": ("replay_monitor", "replay_tv", "replay_screen", "screen")}


def kind(species):
    return next((name for name, starts in KINDS.items() if species.startswith(starts)), "mixed")


def rates(pictures, scores, rows, wrong, rng):
    """Mean over recorders at each threshold, and its interval of recorders drawn with replacement."""
    names = sorted({pictures[i].set for i in rows})
    own = np.array([[np.mean([wrong(scores[i], t) for i in rows if pictures[i].set == s]) for t in THRESHOLDS] for s in names])
    drawn = np.array([own[rng.integers(len(names), size=len(names))].mean(0) for _ in range(1000)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    rounded = lambda v: [round(float(x), 4) for x in v]
    return dict(pictures=len(rows), recorders=len(names), rates=rounded(own.mean(0)), low=rounded(low), high=rounded(high))


def table(configuration, cameras, pictures, scores, some):
    rng = np.random.default_rng(1)
    chosen = [i for i in np.flatnonzero(some)]
    live = [i for i in chosen if pictures[i].live]
    attacks = [i for i in chosen if not pictures[i].live]
    apcer = []
    for name in list(KINDS) + ["mixed"]:
        mine = [i for i in attacks if kind(pictures[i].species) == name]
        if mine:
            apcer.append(dict(species=name, **rates(pictures, scores, mine, lambda s, t: s >= t, rng)))
    apcer.append(dict(species="all attacks", **rates(pictures, scores, attacks, lambda s, t: s >= t, rng)))
    return dict(configuration=configuration, cameras=cameras, thresholds=THRESHOLDS,
                bpcer=rates(pictures, scores, live, lambda s, t: s < t, rng), apcer=apcer)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--name", required=True)
    a.add_argument("--free", required=True, help="the fits that were trained on sets with a free licence alone")
    a.add_argument("--models", required=True)
    a = a.parse_args()
    tables = []
    for name, configuration, recipe in ((a.name, "all weights", "pad"), (a.free, "free weights only", "pad_free")):
        fits = Fits(a.work, name, a.root)
        both = np.isin([p.set for p in fits.pictures], sets.evaluated(fits.pictures))
        w, bias, odds = fusion(fits, USED[recipe])
        probability = lambda x: 1 / (1 + np.exp(-x))
        tables.append(table(configuration, "new cameras", fits.pictures, probability(odds), both))
        known = fits.scores(["known"])
        if known is not None:
            some = both & ~np.isnan(known[:, 0, 0])
            tables.append(table(configuration, "known cameras", fits.pictures, probability(fits.numbers(USED[recipe], known) @ w + bias), some))
    with open(os.path.join(a.models, "pad_points.json"), "w") as file:
        json.dump(tables, file)
        file.write("\n")


if __name__ == "__main__":
    main()
