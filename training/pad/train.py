"""Trains, measures and exports presentation-attack detection; README.md says how it works.

What the frozen layers say of each picture stays in the work folder and is not made again: stop it and go on at any time.
What is random (the jitter of crops, dresses, the expert's course) has fixed seeds.
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
from dresses import DRESSES, dressed
from faces import PARTS, Faces, crop, jitter
from nets import Backbone, Expert, Head, Known, Look, Pad, tensor

HELD = ["replayattack", "nuaa", "livenessnet"]  # sets that are left out in turn
TEST = (0, 1)  # of faces.PARTS: people that the weights that are shipped do not see
MARGINS = {"around": 1.6, "face": 1.0}  # crops, in boxes
FREE_MARGIN = 2.7  # what fr_liveness was made for
# How far a picture reaches around the face (faces.reach): up to the first only the fusion "tight" counts, from the
# second only "loose".
RAMP = (1.25, 1.5)
# Weights of the odds of Pad.PARTS before calibration, chosen on sets left out. "loose" and "tight" judge pictures of cameras
# that nobody trained on, "known" those of the others.
FUSION = {"loose": (1.0, 0.35, 0.35, 0.5, 0.0, 0.0, 0.0), "tight": (0.0, 0.03, 0.0, 0.0, 1.0, 0.0, 0.0),
          "known": (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
GATE = Pad.PARTS.index("known")
MOST = 4.0  # log odds of bona fide that "known" may give: cameras that merely look known must not put attacks above all else
BOUND = 12  # of log odds, as the server bounds them


def views(faces, work, base):
    """What the frozen parts say of the crops of each picture: name of the view -> "around", "face", "look" -> pictures x numbers.

    The views are "plain", "jittered" and each of DRESSES. The last number of "around" and "face" is the backbone's own log
    odds. "free" has those alone, of the crop that the backbone was made for.
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

    around, face = (plain(margin) for margin in MARGINS.values())
    seen = {
        "plain": dict(around=saved("around", layers, around), face=saved("face", layers, face), look=saved("look", look, face)),
        "jittered": dict(around=saved("around-jittered", layers, scaled), face=saved("face-jittered", layers, moved),
                         look=saved("look-jittered", look, compressed)),
        "free": saved("free", layers, plain(FREE_MARGIN))[:, -1],
    }
    for name in DRESSES:
        crops = (("around", layers, around), ("face", layers, face), ("look", look, face))
        seen[name] = {k: saved(k + "-" + name, of, dressed(name, cut)) for k, of, cut in crops}
    return seen


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


class View:
    """What the parts are told of some pictures, one row each."""

    def __init__(self, around, face, look):
        self.around, self.face, self.look = (torch.as_tensor(x) for x in (around, face, look))
        self.wide, self.original = self.around[:, :-1], self.around[:, -1].clamp(-BOUND, BOUND)
        self.close = self.face[:, :-1]
        self.everything = torch.cat([self.wide, self.close, self.look], 1)

    def __getitem__(self, rows):
        return View(self.around[rows], self.face[rows], self.look[rows])

    def beside(self, numbers):
        return torch.cat([numbers, self.look], 1)


def joined(views):
    return View(*(torch.cat([getattr(v, k) for v in views]) for k in ("around", "face", "look")))


class Fold:
    """One Pad trained on the chosen pictures, and the odds of its parts: for all, and for copies in each dress."""

    def __init__(self, faces, seen, chosen, base):
        self.chosen = chosen
        plain, jittered = (View(**seen[k])[chosen] for k in ("plain", "jittered"))
        worn = joined([View(**seen[name])[chosen] for name in DRESSES])
        bare = joined([plain] * len(DRESSES))
        share = faces.share(chosen)[chosen]
        step = torch.tensor(np.tile(share / share.sum(), len(DRESSES)) / len(DRESSES)).float()

        def head(opinions, pull, moved, *sources):
            """Learns the labels and so much of the teachers' opinions."""
            wanted = (opinions * faces.soft() + (1 - opinions) * faces.live)[chosen]
            wanted, weight = (torch.tensor(np.tile(v, len(sources))).float() for v in (wanted, share))
            return Head(torch.cat(sources), wanted, weight, pull, moved)

        # Of tight pictures the teachers know no more than the labels, and what dresses change is most of what tells them apart.
        heads = [
            head(0.75, 0.1, (worn.wide, bare.wide, step), plain.wide, jittered.wide),
            head(0.5, 0.1, (worn.beside(worn.close), bare.beside(bare.close), step),
                 plain.beside(plain.close), plain.beside(jittered.close), plain.beside(jittered.wide)),
            head(0.5, 0.001, (worn.look, bare.look, step), plain.look),
            head(0, 3.0, None, plain.look, jittered.look),
        ]
        live = torch.tensor(faces.live[chosen]).float()
        expert = Expert(plain.everything, jittered.everything, worn.everything, live, torch.tensor(share))
        known = Known(torch.cat([plain.wide, worn.wide]), torch.tensor(cameras(faces, chosen)))
        self.pad = Pad(Backbone(base), *heads, expert, known)
        self.odds = self.judged(View(**seen["plain"]))
        self.worn = {name: self.judged(View(**seen[name])) for name in DRESSES}

    @torch.no_grad()
    def judged(self, view):
        odds = self.pad.odds(view.wide, view.original, view.close, view.look)
        return np.clip(torch.stack(odds, 1).numpy(), -BOUND, BOUND)


def cameras(faces, chosen):
    """The group of each chosen picture, and of each of its copies in DRESSES: its set, label and dress, as if each were a camera."""
    names = ["%s %d %s" % (s, live, dress) for dress in ["", *DRESSES] for s, live in zip(faces.set[chosen], faces.live[chosen])]
    return np.unique(names, return_inverse=True)[1]


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
    """What makes one log odds of those of all parts, calibrated on pictures that these were not trained on.

    Each picture counts for what it is judged by: as far as its camera is known for "known", else for its framing. strange
    marks those of sets left out, whose cameras are not known where they look as if.
    """

    def __init__(self, faces, index, odds, strange, weights):
        self.parts, self.gated = {}, "known" in weights
        loose, known = context(faces)[index], self.known(odds)
        for name, rows, trust in (("loose", loose, 1 - known), ("tight", ~loose, 1 - known), ("known", ~strange & (known > 0.01), known)):
            if name not in weights:
                continue
            chosen = np.zeros(len(faces), bool)
            chosen[index[rows]] = True
            score = odds[rows] @ np.array(weights[name])
            slope, bias = platt(score, faces.live[index[rows]], (faces.share(chosen)[index] * trust)[rows])
            self.parts[name] = dict(weights=[round(float(slope * w), 4) for w in weights[name]], bias=round(float(bias), 4))
        self.alike = round(float(alike(faces, index, self(odds, faces.reach[index]))), 3)

    def known(self, odds):
        """How far each picture's camera is known, 0 to 1."""
        return 1 / (1 + np.exp(-odds[:, GATE])) if self.gated else np.zeros(len(odds))

    def __call__(self, odds, reach):
        loose, known = np.clip((reach - RAMP[0]) / (RAMP[1] - RAMP[0]), 0, 1), self.known(odds)
        parts = {k: odds @ np.array(f["weights"]) + f["bias"] for k, f in self.parts.items()}
        return (1 - known) * (loose * parts["loose"] + (1 - loose) * parts["tight"]) + known * np.minimum(parts.get("known", 0), MOST)

    def recipe(self, nets):
        return dict(nets=nets, ramp=RAMP, **self.parts, **({"gate": GATE, "most": MOST} if self.gated else {}), alike=self.alike)


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
    """Index and odds of pictures that the parts were not trained on, sets left out and people but those of TEST, and which are of the sets."""
    index, odds, strange = [], [], []
    for name, fold in found.items():
        if name != "final":
            out = ~fold.chosen & (np.isin(name, HELD) | ~np.isin(faces.part, TEST))
            index.append(np.flatnonzero(out))
            odds.append(fold.odds[out])
            strange.append(np.full(out.sum(), name in HELD))
    return tuple(map(np.concatenate, (index, odds, strange)))


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
    parser.add_argument("--version", default="5")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(options.work, exist_ok=True)
    faces = Faces(options.labels)
    seen = views(faces, options.work, options.base)
    found = folds(faces, seen, options.base)
    index, odds, strange = honest(faces, found)
    plain_odds = np.clip(seen["free"], -BOUND, BOUND)[:, None]
    fusion, free = (Fusion(faces, index, o, strange, weights) for o, weights in ((odds, FUSION), (plain_odds[index], dict(loose=[1.0], tight=[1.0]))))
    configurations = {
        "all weights": {name: fusion(fold.odds, faces.reach) for name, fold in found.items()},
        "free weights only": {name: free(plain_odds, faces.reach) for name in found},
    }
    text, points = report.make(faces, found, configurations, dict(zip(configurations, (fusion.alike, free.alike))), HELD, np.isin(faces.part, TEST))
    text += report.dresses(faces, found, fusion, HELD, np.isin(faces.part, TEST))
    print(text)
    open(os.path.join(options.work, "report.md"), "w").write(text)
    if options.models:
        export(found["final"].pad, fusion, free, options.models, options.version)
        write(os.path.join(options.models, "pad_points.json"), points)


if __name__ == "__main__":
    main()
