#!/usr/bin/python3
"""How often a recording of another phrase passes for a phrase, by the kind of phrase: are some phrases weak?

    strength.py --trials WORK/trials --pictures WORK/trials --fold s2,s5=WORK/A.pt --fold … [--claims 60]

Every recording is compared with random phrases and with as many of each kind below, with the network that never saw the
speaker and a calibration of the other folds. Prints Markdown for the card.
"""
import argparse
import csv
import os

import numpy as np
import torch

import calibrate
import phrase
from model import load

SHARE = {1: 10, 2: 2790, 3: 64800, 4: 327600, 5: 453600, 6: 151200}  # six-digit phrases with so many different digits


def draw(rng, different):
    """A random phrase of six with exactly so many different digits."""
    while True:
        digits = rng.choice(10, different, replace=False)
        p = rng.choice(digits, 6)
        if len(set(p)) == different:
            return p.tolist()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--trials", required=True); p.add_argument("--pictures", required=True)
    p.add_argument("--fold", action="append", required=True); p.add_argument("--claims", type=int, default=60)
    o = p.parse_args()
    torch.set_num_threads(1)
    folds, fold_of = {}, {}
    for f in o.fold:
        speakers, weights = f.split("=")
        folds.update(dict.fromkeys(speakers.split(","), load(weights)))
        fold_of.update(dict.fromkeys(speakers.split(","), speakers))
    rows = calibrate.score_trials(o.trials, o.pictures, folds)
    person, kind, x = calibrate.table(rows)
    fold = np.array([fold_of[who] for who in person])
    fits = {f: calibrate.fit(kind[fold != f], x[fold != f]) for f in sorted(set(fold))}
    rng, claimed, passed = np.random.default_rng(5), [], []
    for r in csv.DictReader(open(os.path.join(o.trials, "trials.csv"))):
        if r["kind"] != "genuine" or r["person"] not in folds:
            continue
        e = phrase.Evidence(calibrate.posteriors(folds[r["person"]], os.path.join(o.pictures, r["path"])),
                            calibrate.PRIOR, calibrate.SCALE, calibrate.POWER)
        for different in list(SHARE) * (o.claims // len(SHARE)):
            c = draw(rng, different)
            if "".join(map(str, c)) != r["spoken"]:
                f = np.clip(e.features(c)[0], -100, 100)
                claimed.append(c)
                passed.append(calibrate.score(f[None], *fits[fold_of[r["person"]]])[0] >= 0.98)
    claimed, passed = np.array(claimed), np.array(passed)
    count = np.array([len(set(c)) for c in claimed])
    print("| different digits in the phrase | of the million phrases | another recording passes at 98 |\n|---|---|---|")
    for n, phrases in SHARE.items():
        print(f"| {n} | {phrases} | {calibrate.rate(passed[count == n])} |")
    print("\n| phrases with four different digits or more that hold | another recording passes at 98 |\n|---|---|")
    many = count >= 4
    for d in range(10):
        print(f"| {d} | {calibrate.rate(passed[many & (claimed == d).any(1)])} |")
    print(f"| any | {calibrate.rate(passed[many])} |")


if __name__ == "__main__":
    main()
