"""Judges a candidate's fits by the protocol, beside the MiniFASNet pair on the same pictures.

    python pad/evaluate.py --work pad/work --name NAME [--use wide,tight,pair] [--sets]
"""
import argparse
import os

import numpy as np

import protocol
import sets
from copies import PLAIN

# What a fusion may read: log odds of live, pictures x 1.
NUMBERS = {"wide": lambda f, s: s[:, 0, :1], "tight": lambda f, s: s[:, 1, :1], "own": lambda f, s: s[:, :, 0].mean(1, keepdims=True),
           "teachers": lambda f, s: s[:, :, 1:].mean((1, 2))[:, None], "pair": lambda f, s: f.pair.mean(1, keepdims=True),
           "fr_liveness": lambda f, s: f.fr_liveness}
BOUND = 8  # of other networks' log odds, as in internal/pad


class Fits:
    def __init__(self, work, name, root):
        self.work, self.name = work, name
        self.pictures = sets.read(os.path.join(work, "boxes.csv"), root)
        of = sets.folds(self.pictures)
        self.fold = np.array([of[p.set] for p in self.pictures])
        self.count = self.fold.max() + 1
        self.pair = np.load(os.path.join(work, "teachers.npy"))[np.load(os.path.join(work, "of.npy"))[:, 1] == PLAIN].clip(-BOUND, BOUND)
        fr = os.path.join(work, "fr_liveness.npy")
        self.fr_liveness = np.load(fr).clip(-BOUND, BOUND)[:, None] if os.path.exists(fr) else None
        self.weight = sets.weights([p.set for p in self.pictures], [p.live for p in self.pictures], [p.clip for p in self.pictures])

    def scores(self, out):
        path = os.path.join(self.work, "fits", "%s-%s.npy" % (self.name, "".join(map(str, sorted(out)))))
        return np.load(path) if os.path.exists(path) else None

    def numbers(self, use, scores):
        return np.concatenate([NUMBERS[u](self, scores) for u in use], 1)

    def judged(self, use):
        """Where the inner fits are not there yet, the outer scores of the other folds stand in for them."""
        outer = sum(np.where((self.fold == i)[:, None, None], self.scores((i,)), 0.0) for i in range(self.count))
        nested = self.scores((0, 1)) is not None

        def inner(i):
            if not nested:
                return self.numbers(use, outer)
            parts = sum(np.where((self.fold == j)[:, None, None], self.scores((i, j)), 0) for j in range(self.count) if j != i)
            return self.numbers(use, parts)
        return protocol.Judged(self.pictures, self.fold, self.weight, self.numbers(use, outer), inner), nested

    def pair_alone(self):
        p = (1 / (1 + np.exp(-self.pair))).mean(1)
        names, live = np.array([q.set for q in self.pictures]), np.array([q.live for q in self.pictures])
        limits = np.zeros(len(p))
        for i in range(self.count):
            others = self.fold != i
            limits[self.fold == i] = protocol.threshold(names[others], live[others], p[others])
        return p, limits


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--root", default=".")
    a.add_argument("--name", required=True)
    a.add_argument("--use", default="wide,tight")
    a.add_argument("--sets", action="store_true")
    a = a.parse_args()
    fits = Fits(a.work, a.name, a.root)
    judged, nested = fits.judged(a.use.split(","))
    names = sets.evaluated(fits.pictures)
    rows = protocol.by_set(names, judged.sets, judged.live, *judged.fuse())
    pair = protocol.by_set(names, judged.sets, judged.live, *fits.pair_alone())
    if a.sets:
        print("| set | live | attack | AUC | pair | BPCER | pair | APCER | pair |\n|---|---|---|---|---|---|---|---|---|")
        for r, p in zip(rows, pair):
            print("| %s | %d | %d | %.3f | %.3f | %.0f%% | %.0f%% | %.0f%% | %.0f%% |" % (
                r["set"], r["live"], r["attack"], r["auc"], p["auc"], 100 * r["bpcer"], 100 * p["bpcer"], 100 * r["apcer"], 100 * p["apcer"]))
        print(protocol.line("the pair", pair))
    print(protocol.line("%s %s%s" % (a.name, a.use, "" if nested else " (not nested)"), rows))


if __name__ == "__main__":
    main()
