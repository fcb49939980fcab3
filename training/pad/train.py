"""Trains, measures and exports presentation-attack detection; README.md says how it works.

What the frozen layers say of each picture stays in the work folder and is not made again: stop it and go on at any time.
Nothing is random but the jitter of crops, which has a fixed seed.
"""
import argparse
import hashlib
import json
import os
import time

import cv2
import numpy as np
import torch

import report
from faces import PARTS, Faces, crop, jitter
from nets import Backbone, Head, Look, Memory, Pad, tensor

HELD = ["replayattack", "nuaa", "livenessnet"]  # sets that are left out in turn
TEST = (0, 1)  # of faces.PARTS: people that the weights that are shipped do not see
MARGINS = {"around": 1.6, "face": 1.0}  # crops, in boxes
FREE_MARGIN = 2.7  # what fr_liveness was made for
# How far a picture reaches around the face (faces.reach): up to the first only the fusion "tight" counts, from the
# second only "loose".
RAMP = (1.25, 1.5)
# Weights of the odds of Pad.PARTS before calibration, chosen on sets left out. The last is the memory's, which learns what
# the others lack when they are divided by it.
FUSION = {"loose": (1.0, 0.35, 0.35, 0.5, 0.0, 2.0), "tight": (0.0, 0.03, 0.0, 0.0, 1.0, 1.0)}
PLACES = 1500  # pictures that the memory keeps
BOUND = 12  # of log odds, as the server bounds them


def views(faces, work, base):
    """What the frozen parts say of the crops of each picture: name -> 2 x pictures x numbers, as it is and jittered.

    The last number of "around" and "face" is the backbone's own log odds.
    """
    backbone, look = Backbone(base), Look()

    def layers(batch):
        odds, features = backbone(batch)
        return torch.cat([features, odds[:, None]], 1)

    def saved(name, of, cut):
        path = os.path.join(work, name + ".npy")
        if not os.path.exists(path):
            np.save(path + ".part.npy", measure(faces, of, cut, name))
            os.replace(path + ".part.npy", path)
        return np.load(path)

    return {
        "around": np.stack([saved("around", layers, plain(MARGINS["around"])), saved("around-jittered", layers, scaled)]),
        "face": np.stack([saved("face", layers, plain(MARGINS["face"])), saved("face-jittered", layers, moved)]),
        "look": np.stack([saved("look", look, plain(MARGINS["face"])), saved("look-jittered", look, compressed)]),
        "free": saved("free", layers, plain(FREE_MARGIN))[:, -1],
    }


@torch.no_grad()
def measure(faces, of, cut, name):
    rng, found, began = np.random.default_rng(1), [], time.time()
    for at in range(0, len(faces), 64):
        some = range(at, min(at + 64, len(faces)))
        found.append(of(tensor([cut(faces.pixels[i], faces.box[i], rng) for i in some])).numpy())
        if at % 1024 == 0:
            print("%s: %d of %d, %.0f s" % (name, at, len(faces), time.time() - began), flush=True)
    return np.concatenate(found)


def plain(margin):
    return lambda picture, box, rng: crop(picture, box, margin)


def scaled(picture, box, rng):
    """A face with some of its surroundings, as other detectors give it."""
    return crop(picture, jitter(box, 0.05, rng, picture), MARGINS["around"] * np.exp(rng.uniform(-0.06, 0.06)))


def moved(picture, box, rng):
    return crop(picture, jitter(box, 0.05, rng, picture), np.exp(rng.uniform(0, 0.26)))


def compressed(picture, box, rng):
    """The face as other detectors give it, half of them compressed once more."""
    part = crop(picture, jitter(box, 0.12, rng, picture), 1)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(50, 95))]
        part = cv2.imdecode(cv2.imencode(".jpg", part, quality)[1], 1)
    return part


def context(faces):
    """Whether a picture shows more than a face."""
    return faces.reach > np.mean(RAMP)


class Fold:
    """One Pad trained on the chosen pictures, and the odds of its parts for all."""

    def __init__(self, faces, seen, chosen, base):
        self.chosen = chosen
        share = faces.share(chosen)[chosen]
        around, face, look = (torch.tensor(seen[k]) for k in ("around", "face", "look"))
        wide, close, original = around[..., :-1], face[..., :-1], around[0, :, -1].clamp(-BOUND, BOUND)

        def head(opinions, pull, *sources):
            """Learns the labels and so much of the teachers' opinions."""
            wanted = (opinions * faces.soft() + (1 - opinions) * faces.live)[chosen]
            rows = torch.cat([x[chosen] for x in sources])
            return Head(rows, *(torch.tensor(np.tile(v, len(sources))).float() for v in (wanted, share)), pull)

        def beside(x):
            return torch.cat([x, look[0]], 1)

        # Of tight pictures the teachers know no more than the labels.
        heads = [
            head(0.75, 0.1, wide[0], wide[1]),
            head(0.5, 0.1, beside(close[0]), beside(close[1]), beside(wide[1])),
            head(0.5, 0.001, look[0]),
            head(0, 1.0, look[0], look[1]),
        ]
        with torch.no_grad():
            parts = torch.stack([heads[0](wide[0]), heads[1](beside(close[0])), original, *(h(look[0]) for h in heads[2:])], 1)
            known = {k: parts @ torch.tensor(w[:-1]) / w[-1] for k, w in FUSION.items()}
            known = torch.where(torch.tensor(context(faces)), known["loose"], known["tight"])
            x = torch.cat([look[0], wide[0][:, Backbone.MIDDLE]], 1)[chosen]
        places = np.random.default_rng(0).choice(chosen.sum(), min(PLACES, chosen.sum()), False, p=share / share.sum())
        memory = Memory(x, *(torch.tensor(v).float() for v in (faces.live[chosen], share)), known[chosen], places)
        self.pad = Pad(Backbone(base), *heads, memory)
        with torch.no_grad():
            odds = self.pad.odds(wide[0], original, close[0], look[0])
        self.odds = np.clip(torch.stack(odds, 1).numpy(), -BOUND, BOUND)


def folds(faces, seen, base):
    """Name of who is left out -> Fold: the sets of HELD; people, a few at a time; the people of TEST, who are shown last."""
    left = {name: faces.set == name for name in HELD if (faces.set == name).any()}
    others = [p for p in range(PARTS) if p not in TEST]
    for pair in zip(others[::2], others[1::2]):
        left["people %d, %d" % pair] = np.isin(faces.part, pair)
    found = {}
    for name, out in [*left.items(), ("final", np.zeros(len(faces), bool))]:
        began = time.time()
        tested = np.isin(faces.part, TEST)
        found[name] = Fold(faces, seen, ~out & (~tested if name not in HELD else True), base)
        print("%s left out: trained on %d pictures in %.0f s" % (name if name != "final" else "test people", found[name].chosen.sum(), time.time() - began), flush=True)
    return found


def platt(score, live, share):
    """Slope and bias that make a score the log odds of bona fide for a prior of one half."""
    p = torch.zeros(2, dtype=torch.double, requires_grad=True)
    s, y, w = (torch.tensor(np.asarray(v, float)) for v in (score, live, share))
    optimiser = torch.optim.LBFGS([p], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = (w * torch.nn.functional.binary_cross_entropy_with_logits(p[0] * s + p[1], y, reduction="none")).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return p.detach().numpy()


class Fusion:
    """What makes one log odds of those of all parts, calibrated on pictures that these were not trained on."""

    def __init__(self, faces, index, odds, weights):
        self.framings = {}
        loose = context(faces)[index]
        for framing, rows in (("loose", loose), ("tight", ~loose)):
            chosen = np.zeros(len(faces), bool)
            chosen[index[rows]] = True
            score = odds[rows] @ np.array(weights[framing])
            slope, bias = platt(score, faces.live[index[rows]], faces.share(chosen)[index[rows]])
            self.framings[framing] = dict(weights=[round(float(slope * w), 4) for w in weights[framing]], bias=round(float(bias), 4))
        self.alike = round(float(alike(faces, index, self(odds, faces.reach[index]))), 3)

    def __call__(self, odds, reach):
        loose = np.clip((reach - RAMP[0]) / (RAMP[1] - RAMP[0]), 0, 1)
        parts = {k: odds @ np.array(f["weights"]) + f["bias"] for k, f in self.framings.items()}
        return loose * parts["loose"] + (1 - loose) * parts["tight"]

    def recipe(self, nets):
        return dict(nets=nets, ramp=RAMP, **self.framings, alike=self.alike)


def alike(faces, index, score):
    """The correlation of the log odds of two pictures of one presentation, about the mean of their label."""
    within, all_of_it = 0.0, 0.0
    group = faces.presentation[index]
    for live in (0, 1):
        k = faces.live[index] == live
        all_of_it += score[k].var() / 2
        pairs = [score[k & (group == g)] for g in np.unique(group[k])]
        within += np.mean([p.var(ddof=1) for p in pairs if len(p) > 1]) / 2
    return np.clip(1 - within / all_of_it, 0, 1)


def honest(faces, found):
    """Index and odds of pictures that the parts were not trained on: sets left out, and people but those of TEST."""
    index, odds = [], []
    for name, fold in found.items():
        if name != "final":
            out = ~fold.chosen & (np.isin(name, HELD) | ~np.isin(faces.part, TEST))
            index.append(np.flatnonzero(out))
            odds.append(fold.odds[out])
    return np.concatenate(index), np.concatenate(odds)


def export(pad, fusion, free, models, version):
    """Writes the weights, the recipes (the free one uses only what npm ships), and the manifest's hash."""
    pad.export(os.path.join(models, "pad.onnx"))
    write(os.path.join(models, "pad.json"), fusion.recipe([dict(model="pad", margins=list(MARGINS.values()), live=0)]))
    write(os.path.join(models, "pad_free.json"), free.recipe([dict(model="fr_liveness", margins=[FREE_MARGIN], live=0)]))
    path = os.path.join(models, "manifest.json")
    manifest = json.load(open(path))
    data = open(os.path.join(models, "pad.onnx"), "rb").read()
    for row in manifest["models"]:
        if row["id"] == "pad":
            row.update(version=version, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    write(path, manifest)


def write(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=2, ensure_ascii=False)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", required=True, help="labels file; its pictures lie beside it")
    parser.add_argument("--base", required=True, help="fr_liveness.onnx, which `bonafide models fetch` gets")
    parser.add_argument("--work", required=True, help="folder for what is made on the way")
    parser.add_argument("--models", help="folder to export to; without it only the report is made")
    parser.add_argument("--version", default="2")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(options.work, exist_ok=True)
    faces = Faces(options.labels)
    seen = views(faces, options.work, options.base)
    found = folds(faces, seen, options.base)
    index, odds = honest(faces, found)
    plain_odds = np.clip(seen["free"], -BOUND, BOUND)[:, None]
    fusion, free = Fusion(faces, index, odds, FUSION), Fusion(faces, index, plain_odds[index], dict(loose=[1.0], tight=[1.0]))
    configurations = {
        "all weights": {name: fusion(fold.odds, faces.reach) for name, fold in found.items()},
        "free weights only": {name: free(plain_odds, faces.reach) for name in found},
    }
    text, points = report.make(faces, found, configurations, dict(zip(configurations, (fusion.alike, free.alike))), HELD, np.isin(faces.part, TEST))
    print(text)
    open(os.path.join(options.work, "report.md"), "w").write(text)
    if options.models:
        export(found["final"].pad, fusion, free, options.models, options.version)
        write(os.path.join(options.models, "pad_points.json"), points)


if __name__ == "__main__":
    main()
