"""The tables of the model card, and the table of operating points that is shipped."""
import cv2
import numpy as np

from metrics import auc, bootstrap, eer, percent, rate, reliability
from nets import Pad

THRESHOLDS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]


def make(faces, found, configurations, alike, held, tested):
    """The report as Markdown, and the operating points.

    configurations holds, for each name, fold -> log odds of all pictures; held are the sets that were left out in turn.
    """
    held = [name for name in held if name in found]
    final = tested & (faces.framing == "frame")
    first = next(iter(configurations))
    lines = []
    for name, odds in configurations.items():
        lines += ["### " + name.capitalize(), ""]
        lines += table(["left out", "AUC (95% over people)", "EER", "HTER at the training sets' threshold", "APCER", "BPCER"],
                       [row(faces, s, found[s], odds[s], faces.set == s) for s in held]
                       + [row(faces, "final, unseen people, frame", found["final"], odds["final"], final)])
    lines += ["### AUC of each part and of open models on the same pictures", ""]
    lines += parts(faces, found, configurations[first], held, tested)
    unseen = {s: (configurations[first][s], faces.set == s) for s in held}
    lines += ["### By species, at a score of 0.5", ""]
    for name, odds in configurations.items():
        rows = []
        for s in held:
            rows += species(faces, odds[s], faces.set == s, s + " (left out)")
        for s in sorted(set(faces.set[tested])):
            rows += species(faces, odds["final"], tested & (faces.set == s), s + " (unseen people)")
        lines += [name.capitalize() + ":", ""] + table(["set", "species", "error"], rows)
    people = {name: everybody(faces, found, odds, tested) for name, odds in configurations.items()}
    lines += ["### Several pictures of one presentation together", ""]
    lines += together(faces, people[first], alike[first])
    lines += ["### Reliability", ""]
    rows, ece = reliability(faces.live, sigmoid(people[first]))
    lines += ["Unseen people of all sets: ECE %.3f. Sets left out: " % ece
              + ", ".join("%s %.3f" % (s, reliability(faces.live[k], sigmoid(o[k]))[1]) for s, (o, k) in unseen.items()) + ".", ""]
    lines += diagram(rows)
    lines += ["### BPCER at a score of 0.5 by group, unseen people", ""]
    lines += fairness(faces, people)
    points = []
    for name, odds in configurations.items():
        points.append(operating(faces, name, "unseen people, cameras that were trained on", people[name], np.ones(len(faces), bool)))
        apart = np.zeros(len(faces))
        for s in held:
            apart[faces.set == s] = odds[s][faces.set == s]
        points.append(operating(faces, name, "sets left out: people and cameras that were not trained on", apart, np.isin(faces.set, held)))
    return "\n".join(lines) + "\n", points


def dresses(faces, found, fusion, held, tested):
    """In other dresses, among people who were not trained on: how many scores move, and the errors at 0.5."""
    shown = [("final", "unseen people", tested)] + [(s, s + " (left out)", faces.set == s) for s in held if s in found]
    lines = []
    for fold, name, out in shown:
        live = faces.live[out]

        def score(odds):
            return sigmoid(fusion(odds[out], faces.reach[out]))

        before = score(found[fold].odds)
        for dress, odds in [("as it is", found[fold].odds), *found[fold].worn.items()]:
            after = score(odds)
            wrong = (after >= 0.5) != (live == 1)
            moved = [abs(after - before) >= 0.05, (after >= 0.5) != (before >= 0.5), wrong[live == 1], wrong[live == 0]]
            lines.append([name, dress, *("%d/%d" % (k.sum(), len(k)) for k in moved)])
    head = ["pictures", "dress", "moved by 0.05 or more", "crossed 0.5", "bona fide below 0.5", "attacks above"]
    return "\n".join(["### In other dresses", ""] + table(head, lines)) + "\n"


def table(head, rows):
    return ["| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]] + [""]


def diagram(rows):
    """The reliability diagram in letters: the mean score of each bin (s) and its share of bona fide (b) from 0 to 1."""
    lines = ["```", "pictures  score  share  0" + " " * 38 + "1"]
    for count, score, share in rows:
        marks = [" "] * 41
        marks[round(40 * score)], marks[round(40 * share)] = "s", "b"
        if round(40 * score) == round(40 * share):
            marks[round(40 * share)] = "*"
        lines.append("%8d  %.3f  %.3f  |%s|" % (count, score, share, "".join(marks)))
    return lines + ["```", ""]


def row(faces, name, fold, score, out):
    """A set's, or the unseen people's, row: the threshold is where the errors on the training pictures are equal."""
    low, high = bootstrap(faces.live[out], score[out], faces.person[out])
    threshold = eer(faces.live[fold.chosen], score[fold.chosen])[1]
    apcer = rate(score[out & (faces.live == 0)] >= threshold, faces.person[out & (faces.live == 0)])
    bpcer = rate(score[out & (faces.live == 1)] < threshold, faces.person[out & (faces.live == 1)])
    hter = 50 * (apcer["count"] / apcer["of"] + bpcer["count"] / bpcer["of"])
    return [name, "%.4f (%.3f to %.3f)" % (auc(faces.live[out], score[out]), low, high),
            "%.1f%%" % (100 * eer(faces.live[out], score[out])[0]), "%.1f%%" % hter, percent(apcer), percent(bpcer)]


def parts(faces, found, odds, held, tested):
    rows = []
    for name in [*held, "final"]:
        out = tested if name == "final" else faces.set == name
        columns = [odds[name], *found[name].odds.T, *faces.opinions.values()]
        rows.append([name if name != "final" else "final, unseen people"] + ["%.3f" % auc(faces.live[out], c[out]) for c in columns])
    return table(["left out", "ours", *Pad.PARTS, *faces.opinions], rows)


def species(faces, score, out, name):
    rows = []
    for kind in sorted(set(faces.species[out])):
        k = out & (faces.species == kind)
        wrong = score[k] < 0 if kind == "bona_fide" else score[k] >= 0
        rows.append([name, kind, percent(rate(wrong, faces.person[k]))])
    return rows


def everybody(faces, found, odds, tested):
    """Each picture's log odds by a network that did not see its person: of the folds over people, or the final one."""
    score = odds["final"].copy()
    for name, fold in found.items():
        if name.startswith("people"):
            out = ~fold.chosen & ~tested
            score[out] = odds[name][out]
    return score


def together(faces, score, alike):
    rng, rows = np.random.default_rng(0), []
    groups = [np.flatnonzero(faces.presentation == g) for g in np.unique(faces.presentation)]
    for n in (1, 2, 4, 8):
        live, person, fused = [], [], []
        for g in groups:
            if len(g) >= n:
                for _ in range(4):
                    k = rng.choice(g, n, False)
                    live.append(faces.live[g[0]]), person.append(faces.person[g[0]])
                    fused.append(score[k].mean() * n / (1 + (n - 1) * alike))
        live, fused = np.array(live), np.array(fused)
        low, high = bootstrap(live, fused, np.array(person))
        rows.append(["%d" % n, "%d" % len(live), "%.4f (%.3f to %.3f)" % (auc(live, fused), low, high),
                     "%.1f%%" % (100 * eer(live, fused)[0]), "%.3f" % reliability(live, sigmoid(fused))[1]])
    return ["The errors of two pictures of one presentation correlate by %.2f (`alike`)." % alike, ""] + table(
        ["pictures", "presentations drawn", "AUC (95% over people)", "EER", "ECE"], rows)


def fairness(faces, people):
    """Light and complexion are measured on the picture: the sets have no labels of either."""
    bona_fide = faces.live == 1
    luma, tone = light(faces)
    groups = [("set: " + s, faces.set == s) for s in sorted(set(faces.set[bona_fide]))]
    groups += [("light: face darker than 80 of 255", luma < 80), ("light: 80 to 160", (luma >= 80) & (luma < 160)), ("light: brighter than 160", luma >= 160)]
    some = np.isin(faces.set, ["lfw", "pourfard", "livenessnet"])
    groups += [("complexion (lfw, pourfard, livenessnet): darker third", some & (tone < np.percentile(tone[some & bona_fide], 33))),
               ("complexion: middle third", some & (tone >= np.percentile(tone[some & bona_fide], 33)) & (tone < np.percentile(tone[some & bona_fide], 67))),
               ("complexion: lighter third", some & (tone >= np.percentile(tone[some & bona_fide], 67)))]
    means = {name: (score[bona_fide] < 0).mean() for name, score in people.items()}
    rows = [["all", *(percent(rate(s[bona_fide] < 0, faces.person[bona_fide])) for s in people.values())]]
    for name, k in groups:
        k = k & bona_fide
        if k.any():
            cells = []
            for which, s in people.items():
                r = rate(s[k] < 0, faces.person[k])
                cells.append(("**%s**" if r["count"] / r["of"] > 2 * means[which] else "%s") % percent(r))
            rows.append([name, *cells])
    return ["Bold: over twice the mean.", ""] + table(["group", *people], rows)


def light(faces):
    """Mean luma of each face, and its complexion as individual typology angle in degrees: lighter skin has a greater one."""
    luma, tone = [], []
    for picture, (x, y, w, h) in zip(faces.pixels, faces.box):
        face = picture[max(int(y + 0.35 * h), 0) : int(y + 0.75 * h) + 1, max(int(x + 0.2 * w), 0) : int(x + 0.8 * w) + 1]
        blue, green, red = np.median(face.reshape(-1, 3), 0)
        luma.append(0.114 * blue + 0.587 * green + 0.299 * red)
        lightness, _, yellow = cv2.cvtColor(np.float32([[[blue, green, red]]]) / 255, cv2.COLOR_BGR2LAB)[0, 0]
        tone.append(np.degrees(np.arctan2(lightness - 50, yellow)))
    return np.array(luma), np.array(tone)


def operating(faces, configuration, pictures, score, out):
    """One block of the table that is shipped: at each threshold the BPCER, and the APCER of each species."""
    points = []
    kinds = sorted(set(faces.species[out & (faces.live == 0)]))
    for threshold in THRESHOLDS:
        odds = np.log(threshold / (1 - threshold))
        accepted = score >= odds
        k = out & (faces.live == 1)
        point = dict(threshold=threshold, bpcer=rate(~accepted[k], faces.person[k]), apcer={})
        for kind in kinds:
            k = out & (faces.species == kind)
            point["apcer"][kind] = rate(accepted[k], faces.person[k])
        points.append(point)
    return dict(configuration=configuration, pictures=pictures, points=points)


def sigmoid(odds):
    return 1 / (1 + np.exp(-odds))
