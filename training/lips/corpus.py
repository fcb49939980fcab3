"""The GRID corpus as mouth pictures with a target for every picture, and training sequences made of them."""
import csv
import os

import numpy as np

import augment

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
STATES = 4  # a digit is a chain of this many states; internal/lips has the same number
SILENCE, OTHER, UNKNOWN = 0, 1, -100
CLASSES = 2 + 10 * STATES

# Every word of the corpus in phones that can be told apart by eye: voiced and voiceless fall together (B: b p m,
# F: f v, T: t d n, S: s z, K: k g), long vowels that glide are two. It lets the digits learn from the other words.
LEXICON = {word: phones.split() for word, phones in {
    "bin": "B IH T", "lay": "L EH IY", "place": "B L EH IY S", "set": "S EH T",
    "blue": "B L UW", "green": "K R IY T", "red": "R EH T", "white": "W AA IY T",
    "at": "AE T", "by": "B AA IY", "in": "IH T", "with": "W IH TH",
    "again": "AH K EH T", "now": "T AA UW", "please": "B L IY S", "soon": "S UW T",
    "a": "EH IY", "b": "B IY", "c": "S IY", "d": "T IY", "e": "IY", "f": "EH F", "g": "CH IY", "h": "EH IY CH",
    "i": "AA IY", "j": "CH EH IY", "k": "K EH IY", "l": "EH L", "m": "EH B", "n": "EH T", "o": "OW", "p": "B IY",
    "q": "K Y UW", "r": "AA", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "F IY", "x": "EH K S", "y": "W AA IY",
    "z": "S EH T",
    "zero": "S IH R OW", "one": "W AH T", "two": "T UW", "three": "TH R IY", "four": "F AO", "five": "F AA IY F",
    "six": "S IH K S", "seven": "S EH F AH T", "eight": "EH IY T", "nine": "T AA IY T"}.items()}
PHONES = ["silence"] + sorted({p for phones in LEXICON.values() for p in phones})


class Clip:
    """One recording: pictures (n, 72, 96) of bytes, the lips' shapes (n, 42), a state and a phone for each, the words
    with their times."""

    def __init__(self, row, pictures, shapes, align):
        self.speaker, self.name, self.digit = row["speaker"], row["name"], int(row["digit"])
        self.pictures, self.shapes = pictures, shapes
        self.words = []  # (first, last, word) in pictures, fractional; silences left out
        self.phones = np.zeros(len(pictures), np.int64)
        self.states = np.full(len(pictures), SILENCE, np.int64)
        middle = np.arange(len(pictures)) + 0.5
        for line in open(align):
            first, last, word = line.split()
            if word not in LEXICON:
                continue
            first, last = int(first) / 1000, int(last) / 1000
            self.words.append((first, last, word))
            inside = (middle >= first) & (middle < last)
            part = np.clip((middle[inside] - first) / (last - first), 0, 0.999)
            phones = np.array([PHONES.index(p) for p in LEXICON[word]])
            self.phones[inside] = phones[(part * len(phones)).astype(int)]
            self.states[inside] = OTHER
            if word in DIGITS:
                self.states[inside] = 2 + DIGITS.index(word) * STATES + (part * STATES).astype(int)
                self.span = first, last


def load(grid, pictures):
    """Clips of every row of tokens.tsv whose mouth pictures were extracted."""
    clips = []
    for row in csv.DictReader(open(os.path.join(grid, "tokens.tsv")), delimiter="\t"):
        file = os.path.join(pictures, row["file"])
        align = os.path.join(grid, "align", row["speaker"], row["name"] + ".align")
        clips.append(Clip(row, np.load(file + ".npy"), np.load(file + ".shape.npy"), align))
    return clips


def cut(clip, first, last, before=0, after=0):
    """A word with some pictures around it, whose states are not known to the model."""
    a = max(0, int(round(first)) - before)
    b = min(len(clip.pictures), int(round(last)) + after)
    states = clip.states[a:b].copy()
    middle = np.arange(a, b) + 0.5
    states[((middle < first) | (middle >= last)) & (states != SILENCE)] = UNKNOWN
    return clip.pictures[a:b].astype(np.float32), clip.shapes[a:b], clip.phones[a:b], states


def whole(clip, part=slice(None)):
    return clip.pictures[part].astype(np.float32), clip.shapes[part], clip.phones[part], clip.states[part]


def join(pieces, dissolves):
    """Joins pieces; each dissolves into the next over so many pictures."""
    pictures, shapes, phones, states = pieces[0]
    for (v, f, p, s), n in zip(pieces[1:], dissolves):
        n = min(n, len(pictures), len(v))
        weight = (np.arange(1, n + 1) / (n + 1)).astype(np.float32)
        pictures, shapes = dissolve(pictures, v, weight), dissolve(shapes, f, weight)
        half, left = n // 2, len(phones) - n
        phones = np.concatenate([phones[:left + half], p[half:]])
        states = np.concatenate([states[:left + half], s[half:]])
    return pictures, shapes, phones, states


def dissolve(a, b, weight):
    """a, then b; so many of their ends as there are weights are mixed."""
    n = len(weight)
    w = weight.reshape(n, *[1] * (a.ndim - 1))
    return np.concatenate([a[:len(a) - n], a[len(a) - n:] * (1 - w) + b[:n] * w, b[n:]])


class Source:
    """Training sequences from all speakers but those held out."""

    def __init__(self, clips, hold=()):
        self.clips = {}
        for clip in clips:
            if clip.speaker not in hold:
                self.clips.setdefault(clip.speaker, []).append(clip)
        self.speakers = sorted(self.clips)
        # A speaker with many clips counts more, but one man's 400 must not drown the others.
        weight = np.array([len(self.clips[s]) ** 0.35 for s in self.speakers])
        self.weight = weight / weight.sum()
        self.digits = {s: {} for s in self.speakers}
        for s in self.speakers:
            for clip in self.clips[s]:
                self.digits[s].setdefault(clip.digit, []).append(clip)

    def sequence(self, rng, length):
        """One sequence of so many pictures (48, 64), 0..1, and shapes (42), with phones and states."""
        speaker = self.speakers[rng.choice(len(self.speakers), p=self.weight)]
        kind = rng.random()
        if kind < 0.6:
            pieces = self.spoken_phrase(rng, speaker, length, digit=0.75)
        elif kind < 0.72:
            pieces = self.spoken_phrase(rng, speaker, length, digit=0.3)
        elif kind < 0.77:
            pieces = [self.silent(rng, speaker, length)]
        else:
            pieces = [whole(self.any(rng, self.clips[speaker]))]
        made = augment.speed(rng, *join(pieces, rng.integers(0, 4, len(pieces))))
        pictures, shapes, phones, states = augment.fit(rng, length, *made)
        if rng.random() < 0.3:
            pictures, shapes = augment.frame_rate(rng, pictures, shapes)
        return *augment.look(rng, pictures, shapes), phones, states

    def silent(self, rng, speaker, length):
        """A held picture, or the closed lips before a sentence, to and fro."""
        clip = self.any(rng, self.clips[speaker])
        if rng.random() < 0.4:
            kept = [rng.integers(len(clip.pictures))]
        else:
            kept = np.arange(max(2, int(clip.words[0][0]) - 2))
        kept = np.resize(np.r_[kept, kept[::-1]], int(1.5 * length))
        n = len(kept)
        return clip.pictures[kept].astype(np.float32), clip.shapes[kept], np.zeros(n, np.int64), np.full(n, SILENCE)

    @staticmethod
    def any(rng, items):
        return items[rng.integers(len(items))]

    def spoken_phrase(self, rng, speaker, length, digit):
        """Digits in random order, with pauses of closed lips and other words between them."""
        pieces, total = [], 0
        while total < 1.35 * length:
            draw = rng.random()
            clip = self.any(rng, self.clips[speaker])
            if draw < digit:
                d = self.any(rng, sorted(self.digits[speaker]))
                clip = self.any(rng, self.digits[speaker][d])
                piece = cut(clip, *clip.span, int(rng.integers(0, 5)), int(rng.integers(0, 5)))
            elif draw < digit + 0.16:
                n = int(rng.integers(3, 14))
                quiet = int(clip.words[0][0])
                piece = whole(clip, slice(quiet - n, quiet) if quiet > n and rng.random() < 0.5 else slice(-n, None))
            else:
                first, last, _ = self.any(rng, [w for w in clip.words if w[2] not in DIGITS])
                piece = cut(clip, first, last)
            pieces.append(piece)
            total += len(piece[0])
        if rng.random() < 0.5:
            pieces.insert(0, whole(clip, slice(0, 8)))
        return pieces

    def batch(self, rng, size, length):
        made = [self.sequence(rng, length) for _ in range(size)]
        return [np.stack([m[i] for m in made]) for i in range(4)]
