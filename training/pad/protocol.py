"""The one way in which a candidate is judged: whole recorders are held out, and every choice is made on the others.

Six folds of whole recorders. A picture is scored by a fit that held its fold out. What is chosen after that (the fusion's numbers, the
threshold) is chosen for each fold on scores of fits that held out that fold and the other picture's too, so the fold does not influence it.
"""
from collections import Counter
from itertools import combinations

import numpy as np


def auc(live, scores):
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    s = np.asarray(scores)[order]
    start = np.r_[True, s[1:] != s[:-1]]
    group = np.cumsum(start) - 1
    first = np.flatnonzero(start)
    last = np.r_[first[1:], len(s)] - 1
    ranks[order] = (first[group] + last[group]) / 2
    n, m = live.sum(), (~live).sum()
    return (ranks[live].sum() - n * (n - 1) / 2) / (n * m)


def left_out(count, inner):
    """The groups of folds that fits leave out: one each for the scores, two each for what is chosen."""
    groups = [(i,) for i in range(count)]
    return groups + list(combinations(range(count), 2)) if inner else groups


def fitted(logits, live, weight, steps=60):
    """Logistic regression of few numbers: pictures x numbers -> weights and bias, with a slight pull to 0 (Newton's method)."""
    x = np.c_[logits, np.ones(len(logits))]
    w = np.zeros(x.shape[1])
    ridge = np.diag([1e-3] * logits.shape[1] + [1e-6])
    weight = weight / weight.sum()
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (weight * (p - live)) + ridge @ w
        hessian = (x.T * (weight * p * (1 - p) + 1e-9)) @ x + ridge
        w -= np.linalg.solve(hessian, gradient)
    return w[:-1], w[-1]


def threshold(sets, live, scores):
    """Where the errors of both kinds, each the mean over sets, add up to the least."""
    tried = np.unique(np.quantile(scores, np.linspace(0.001, 0.999, 500)))
    count = Counter(zip(sets, live))
    weight = np.array([1 / count[s, l] for s, l in zip(sets, live)])
    weight = np.where(live, weight / weight[live].sum(), weight / weight[~live].sum())
    cost = [weight[live & (scores < t)].sum() + weight[~live & (scores >= t)].sum() for t in tried]
    best = np.flatnonzero(np.array(cost) <= min(cost) + 1e-9)
    return float(tried[best[len(best) // 2]])


class Judged:
    """Held-out log odds of all pictures, and for each fold those that it had no say in."""

    def __init__(self, pictures, fold, weight, outer, inner):
        """outer: pictures x numbers. inner(i) -> pictures x numbers by fits without fold i (and without each picture's own)."""
        self.sets = np.array([p.set for p in pictures])
        self.live = np.array([p.live for p in pictures])
        self.fold, self.weight = fold, weight
        self.outer, self.inner = outer, inner
        self.count = fold.max() + 1

    def fuse(self):
        """-> held-out scores of all pictures, and each picture's carried-over threshold."""
        scores, limits = np.zeros(len(self.live)), np.zeros(len(self.live))
        for i in range(self.count):
            mine, others = self.fold == i, self.fold != i
            x = self.inner(i)
            w, bias = fitted(x[others], self.live[others], self.weight[others])
            scores[mine] = self.outer[mine] @ w + bias
            limits[mine] = threshold(self.sets[others], self.live[others], x[others] @ w + bias)
        return scores, limits


def by_set(names, sets, live, scores, limits):
    rows = []
    for name in names:
        m = sets == name
        l, s, t = live[m], scores[m], limits[m]
        rows.append(dict(set=name, live=int(l.sum()), attack=int((~l).sum()), auc=auc(l, s),
                         bpcer=float((s[l] < t[l]).mean()), apcer=float((s[~l] >= t[~l]).mean())))
    return rows


def summary(rows):
    a, b, c = (np.array([r[k] for r in rows]) for k in ("auc", "bpcer", "apcer"))
    large = [r["auc"] for r in rows if min(r["live"], r["attack"]) >= 20]
    return dict(mean=a.mean(), median=np.median(a), worst=a.min(), worst20=min(large), bpcer=np.median(b), bpcer_worst=b.max(),
                apcer=np.median(c), apcer_mean=c.mean(), bpcer_mean=b.mean())


def line(name, rows):
    s = summary(rows)
    return "%-34s mean %.4f median %.4f worst %.3f worst20 %.3f | BPCER median %.1f%% mean %.1f%% worst %.0f%% | APCER median %.1f%% mean %.1f%%" % (
        name, s["mean"], s["median"], s["worst"], s["worst20"], 100 * s["bpcer"], 100 * s["bpcer_mean"], 100 * s["bpcer_worst"],
        100 * s["apcer"], 100 * s["apcer_mean"])
