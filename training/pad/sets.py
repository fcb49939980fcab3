"""The labelled pictures: who recorded them, which frames belong together, where the face is, and which sets are held out together."""
import csv
import os
from collections import Counter, defaultdict
from dataclasses import dataclass

import cv2
import numpy as np

# Sets that are held out together: whole recorders, the larger sets apart. A set that is not named here gets the fold with the fewest.
FOLDS = [["replayattack"], ["nuaa", "pourfard"], ["livenessnet"], ["kevind", "rienheuver", "lfw"], [], []]
BOTH = 10  # pictures of each label that a set must have to be evaluated


@dataclass
class Picture:
    path: str
    set: str
    clip: str  # frames of one recording share it
    live: bool
    species: str
    size: tuple  # width, height as decoded
    turns: int  # quarter turns clockwise that make the face upright
    box: tuple  # left, top, width, height in the upright picture

    def read(self):
        """The upright picture, height x width x 3, blue first."""
        pixels = cv2.imread(self.path)
        if (pixels.shape[1], pixels.shape[0]) != self.size:  # the server decodes huge pictures smaller
            pixels = cv2.resize(pixels, self.size, interpolation=cv2.INTER_AREA)
        if self.turns:
            pixels = np.ascontiguousarray(np.rot90(pixels, -self.turns))
        return pixels


def read(boxes, root="."):
    """All pictures that boxes.csv (boxes/main.go) has a box of, in the order of the labels files."""
    found = {}
    with open(boxes) as file:
        for labels, path, width, height, turns, _, *box in csv.reader(file):
            found.setdefault(labels, {})[path] = (int(width), int(height)), int(turns), tuple(map(float, box))
    pictures = []
    for labels, places in found.items():
        with open(os.path.join(root, labels)) as file:
            for row in csv.DictReader(file):
                if row["path"] not in places:
                    continue
                size, turns, box = places[row["path"]]
                clip = row.get("clip") or row["person"]
                pictures.append(Picture(
                    path=os.path.join(root, os.path.dirname(labels), row["path"]), set=row["set"],
                    clip="/".join((row["set"], clip, row["label"], row["species"])), live=row["label"] == "bona_fide",
                    species=row["species"], size=size, turns=turns, box=box))
    return pictures


def folds(pictures):
    """Set -> number of the fold that it is held out in."""
    of = {name: i for i, names in enumerate(FOLDS) for name in names}
    sizes = Counter()
    for name in sorted({p.set for p in pictures} - set(of)):
        fold = min(range(len(FOLDS)), key=lambda i: (sizes[i] + (2 if i < 3 else 0), i))
        of[name] = fold
        sizes[fold] += 1
    return of


def evaluated(pictures):
    """The sets with enough pictures of both labels, in alphabetical order."""
    count = Counter((p.set, p.live) for p in pictures)
    return [s for s in sorted({p.set for p in pictures}) if count[s, True] >= BOTH and count[s, False] >= BOTH]


def weights(sets, live, clips):
    """Weights that add up to 1: recorders alike, within them both labels, within those all clips, within those all frames.

    A set with one label only counts half, as its label does elsewhere.
    """
    of_clip, of_label = Counter(zip(sets, live, clips)), defaultdict(set)
    for s, l, c in zip(sets, live, clips):
        of_label[s, l].add(c)
    raw = np.array([1 / len(of_label[s, l]) / of_clip[s, l, c] for s, l, c in zip(sets, live, clips)])
    live = np.asarray(live, bool)
    for label in (True, False):  # both labels alike over all sets
        if (live == label).any():
            raw[live == label] *= 0.5 / raw[live == label].sum()
    return raw
