#!/usr/bin/python3
"""Scores every trial by the network that never saw its speaker, fits the calibration, and reports.

    calibrate.py --trials WORK/trials --pictures WORK/trials-pictures --fold s2,s5=WORK/A.pt --fold … --out models/lips.json
                 [--condition NAME=TRIALS=PICTURES …] --report WORK/report.md [--folds WORK/folds]

Each fold's figures come from a calibration fitted on the other folds' trials (nested); the one written is fitted
on all of them. --folds writes each speaker's network and calibration as FOLDS/SPEAKER/lips.onnx and lips.json, and the trials
with a column that names them, FOLDS/trials.csv: `bonafide eval phrase` then judges everybody by models that never saw them.
"""
import argparse
import csv
import json
import os

import numpy as np
import torch

import augment
import corpus
import export
import phrase
from model import load

# The share of each class, as weighed for the evidence; the digits' states alike, so that no digit is favoured.
PRIOR = np.r_[0.3, 0.3, np.full(10 * corpus.STATES, 0.4 / (10 * corpus.STATES))]
SCALE, POWER = 0.2, 1.0
# What impostors are expected to do, for the calibration. Phrases that differ by a digit are reported, not fitted.
IMPOSTORS = {"random": 0.6, "sentence": 0.2, "still": 0.1, "closed": 0.1}
KINDS = [*IMPOSTORS, "one_wrong", "swapped"]
LIVE = 0.9  # prior probability of a live response
# Lips that move less (Reading.Movement) do not speak: the stillest recording has 1, held pictures have at most 0.13.
STILL = 0.65
THRESHOLDS = [0.5, 0.9, 0.98, 0.99]


def posteriors(model, file):
    pictures = augment.middle(np.load(file + ".npy"))
    shapes = np.load(file + ".shape.npy")
    with torch.no_grad():
        return model(torch.from_numpy(pictures)[None], torch.from_numpy(shapes)[None])[0].double().numpy()


def score_trials(folder, pictures, folds):
    """Rows (person, kind, features, log probabilities of the spoken digits) of a folder's trials."""
    rows, by_path = [], {}
    for r in csv.DictReader(open(os.path.join(folder, "trials.csv"))):
        by_path.setdefault(r["path"], []).append(r)
    for path, trials in by_path.items():
        model = folds.get(trials[0]["person"])
        name = os.path.join(pictures, path)
        if model is None or not os.path.exists(name + ".npy"):
            continue
        e = phrase.Evidence(posteriors(model, name), PRIOR, SCALE, POWER)
        for r in trials:
            f, places = e.features([int(d) for d in r["claimed"]])
            rows.append((r["person"], r["kind"], f, r["claimed"], places))
    return rows


def table(rows):
    return (np.array([r[0] for r in rows]), np.array([r[1] for r in rows]),
            np.clip(np.array([r[2] for r in rows]), -100, 100))


def fit(kind, x):
    """Logistic regression by Newton's method on standardised features with a little ridge; returns weights and bias."""
    genuine = kind == "genuine"
    w = np.zeros(len(kind))
    w[genuine] = LIVE / genuine.sum()
    for k, share in IMPOSTORS.items():
        if (kind == k).any():
            w[kind == k] = (1 - LIVE) * share / (kind == k).sum()
    w *= genuine.sum() / w.sum()
    mean, deviation = x.mean(0), x.std(0)
    z = np.c_[(x - mean) / deviation, np.ones(len(x))]
    ridge = np.r_[np.full(x.shape[1], 0.03), 0]
    b = np.zeros(z.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(z @ b, -50, 50)))
        gradient = z.T @ (w * (p - genuine)) + ridge * b
        hessian = (z * (w * p * (1 - p))[:, None]).T @ z + np.diag(ridge + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        b -= step * min(1, 5 / (np.abs(step).max() + 1e-9))
    weights = b[:-1] / deviation
    return weights, b[-1] - weights @ mean


def score(x, weights, bias):
    return 1 / (1 + np.exp(-np.clip(x @ weights + bias, -50, 50)))


def auc(genuine, impostor):
    rank = np.argsort(np.argsort(np.r_[genuine, impostor], kind="stable"), kind="stable")[:len(genuine)] + 1.0
    return (rank.sum() - len(genuine) * (len(genuine) + 1) / 2) / (len(genuine) * len(impostor))


def eer(genuine, impostor):
    """Where the step functions of false rejection and false acceptance meet."""
    at = np.unique(np.r_[genuine, impostor])
    frr = np.searchsorted(np.sort(genuine), at) / len(genuine)
    far = 1 - np.searchsorted(np.sort(impostor), at) / len(impostor)
    i = np.argmin(np.abs(frr - far))
    return (frr[i] + far[i]) / 2


def wilson(k, n):
    """95% interval of a proportion (Wilson 1927)."""
    if n == 0:
        return 0, 1
    z, p = 1.959964, k / n
    middle, half = p + z * z / 2 / n, z * np.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def rate(hits):
    k, n = int(hits.sum()), len(hits)
    low, high = wilson(k, n)
    return f"{k}/{n} = {100 * k / max(n, 1):.1f}% ({100 * low:.1f}–{100 * high:.1f})"


def report_scores(out, person, kind, s):
    genuine = kind == "genuine"
    out.append("| speaker | recordings | AUC right/random | EER | FRR at 98 | FAR at 98, random |\n|---|---|---|---|---|---|")
    for who in [*sorted(set(person[genuine])), "all"]:
        m = (person == who) | (who == "all")
        g, i = s[m & genuine], s[m & (kind == "random")]
        out.append(f"| {who} | {len(g)} | {auc(g, i):.4f} | {100 * eer(g, i):.1f}% | {rate(g < 0.98)} | {rate(i >= 0.98)} |")
    present = [k for k in KINDS if (kind == k).any()]
    out.append("\n| threshold | FRR | " + " | ".join(f"FAR {k}" for k in present) + " |\n|---|---|" + "---|" * len(present))
    for t in THRESHOLDS:
        out.append(f"| {100 * t:.0f} | {rate(s[genuine] < t)} | " + " | ".join(rate(s[kind == k] >= t) for k in present) + " |")


def diagram(points, name):
    """The reliability diagram as SVG: the share of live responses over the mean score, areas by the number of trials."""
    dots = "".join(f'<circle cx="{40 + 300 * m:.1f}" cy="{320 - 300 * live:.1f}" r="{2 + np.sqrt(n) / 4:.1f}"><title>'
                   f'{n} trials: mean score {m:.3f}, live {live:.3f}</title></circle>' for m, live, n in points)
    ticks = "".join(f'<text x="{40 + 300 * v}" y="336" text-anchor="middle">{v:g}</text>'
                    f'<text x="34" y="{324 - 300 * v}" text-anchor="end">{v:g}</text>' for v in (0, 0.5, 1))
    with open(name, "w") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 360" font-family="sans-serif" font-size="12">'
                '<title>Reliability of the lips\' score on people that neither network nor calibration saw</title>'
                '<rect width="360" height="360" fill="#fff"/><path d="M40 20V320H340M40 320L340 20" fill="none" stroke="#888"/>'
                f'<g fill="#1f6feb" fill-opacity=".6">{dots}</g><g fill="#333">{ticks}<text x="190" y="354" text-anchor="middle">'
                'mean score</text><text x="12" y="170" text-anchor="middle" transform="rotate(-90 12 170)">live</text></g></svg>\n')


def reliability(out, kind, s, name):
    """Scores against outcomes, weighed as in the fit."""
    w = np.where(kind == "genuine", LIVE / max(1, (kind == "genuine").sum()), 0)
    for k, share in IMPOSTORS.items():
        w[kind == k] = (1 - LIVE) * share / max(1, (kind == k).sum())
    error, points = 0, []
    out.append("\n| score | trials | mean score | live |\n|---|---|---|---|")
    for low, high in zip([0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.99], [0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 0.99, 1.01]):
        m = (s >= low) & (s < high) & (w > 0)
        if not m.any():
            continue
        mean, live = np.average(s[m], weights=w[m]), np.average(kind[m] == "genuine", weights=w[m])
        points.append((mean, live, int(m.sum())))
        error += w[m].sum() / w.sum() * abs(mean - live)
        out.append(f"| {low:g}–{min(high, 1):g} | {m.sum()} | {mean:.3f} | {live:.3f} |")
    diagram(points, name)
    out.append(f"\nExpected calibration error {error:.4f}.")


def movements(out, folder, pictures):
    """How far lips and chin go in each kind of recording: internal/lips/calibrate.go's ranges, in pupil distances."""
    ranges = {}
    for r in csv.DictReader(open(os.path.join(folder, "trials.csv"))):
        name = os.path.join(pictures, r["path"] + ".shape.npy")
        if os.path.exists(name) and (r["kind"] in ("sentence", "still", "closed", "genuine")):
            p = np.load(name).reshape(-1, 21, 2)
            v = np.sort(np.stack([p[:, 9, 1] - p[:, 3, 1], p[:, 6, 0] - p[:, 0, 0], p[:, 20, 1]], 1), 0)
            ranges.setdefault(r["kind"], {})[name] = v[len(v) - 1 - len(v) // 20] - v[len(v) // 20]
    out.append("\n| recordings | | height of the lips, least, median, most | width | chin |\n|---|---|---|---|---|")
    for kind, values in ranges.items():
        v = np.array(list(values.values()))
        cells = [", ".join(f"{q:.3f}" for q in np.percentile(v[:, i], (0, 50, 100))) for i in range(3)]
        out.append(f"| {kind} | {len(v)} | " + " | ".join(cells) + " |")


def confusions(out, rows):
    """How the probability of a spoken digit's place spreads over the ten digits."""
    sums = np.zeros((10, 10))
    for _, kind, _, claimed, places in rows:
        if kind == "genuine":
            for d, row in zip(claimed, places):
                sums[int(d)] += np.exp(row)
    out.append("\n| said | " + " | ".join(map(str, range(10))) + " |\n|---|" + "---|" * 10)
    for d in range(10):
        out.append(f"| {d} | " + " | ".join(f"{100 * v:.0f}" for v in sums[d] / max(sums[d].sum(), 1e-9)) + " |")


def save(name, weights, bias):
    with open(name, "w") as f:
        json.dump({"scale": SCALE, "prior_power": POWER, "prior": [round(v, 6) for v in PRIOR],
                   "calibration": {"weights": list(weights), "bias": bias}, "still": STILL}, f, indent=1)
        f.write("\n")


def write_folds(folder, trials, nested, folds, fold_of):
    people = [who for who in folds if fold_of[who] in nested]
    for who in people:
        os.makedirs(os.path.join(folder, who), exist_ok=True)
        save(os.path.join(folder, who, "lips.json"), *nested[fold_of[who]])
        export.write(folds[who], os.path.join(folder, who, "lips.onnx"))
    rows = [r for r in csv.DictReader(open(os.path.join(trials, "trials.csv"))) if r["person"] in people]
    with open(os.path.join(folder, "trials.csv"), "w", newline="") as f:
        out = csv.DictWriter(f, [*rows[0], "models"])
        out.writeheader()
        for r in rows:
            out.writerow({**r, "path": os.path.relpath(os.path.join(trials, r["path"]), folder), "models": r["person"]})


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--trials", required=True); p.add_argument("--pictures", required=True)
    p.add_argument("--fold", action="append", required=True, help="SPEAKERS=WEIGHTS[+WEIGHTS…], never trained on them")
    p.add_argument("--condition", action="append", default=[], help="NAME=TRIALS=PICTURES")
    p.add_argument("--out", required=True); p.add_argument("--report", required=True); p.add_argument("--folds")
    o = p.parse_args()
    torch.set_num_threads(1)
    folds, fold_of = {}, {}
    for f in o.fold:
        speakers, weights = f.split("=")
        model = load(weights)
        folds.update({s: model for s in speakers.split(",")})
        fold_of.update({s: speakers for s in speakers.split(",")})
    rows = score_trials(o.trials, o.pictures, folds)
    person, kind, x = table(rows)
    fold = np.array([fold_of[who] for who in person])
    nested, s = {}, np.zeros(len(x))
    for f in sorted(set(fold)):
        others = fold != f
        nested[f] = fit(kind[others], x[others])
        s[~others] = score(x[~others], *nested[f])
    if o.folds:
        write_folds(o.folds, o.trials, nested, folds, fold_of)
    out = []
    report_scores(out, person, kind, s)
    reliability(out, kind, s, os.path.splitext(o.report)[0] + ".svg")
    confusions(out, rows)
    movements(out, o.trials, o.pictures)
    if o.condition:
        out.append("\n| condition | recordings | AUC | EER | FRR at 98 | FAR at 98, random | FAR at 98, still |\n|---|---|---|---|---|---|---|")
    for c in o.condition:
        name, folder, pictures = c.split("=")
        p_, k, f = table(score_trials(folder, pictures, folds))
        t = np.array([score(v, *nested[fold_of[who]]) for v, who in zip(f, p_)])
        g, i = t[k == "genuine"], t[k == "random"]
        out.append(f"| {name} | {len(g)} | {auc(g, i):.4f} | {100 * eer(g, i):.1f}% | {rate(g < 0.98)} | {rate(i >= 0.98)} | {rate(t[k == 'still'] >= 0.98)} |")
    save(o.out, *fit(kind, x))
    with open(o.report, "w") as f:
        f.write("\n".join(out) + "\n")
    print("\n".join(out))


if __name__ == "__main__":
    main()
