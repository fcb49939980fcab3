"""Sound of the GRID corpus with a label for every sample, and sequences made of it.

Classes, as those of the lips' model: 0 silence, 1 other speech, 2 + 4 d + s the state s (0..3) of digit d."""
import csv, os, struct, subprocess
import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

RATE, BANDS, STATES, CLASSES = 16000, 40, 4, 42
ROWS_PER_LABEL = 2  # spectra come 100 a second, labels 50 a second
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
UNIT = RATE // 25 / 1000  # samples in an alignment's unit: 1000 units a frame of 1/25 s
CODECS = {  # coded at these rates and decoded again; every recording that reaches the server was coded by somebody
    "opus": (["-c:a", "libopus", "-b:a", "12k"], "ogg"),
    "aac": (["-c:a", "aac", "-b:a", "20k"], "mp4"),
}


def decode(arguments, data=None):
    raw = subprocess.run(["ffmpeg", "-v", "error", *arguments, "-vn", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "-"],
                         input=data, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.int16)


class Clip:
    """One sentence: samples by codec ("" is the corpus's own), labels a sample, the words as (first, last, word) in samples."""

    def __init__(self, row, root):
        self.speaker, self.name, self.digit = row["speaker"], row["name"], int(row["digit"])
        self.samples = {"": decode(["-i", os.path.join(root, row["file"])])}
        self.words, self.labels = [], np.zeros(len(self.samples[""]), np.int8)
        for line in open(os.path.join(root, "align", self.speaker, self.name + ".align")):
            a, b, word = line.split()
            a, b = int(float(a) * UNIT), min(int(float(b) * UNIT), len(self.labels))
            if word in ("sil", "sp") or b <= a:
                continue
            self.words.append((a, b, word))
            self.labels[a:b] = 1
            if word in DIGITS:
                self.labels[a:b] = 2 + self.digit * STATES + np.arange(b - a) * STATES // (b - a)
                self.first, self.last = a, b

    def piece(self, a, b, codec=""):
        a, b = max(0, a), min(b, len(self.labels))
        return self.samples[codec][a:b].astype(np.float32), self.labels[a:b]


def load(root):
    clips = [Clip(row, root) for row in csv.DictReader(open(os.path.join(root, "tokens.tsv")), delimiter="\t")]
    for speaker in sorted({c.speaker for c in clips}):
        own = [c for c in clips if c.speaker == speaker]
        whole = np.concatenate([c.samples[""] for c in own])
        for codec, (arguments, container) in CODECS.items():
            coded = f"/tmp/bonafide-training-{os.getpid()}.{container}"
            subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-", *arguments,
                            "-f", container, coded], input=whole.tobytes(), check=True)
            again = decode(["-i", coded])
            os.remove(coded)
            again = np.pad(again, (0, max(0, len(whole) - len(again))))
            at = 0
            for c in own:
                c.samples[codec] = again[at:at + len(c.labels)]
                at += len(c.labels)
    return clips


def join(pieces, dissolve):
    """Joins (samples, labels) pairs; neighbours overlap by `dissolve` samples."""
    samples, labels = pieces[0]
    for s, l in pieces[1:]:
        n = min(dissolve, len(samples), len(s))
        up = np.arange(n) / max(n, 1)
        samples = np.concatenate([samples[:len(samples) - n], samples[len(samples) - n:] * (1 - up) + s[:n] * up, s[n:]])
        labels = np.concatenate([labels[:len(labels) - n + n // 2], l[n // 2:]])
    return samples.astype(np.float32), labels


def quiet(n):
    return np.zeros(n, np.float32), np.zeros(n, np.int8)


def spoken_phrase(tokens, pad=3, dissolve=2):
    """The sound of ../shared/tools/splice.py: the clips' digits with 3 frames around them between two quiet leads."""
    frame = RATE // 25
    pieces = [quiet(8 * frame)]
    for c in tokens:
        first, last = round(c.first / frame) - pad, round(c.last / frame) + pad
        pieces.append(c.piece(first * frame, last * frame))
    return join(pieces + [quiet(8 * frame)], dissolve * frame)


def sequence(clips, rng, length):
    """About `length` samples of one speaker: spoken_phrases, digits among other words, or plain sentences."""
    codec = rng.choice(["", "", *CODECS])
    digits = {}
    for c in clips:
        digits.setdefault(c.digit, []).append(c)
    known, kind, pieces, total = sorted(digits), rng.random(), [quiet(int(rng.uniform(0, .8) * RATE))], 0
    pause = rng.choice([0, .1, .4])
    while total < length:
        if kind < .15:
            c = clips[rng.integers(len(clips))]
            piece = c.piece(0, len(c.labels), codec)
        elif rng.random() < (.85 if kind < .75 else .35):
            c = rng.choice(digits[known[rng.integers(len(known))]])
            pad = rng.integers(0, int(.13 * RATE), 2)
            piece = c.piece(c.first - pad[0], c.last + pad[1], codec)
        else:
            c = clips[rng.integers(len(clips))]
            words = [w for w in c.words if w[2] not in DIGITS]
            a, b, _ = words[rng.integers(len(words))]
            piece = c.piece(a, b, codec)
        pieces.append(piece)
        total += len(piece[0])
        if rng.random() < .6:
            pieces.append(quiet(int(rng.exponential(pause + .01) * RATE)))
    samples, labels = join(pieces, int(rng.uniform(.005, .08) * RATE))
    return samples[:length], labels[:length]


def noise(n, clips, rng):
    """Noise of one kind: white to brown, hum, or a murmur of voices played backwards."""
    kind = rng.random()
    if kind < .55:
        spectrum = np.fft.rfft(rng.normal(size=n)) / np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20) ** rng.uniform(0, 1.2)
        out = np.fft.irfft(spectrum, n)
    elif kind < .65:
        t, f = np.arange(n) / RATE, rng.choice([50, 60]) * rng.uniform(.99, 1.01)
        out = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * (f * k * t + rng.random())) for k in range(1, 12))
    else:
        out = np.zeros(n)
        for _ in range(rng.integers(2, 7)):
            voice = clips[rng.integers(len(clips))].samples[""][::-1].astype(np.float32)
            out += np.roll(np.resize(voice, n), rng.integers(n))
    return out / (np.sqrt(np.mean(out ** 2)) + 1e-9)


def spoil(samples, labels, clips, rng):
    """What rooms, microphones and recorders do to a voice."""
    speed = np.exp(rng.normal(0, .1)).clip(.8, 1.25)  # moves pitch and formants too: other throats
    at = np.arange(0, len(samples) - 1, speed)
    samples, labels = np.interp(at, np.arange(len(samples)), samples), labels[at.astype(int)]
    if rng.random() < .5:  # a room: a decaying noise after the direct sound
        t = np.arange(int(.4 * RATE)) / RATE
        tail = rng.normal(size=len(t)) * 10 ** (-3 * t / rng.uniform(.1, .7))
        tail *= rng.uniform(.1, 1) / np.sqrt(np.sum(tail ** 2))
        tail[0] += 1
        samples = fftconvolve(samples, tail)[:len(samples)]
    if rng.random() < .5:
        low, high = rng.choice([60, 150, 300]), rng.choice([3400, 5000, 7800])
        samples = sosfilt(butter(2, [low, high], "band", fs=RATE, output="sos"), samples)
    loud = np.sqrt(np.mean(samples[labels > 0] ** 2)) if (labels > 0).any() else 300.
    samples = samples + noise(len(samples), clips, rng) * loud * 10 ** (-rng.uniform(3, 45) / 20)
    gain = 10 ** rng.uniform(-1.5, .6)
    return np.clip(samples * gain, -32768, 32767).astype(np.int16), labels


class Ear:
    """The server's own spectra, by the program in features/."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def spectra(self, samples):
        pipe = self.process
        pipe.stdin.write(struct.pack("<I", len(samples)) + np.asarray(samples, "<i2").tobytes())
        pipe.stdin.flush()
        rows, = struct.unpack("<I", pipe.stdout.read(4))
        return np.frombuffer(pipe.stdout.read(rows * BANDS * 4), "<f4").reshape(rows, BANDS)


def targets(labels, rows):
    """The label in the middle of every 20 ms."""
    step = RATE // 100 * ROWS_PER_LABEL
    return labels[step // 2::step][:rows // ROWS_PER_LABEL].astype(np.int64)
