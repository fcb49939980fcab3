"""Trains, measures and exports the networks of presentation-attack detection; README.md says how it works.

Everything that was made stays in the work folder and is not made again: stop it and go on at any time.
"""
import argparse
import hashlib
import json
import os

import cv2
import numpy as np
import torch

from faces import SIZE, Faces, crop, jitter
from metrics import auc, bootstrap, eer, rate
from nets import Look, Student, tensor

HELD = ["replayattack", "nuaa", "livenessnet"]  # sets that are left out in turn
TEST_PARTS = 2  # of faces.PARTS: people that the final networks do not see
MARGIN = 1.6  # the student's crop, in boxes; fr_liveness sees its own 2.7, the look the box itself
PARTS = ("student", "fr_liveness", "look loose", "look tight")  # the columns of odds
# How far a picture reaches around the face (faces.reach): up to the first only the fusion "tight" counts, from the
# second only "loose".
RAMP = (1.5, 1.9)
# Weights of the odds before calibration. Without context the student and fr_liveness are at chance.
FUSION = {"loose": (1.0, 0.5, 1.5, 0.0), "tight": (0.0, 0.0, 0.0, 1.0)}


def fold_mask(faces, fold):
    """Pictures to train on."""
    return faces.part >= TEST_PARTS if fold == "final" else faces.set != fold


def train_student(faces, chosen, base, steps, seed, batch=32, rate=4e-3):
    """Distils the teachers' opinions, half corrected by the labels where there is context, into fr_liveness' weights.

    Short and mild on purpose: more steps, the labels of tight pictures, or strong augmentation all lost on sets that
    were left out.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    net, draw = Student(base), faces.drawer(chosen, rng)
    target = np.where(faces.reach > np.mean(RAMP), (faces.soft() + faces.live) / 2, faces.soft())
    optimiser = torch.optim.Adam(net.groups(rate), lr=1, betas=(0.9, 0.99))
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = group["scale"] * min(1, (step + 1) / 10) * (0.5 + 0.5 * np.cos(np.pi * step / steps))
        pictures, wanted = [], []
        for _ in range(batch):
            i = draw()
            box = jitter(faces.box[i], 0.06, rng, faces.pixels[i])
            picture = crop(faces.pixels[i], box, MARGIN * np.exp(rng.uniform(-0.06, 0.06)))
            pictures.append(picture[:, ::-1] if rng.random() < 0.5 else picture)
            wanted.append(0.98 * target[i] + 0.01)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(tensor(pictures)), torch.tensor(wanted).float())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5)
        optimiser.step()
        if step % 10 == 9:
            print("  step %d of %d, loss %.3f" % (step + 1, steps, loss.item()), flush=True)
    return net


@torch.no_grad()
def student_odds(net, faces, index, margin, batch=64):
    """Log odds of the pictures of an index, bounded as the server bounds them."""
    odds = []
    for at in range(0, len(index), batch):
        pictures = [crop(faces.pixels[i], faces.box[i], margin) for i in index[at : at + batch]]
        odds.append(net(tensor(pictures)).numpy())
    return np.clip(np.concatenate(odds), -12, 12)


@torch.no_grad()
def look_views(faces, look):
    """2 x pictures x measures: of each picture as it is, and of its box jittered and half of the crops compressed."""
    views = []
    for view in range(2):
        rng, measures = np.random.default_rng(view), []
        for at in range(0, len(faces), 64):
            pictures = []
            for i in range(at, min(at + 64, len(faces))):
                box = faces.box[i] if view == 0 else jitter(faces.box[i], 0.12, rng, faces.pixels[i])
                picture = crop(faces.pixels[i], box, 1)
                if view == 1 and rng.random() < 0.5:
                    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(50, 95))]
                    picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], 1)
                pictures.append(picture)
            measures.append(look.measures(tensor(pictures)).numpy())
            if at % 1024 == 0:
                print("measures, view %d: %d of %d" % (view + 1, at, len(faces)), flush=True)
        views.append(np.concatenate(measures))
    return np.stack(views)


def fit_look(look, faces, chosen, views):
    """Logistic regression for each head.

    The loose one learns labels and teachers half and half; the tight one learns the labels, of the jittered views too,
    with a strong pull towards zero. Both were better so on sets left out.
    """
    look.centre.copy_(torch.tensor(views[0][chosen].mean(0)))
    look.spread.copy_(torch.tensor(views[0][chosen].std(0) + 1e-3))
    wanted = {0: (faces.soft() + faces.live) / 2, 1: faces.live}
    for head, used, pull in ((0, 1, 0.001), (1, 2, 1.0)):
        x = torch.tensor(np.concatenate([v[chosen] for v in views[:used]]))
        x = ((x - look.centre) / look.spread).clamp(-5, 5)
        share = torch.tensor(np.tile(faces.share(chosen)[chosen], used) / used).float()
        _logistic(look.heads[head], x, torch.tensor(np.tile(wanted[head][chosen], used)).float(), share, pull)


def _logistic(head, x, wanted, share, pull):
    torch.nn.init.zeros_(head.weight), torch.nn.init.zeros_(head.bias)
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=80, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(x)[:, 0], wanted, reduction="none")
        loss = (share * loss).sum() + pull * head.weight.pow(2).sum()
        loss.backward()
        return loss

    optimiser.step(closure)


@torch.no_grad()
def look_odds(look, measures):
    x = ((torch.tensor(measures) - look.centre) / look.spread).clamp(-5, 5)
    return torch.cat([head(x) for head in look.heads], 1).numpy()


def fused(odds, reach, fusion):
    """One log odds of each row of odds; fusion maps a framing to (weights, bias)."""
    loose = np.clip((reach - RAMP[0]) / (RAMP[1] - RAMP[0]), 0, 1)
    parts = {k: odds @ np.array(w) + b for k, (w, b) in fusion.items()}
    return loose * parts["loose"] + (1 - loose) * parts["tight"]


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


def calibrated(faces, index, odds, weights):
    """Weights and bias for each framing, calibrated on odds of pictures that the networks were not trained on."""
    loose, out = faces.reach[index] > np.mean(RAMP), {}
    for framing, rows in (("loose", loose), ("tight", ~loose)):
        chosen = np.isin(np.arange(len(faces)), index[rows])
        score = odds[rows] @ np.array(weights[framing])
        slope, bias = platt(score, faces.live[index[rows]], faces.share(chosen)[index[rows]])
        out[framing] = ([round(float(slope * w), 4) for w in weights[framing]], round(float(bias), 4))
    return out


def soup(faces, fold, chosen, options):
    """The mean of the weights of students trained from several seeds: one alone varies by 0.01 of AUC and more."""
    members = []
    for seed in range(options.seeds):
        weights = os.path.join(options.work, "%s-seed%d.pt" % (fold, seed))
        if not os.path.exists(weights):
            print("%s, seed %d: training on %d pictures" % (fold, seed, chosen.sum()), flush=True)
            torch.save(train_student(faces, chosen, options.base, options.steps, seed).state_dict(), weights)
        members.append(torch.load(weights))
    net = Student(options.base)
    net.load_state_dict({k: sum(m[k] for m in members) / len(members) for k in members[0]})
    return net


def run_fold(faces, fold, options, look, views, plain):
    """Trains one fold (or takes it from the work folder) and scores its unseen pictures and some of its own."""
    chosen = fold_mask(faces, fold)
    net = soup(faces, fold, chosen, options)
    scores = os.path.join(options.work, "%s-%d.npz" % (fold, options.seeds))
    fit_look(look, faces, chosen, views)
    if not os.path.exists(scores):
        rng = np.random.default_rng(1)
        own = np.concatenate([rng.choice(np.flatnonzero(chosen & (faces.live == v)), 150, False) for v in (0, 1)])
        index = np.concatenate([np.flatnonzero(~chosen), own])
        np.savez(scores, index=index, odds=student_odds(net, faces, index, MARGIN))
    saved = np.load(scores)
    index = saved["index"]
    odds = np.column_stack([saved["odds"], plain[index], look_odds(look, views[0][index])])
    unseen = ~chosen[index]
    return net, dict(index=index[unseen], odds=odds[unseen], own=index[~unseen], own_odds=odds[~unseen])


def report(faces, held, final, fusion):
    """The tables of the model card, as Markdown."""
    lines = ["| left out | AUC (95% over people) | EER | HTER at the training sets' threshold | APCER | BPCER |", "|---|---|---|---|---|---|"]
    for name, h in list(held.items()) + [("final, unseen people, frame", final)]:
        keep = np.ones(len(h["index"]), bool) if name in held else faces.framing[h["index"]] == "frame"
        index, score = h["index"][keep], fused(h["odds"][keep], faces.reach[h["index"][keep]], fusion)
        live, person = faces.live[index], faces.person[index]
        low, high = bootstrap(live, score, person)
        threshold = eer(faces.live[h["own"]], fused(h["own_odds"], faces.reach[h["own"]], fusion))[1]
        passed, refused = score[live == 0] >= threshold, score[live == 1] < threshold
        lines.append("| %s | %.4f (%.3f to %.3f) | %.1f%% | %.1f%% | %s | %s |" % (
            name, auc(live, score), low, high, 100 * eer(live, score)[0],
            50 * (passed.mean() + refused.mean()), rate(passed), rate(refused)))
    lines += ["", "AUC of each part and of open models on the same pictures:", ""]
    lines += ["| left out | ours | " + " | ".join([*PARTS, *faces.opinions]) + " |", "|" + "---|" * (2 + len(PARTS) + len(faces.opinions))]
    for name, h in list(held.items()) + [("final, unseen people", final)]:
        live = faces.live[h["index"]]
        columns = [fused(h["odds"], faces.reach[h["index"]], fusion), *h["odds"].T, *(o[h["index"]] for o in faces.opinions.values())]
        lines.append("| %s | %s |" % (name, " | ".join("%.3f" % auc(live, c) for c in columns)))
    lines += ["", "At a score of 0.5:", "", "| set | species | error |", "|---|---|---|"]
    for name, h in list(held.items()) + [("final", final)]:
        score, at = fused(h["odds"], faces.reach[h["index"]], fusion), h["index"]
        for group in sorted(set(zip(faces.set[at], faces.species[at]))):
            k = (faces.set[at] == group[0]) & (faces.species[at] == group[1])
            wrong = score[k] < 0 if group[1] == "bona_fide" else score[k] >= 0
            lines.append("| %s%s | %s | %s |" % (group[0], " (unseen people)" if name == "final" else " (left out)", group[1], rate(wrong)))
    return "\n".join(lines) + "\n"


def export(net, look, fusion, free, models, version):
    """Writes the weights, the recipes (the free one uses only what npm ships), and the manifest's hashes."""
    net.export(os.path.join(models, "pad_student.onnx"))
    look.export(os.path.join(models, "pad_look.onnx"))
    recipe(os.path.join(models, "pad.json"), {"pad_student": MARGIN, "fr_liveness": 2.7, "pad_look": 1}, fusion)
    recipe(os.path.join(models, "pad_free.json"), {"fr_liveness": 2.7}, free)
    path = os.path.join(models, "manifest.json")
    manifest = json.load(open(path))
    for name in ("pad_student", "pad_look"):
        data = open(os.path.join(models, name + ".onnx"), "rb").read()
        row = [r for r in manifest["models"] if r["id"] == name]
        if row:
            row[0].update(version=version, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    with open(path, "w") as f:
        json.dump(manifest, f, indent=2, ensure_ascii=False)
        f.write("\n")


def recipe(path, margins, fusion):
    nets = [dict(model=name, crop=dict(margin=margin, inside=True, width=SIZE, height=SIZE), bgr=True,
                 mean=[0, 0, 0], deviation=[1, 1, 1], live=0) for name, margin in margins.items()]
    with open(path, "w") as f:
        json.dump(dict(nets=nets, ramp=RAMP, **{k: dict(weights=w, bias=b) for k, (w, b) in fusion.items()}), f, indent=2)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", required=True, help="labels file; its pictures lie beside it")
    parser.add_argument("--base", required=True, help="fr_liveness.onnx, which `bonafide models fetch` gets")
    parser.add_argument("--work", required=True, help="folder for what is made on the way")
    parser.add_argument("--models", help="folder to export to; without it only the folds are made")
    parser.add_argument("--steps", type=int, default=70, help="training steps of the student")
    parser.add_argument("--seeds", type=int, default=2, help="students whose weights are averaged")
    parser.add_argument("--version", default="1")
    parser.add_argument("--folds", default=",".join(HELD), help="sets to leave out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(options.work, exist_ok=True)
    faces = Faces(options.labels, os.path.join(options.work, "pixels.pkl"))
    look = Look(2)
    measured = os.path.join(options.work, "look.npy")
    if not os.path.exists(measured):
        np.save(measured, look_views(faces, look))
    views = np.load(measured)
    original = os.path.join(options.work, "fr_liveness.npy")
    if not os.path.exists(original):
        np.save(original, student_odds(Student(options.base), faces, np.arange(len(faces)), 2.7))
    plain = np.load(original)
    held = {}
    for fold in [h for h in options.folds.split(",") if h in set(faces.set)]:
        held[fold] = run_fold(faces, fold, options, look, views, plain)[1]
        print(fold, "left out: parts' AUC", *("%.3f" % auc(faces.live[held[fold]["index"]], c) for c in held[fold]["odds"].T), flush=True)
    net, final = run_fold(faces, "final", options, look, views, plain)
    honest = [*held.values(), final]
    unseen = np.concatenate([h["index"] for h in honest])
    fusion = calibrated(faces, unseen, np.concatenate([h["odds"] for h in honest]), FUSION)
    free = calibrated(faces, unseen, plain[unseen, None], {"loose": [1], "tight": [1]})
    text = report(faces, held, final, fusion)
    print(text)
    open(os.path.join(options.work, "report.md"), "w").write(text)
    if options.models:
        export(net, look, fusion, free, options.models, options.version)


if __name__ == "__main__":
    main()
