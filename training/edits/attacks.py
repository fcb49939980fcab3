#!/usr/bin/python3
"""Makes edited recordings out of GRID speakers, of every kind in KINDS, and uncut ones to compare them with.

    attacks.py --grid DATA/lips/grid --kind cut --people s2 --phrase 59769 --out cut.mp4 [--traces WORK/clips] [--seed 0]
               [--encoding kbit300+fps15]
    attacks.py --list

Kinds that paste a part of a face need the landmarks of the clips: run measure on the grid first and give its folder as --traces.
`people` are two where a kind needs another person, separated by a comma. An encoding is made of the words plain, kbitN (N kbit/s),
fpsN, vp8 and twice (encoded once before at 500 kbit/s), joined by +. Needs ffmpeg and python3-numpy.
"""
import argparse, csv, functools, os, random, subprocess, sys
import numpy as np

RATE, FPS = 16000, 25  # samples and frames a second
WIDTH, HEIGHT = 360, 288

# What each kind is made like, and which gate is to find it. The kinds in HELD_OUT are never used for training or tuning.
KINDS = {
    "cut": "joints", "dissolve1": "joints", "dissolve2": "joints", "dissolve3": "joints", "dissolve4": "joints",
    "dissolve5": "joints", "dissolve6": "joints", "dissolve3-aligned": "joints", "held": "joints", "doubled": "joints",
    "dropped": "joints", "speed": "joints",
    "turns-digit": "persons", "turns-half": "persons",
    "still-own-mouth": "still", "photo-other-mouth": "still", "photo-swaying": "still",
    "mouth-other": "patch", "mouth-other-uncut": "patch", "mouth-warped": "patch",
    "mask-other": "patch", "mask-other-uncut": "patch",
}
HELD_OUT = {"dissolve3-aligned", "mouth-warped", "mask-other-uncut"}
TWO_PEOPLE = {k for k in KINDS if "other" in k or "turns" in k or k in ("photo-swaying", "mouth-warped")}

RIGID = [range(36, 42), range(42, 48), [27], [30], [33]]  # landmarks that speech does not move: eyes and nose


class Take:
    """A stretch of recording: frames (n, 288, 360, 3), landmarks (n, 68, 2) or None, sound (16 kHz), where parts are joined."""

    def __init__(self, frames, points, sound, joints=()):
        self.frames, self.points, self.sound, self.joints = frames, points, sound, list(joints)

    def __len__(self):
        return len(self.frames)

    def part(self, first, last):
        pick = lambda v: None if v is None else v[first:last]
        return Take(self.frames[first:last], pick(self.points), self.sound[first * RATE // FPS:last * RATE // FPS])

    def at(self, index):
        """The frames of the given numbers; the sound stays."""
        index = np.asarray(index)
        return Take(self.frames[index], None if self.points is None else self.points[index], self.sound, self.joints)


class Corpus:
    def __init__(self, grid, traces=None):
        self.grid, self.traces = grid, traces
        self.tokens = {}
        for row in csv.DictReader(open(os.path.join(grid, "tokens.tsv")), delimiter="\t"):
            if not traces or os.path.exists(os.path.join(traces, row["file"] + ".trace")):
                self.tokens.setdefault(row["speaker"], []).append(row)
        self.clip = functools.lru_cache(60)(self.clip)

    def clip(self, name):
        raw = run(["-i", os.path.join(self.grid, name), "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-"])
        frames = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
        sound = np.frombuffer(run(["-i", os.path.join(self.grid, name), "-vn", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "-"]), np.int16)
        sound = np.resize(np.r_[sound, np.zeros(RATE, np.int16)], len(frames) * RATE // FPS)
        points = None
        if self.traces:
            import trace
            seen = trace.read(os.path.join(self.traces, name + ".trace"), ("at", "points"))
            nearest = np.abs(seen["at"][None] - np.arange(len(frames))[:, None] / FPS).argmin(1)
            points = seen["points"][nearest].astype(np.float64)
        return Take(frames, points, sound)

    def uncut(self, rng, person):
        return self.clip(rng.choice(self.tokens[person])["file"])

    def parts(self, rng, people, phrase, pad=3):
        """The closed mouth, each digit with a little around it, and the closed mouth again. The people take turns."""
        chosen = []
        for i, digit in enumerate(phrase):
            have = [t for t in self.tokens[people[i]] if t["digit"] == digit]
            if not have:
                sys.exit(f"attacks: {people[i]} has no recording of {digit}: choose another phrase")
            chosen.append(rng.choice(have))
        first, last = self.clip(chosen[0]["file"]), self.clip(chosen[-1]["file"])
        parts = [first.part(0, 8)]
        for t in chosen:
            clip = self.clip(t["file"])
            a = max(0, round(float(t["digit_start_frame"])) - pad)
            parts.append(clip.part(a, min(len(clip), round(float(t["digit_end_frame"])) + pad)))
        return parts + [last.part(len(last) - 8, len(last))]


def run(arguments, data=None):
    return subprocess.run(["ffmpeg", "-v", "error", "-threads", "1", *arguments], input=data, check=True, capture_output=True).stdout


def join(parts, dissolve=0):
    """One take of several; `dissolve` frames of neighbours overlap."""
    whole = parts[0]
    for b in parts[1:]:
        n = min(dissolve, len(whole) - 1, len(b) - 1)
        cut = len(whole) - n
        w = (np.arange(1, n + 1) / (n + 1))[:, None, None, None]
        mixed = (whole.frames[cut:] * (1 - w) + b.frames[:n] * w).astype(np.uint8)
        k = n * RATE // FPS
        u = np.arange(k) / max(k, 1)
        size = len(whole.sound) - k
        points = None
        if whole.points is not None:
            v = w[..., 0]
            points = np.concatenate([whole.points[:cut], whole.points[cut:] * (1 - v) + b.points[:n] * v, b.points[n:]])
        whole = Take(np.concatenate([whole.frames[:cut], mixed, b.frames[n:]]), points,
                     np.concatenate([whole.sound[:size], (whole.sound[size:] * (1 - u) + b.sound[:k] * u).astype(np.int16), b.sound[k:]]),
                     whole.joints + [cut])
    return whole


def anchors(points):
    """The rigid points (5, 2) of a face, and so for many."""
    return np.stack([points[..., list(p), :].mean(-2) for p in RIGID], -2)


def similarity(a, b):
    """The complex (scale, shift) with b ~ scale a + shift in the least-squares sense; a and b (k, 2)."""
    a, b = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    u, v = a - a.mean(), b - b.mean()
    s = (u.conj() * v).sum() / (abs(u) ** 2).sum()
    return s, b.mean() - s * a.mean()


def smooth(values, width=5):
    kernel = np.hanning(width + 2)[1:-1]
    kernel /= kernel.sum()
    padded = np.pad(values, (width // 2, width // 2), "edge")
    return np.convolve(padded, kernel, "valid")


def sample(frame, x, y):
    """The frame's colours at fractional places, its border repeated."""
    x, y = np.clip(x, 0, frame.shape[1] - 1.001), np.clip(y, 0, frame.shape[0] - 1.001)
    i, j = x.astype(int), y.astype(int)
    u, v = (x - i)[..., None], (y - j)[..., None]
    f = frame.astype(np.float32)
    return (1 - v) * ((1 - u) * f[j, i] + u * f[j, i + 1]) + v * ((1 - u) * f[j + 1, i] + u * f[j + 1, i + 1])


def moved(frame, scale, shift):
    """The frame as a similarity shows it."""
    y, x = np.mgrid[:frame.shape[0], :frame.shape[1]]
    z = ((x + 1j * y) - shift) / scale
    return np.clip(sample(frame, z.real, z.imag) + 0.5, 0, 255).astype(np.uint8)


def inside(polygon, shape, feather):
    """A mask, 0..1, of a convex polygon, whose edge falls off over so many pixels to the inside and outside."""
    y, x = np.mgrid[:shape[0], :shape[1]]
    distance = np.full(shape, 1e9)
    turn = np.sign(np.cross(polygon[1] - polygon[0], polygon[2] - polygon[1]))
    for a, b in zip(polygon, np.roll(polygon, -1, 0)):
        d = b - a
        distance = np.minimum(distance, turn * (d[0] * (y - a[1]) - d[1] * (x - a[0])) / max(np.hypot(*d), 1e-6))
    return np.clip(0.5 + distance / (2 * max(feather, 0.5)), 0, 1)


def hull(points):
    """The convex hull of points (Andrew's monotone chain)."""
    points = sorted(map(tuple, points))
    def half(ps):
        out = []
        for p in ps:
            while len(out) > 1 and (out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) - (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0]) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]
    return np.array(half(points) + half(points[::-1]))


def mouth_region(points, grow):
    mouth = points[48:60]
    return hull(mouth.mean(0) + (mouth - mouth.mean(0)) * grow)


def mask_region(points, grow):
    """From chin to forehead, a little inside the jaw."""
    eyes = (points[36:42].mean(0) + points[42:48].mean(0)) / 2
    brows = points[17:27] + 0.35 * (points[17:27].mean(0) - points[33])
    face = np.concatenate([points[1:16], brows])
    return hull(eyes + (face - eyes) * grow)


def paste(target, source, region, grow, feather, match, warp=False):
    """The source's region over the target's, which follows the target's head; both takes are equally long."""
    fit = np.array([similarity(anchors(s), anchors(t)) for s, t in zip(source.points, target.points)])
    fit = np.stack([smooth(fit[:, k].real) + 1j * smooth(fit[:, k].imag) for k in range(2)], 1)
    frames = target.frames.copy()
    offset = None
    for i in range(len(target)):
        scale, shift = fit[i]
        moved_points = (source.points[i, :, 0] + 1j * source.points[i, :, 1]) * scale + shift
        onto = np.stack([moved_points.real, moved_points.imag], 1)
        if warp:  # the lower face where the target's is: an affine map of jaw, nose and the mouth's corners
            pick = [4, 5, 6, 10, 11, 12, 31, 33, 35, 48, 54]
            m, *_ = np.linalg.lstsq(np.c_[target.points[i, pick], np.ones(len(pick))], source.points[i, pick], rcond=None)
            onto = target.points[i].copy()
            lips = np.c_[source.points[i, 48:60], np.ones(12)]
            back = np.linalg.lstsq(np.c_[source.points[i, pick], np.ones(len(pick))], target.points[i, pick], rcond=None)[0]
            onto[48:60] = lips @ back
        polygon = region(onto, grow)
        margin = int(2 * feather + 3)
        x0, y0 = np.maximum(np.floor(polygon.min(0)).astype(int) - margin, 0)
        x1, y1 = np.ceil(polygon.max(0)).astype(int) + margin
        x1, y1 = min(x1, WIDTH), min(y1, HEIGHT)
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        y, x = np.mgrid[y0:y1, x0:x1]
        if warp:
            at = np.stack([x, y, np.ones_like(x)], -1) @ m
            colours = sample(source.frames[i], at[..., 0], at[..., 1])
        else:
            z = ((x + 1j * y) - shift) / scale
            colours = sample(source.frames[i], z.real, z.imag)
        mask = inside(polygon - [x0, y0], (y1 - y0, x1 - x0), feather)[..., None]
        behind = frames[i, y0:y1, x0:x1].astype(np.float32)
        if match:
            ring = ((mask > 0.02) & (mask < 0.98))[..., 0] if feather > 1 else (mask > 0.5)[..., 0]
            now = behind[ring].mean(0) - colours[ring].mean(0)
            offset = now if offset is None else 0.8 * offset + 0.2 * now
            colours = colours + offset
        frames[i, y0:y1, x0:x1] = np.clip(behind * (1 - mask) + colours * mask + 0.5, 0, 255).astype(np.uint8)
    return Take(frames, target.points, source.sound, source.joints)


def sway(rng, take):
    """The whole picture moves as if held in a hand, and every frame has its own noise."""
    t = np.arange(len(take)) / FPS
    wave = lambda size: size * sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6.3)) for f in (rng.uniform(0.2, 0.5), rng.uniform(0.6, 1.3)))
    dx, dy, turn, zoom = wave(2.5), wave(2.0), wave(0.008), wave(0.006)
    frames, noise = [], np.random.default_rng(rng.randrange(1 << 30))
    for i, f in enumerate(take.frames):
        s = (1.04 + zoom[i]) * np.exp(1j * turn[i])
        c = complex(WIDTH / 2, HEIGHT / 2)
        g = moved(f, s, c - s * c + complex(dx[i], dy[i]))
        frames.append(np.clip(g + noise.normal(0, 2.5, g.shape[:2] + (1,)), 0, 255).astype(np.uint8))
    return Take(np.array(frames), None, take.sound, take.joints)


def speak(corpus, rng, person, phrase, dissolve=2):
    return join(corpus.parts(rng, [person] * len(phrase), phrase), dissolve)


def still(corpus, rng, person, length):
    clip = corpus.uncut(rng, person)
    i = rng.randrange(len(clip))
    return Take(np.repeat(clip.frames[i:i + 1], length, 0), np.repeat(clip.points[i:i + 1], length, 0), None)


def aligned(parts):
    """Each part moved and turned as a whole, so that its head begins where the one before ended."""
    out = parts[:1]
    for p in parts[1:]:
        s, shift = similarity(anchors(p.points[0]), anchors(out[-1].points[-1]))
        z = (p.points[..., 0] + 1j * p.points[..., 1]) * s + shift
        out.append(Take(np.array([moved(f, s, shift) for f in p.frames]), np.stack([z.real, z.imag], -1), p.sound))
    return out


def resampled(take, speed):
    n = max(2, round(len(take) / speed))
    index = np.minimum(np.round(np.arange(n) * speed).astype(int), len(take) - 1)
    sound = np.interp(np.linspace(0, len(take.sound) - 1, n * RATE // FPS), np.arange(len(take.sound)), take.sound).astype(np.int16)
    out = take.at(index)
    return Take(out.frames, out.points, sound)


def make(corpus, rng, kind, people, phrase):
    """One recording of a kind; people[0] is who is shown, people[1] whose mouth or face is borrowed."""
    me, other = people[0], people[-1]
    if kind == "uncut":
        return corpus.uncut(rng, me)
    if kind.startswith("turns"):
        n = len(phrase)
        who = [people[i % 2] for i in range(n)] if kind == "turns-digit" else [me] * (n // 2) + [other] * (n - n // 2)
        return join(corpus.parts(rng, who, phrase), 2)
    if kind in ("cut", "held", "doubled", "dropped", "speed", "dissolve3-aligned") or kind.startswith("dissolve"):
        parts = corpus.parts(rng, [me] * len(phrase), phrase)
        if kind == "held":  # the last frame before each joint stands still for some frames
            parts = [p.at(np.r_[np.arange(len(p) - 3), [len(p) - 4] * 3]) for p in parts]
        elif kind == "doubled":  # the frames around a joint are shown twice
            parts = [p.at(np.r_[0, 0, np.arange(2, len(p) - 2), len(p) - 2, len(p) - 2]) for p in parts]
        elif kind == "dropped":  # the frames around a joint are left out
            parts = [p.part(1, len(p) - 2) for p in parts]
        elif kind == "speed":
            parts = [resampled(p, (0.8, 1.25)[i % 2]) for i, p in enumerate(parts)]
        elif kind == "dissolve3-aligned":
            parts = aligned(parts)
        return join(parts, {"speed": 2, "held": 0, "doubled": 0, "dropped": 0, "cut": 0}.get(kind) if not kind.startswith("dissolve") else int(kind[8]))
    if kind == "still-own-mouth":
        mouth = speak(corpus, rng, me, phrase)
        return paste(still(corpus, rng, me, len(mouth)), mouth, mouth_region, rng.uniform(1.3, 1.8), rng.uniform(1, 4), rng.random() < 0.5)
    if kind in ("photo-other-mouth", "photo-swaying"):
        mouth = speak(corpus, rng, other, phrase)
        take = paste(still(corpus, rng, me, len(mouth)), mouth, mouth_region, rng.uniform(1.3, 1.8), rng.uniform(3, 7), True)
        return sway(rng, take) if kind == "photo-swaying" else take
    region = mask_region if kind.startswith("mask") else mouth_region
    grow = rng.uniform(0.92, 1.0) if region is mask_region else rng.uniform(1.3, 1.8)
    uncut = kind in ("mouth-other-uncut", "mask-other-uncut") or kind == "mouth-warped" and rng.random() < 0.5
    if uncut:
        target, source = corpus.uncut(rng, me), corpus.uncut(rng, other)
    else:
        source = speak(corpus, rng, other, phrase)
        target = speak(corpus, rng, me, "".join(rng.choice(sorted({t["digit"] for t in corpus.tokens[me]})) for _ in phrase))
    n = len(source)
    target = target.at(np.resize(np.r_[np.arange(len(target)), np.arange(len(target) - 1)[::-1]], n))
    return paste(target, source, region, grow, rng.uniform(2, 6), True, warp=kind == "mouth-warped")


# The conditions of training/lips/conditions.py under which an uncut recording must pass, and some that this check needs.
CONDITIONS = {
    "plain": [], "fps15": ["-vf", "fps=15"], "fps30": ["-vf", "fps=30"],
    "uneven": ["-vf", "select='not(eq(mod(n,7),2)+eq(mod(n,11),5))'", "-fps_mode", "vfr"],
    "kbit150": ["-b:v", "150k", "-maxrate", "150k", "-bufsize", "300k", "-preset", "veryfast"],
    "dim": ["-vf", "eq=brightness=-0.12:contrast=0.45:gamma=0.8,noise=alls=8:allf=t"],
    "side": ["-vf", "geq=lum='lum(X,Y)*(0.25+0.9*X/W)':cb='cb(X,Y)':cr='cr(X,Y)'"],
    "small": ["-vf", "scale=w=iw*0.46:h=ih*0.46,pad=640:480:(ow-iw)/2:(oh-ih)/2:gray"],
    "large": ["-vf", "crop=iw*0.62:ih*0.75:iw*0.19:ih*0.23,scale=1000:906"],
    "moving": ["-vf", "crop=w=iw*0.9:h=ih*0.9:x='(iw-ow)/2*(1+sin(10*t)*(lt(t,0.8)+gt(t,2.8)))':"
                      "y='(ih-oh)/2*(1+0.7*sin(7*t)*(lt(t,0.8)+gt(t,2.8)))',scale=640:480"],
    "tilt": ["-vf", "rotate=10*PI/180:fillcolor=gray"],
    "turned": ["-vf", "perspective=x0=0:y0=-22:x1=W*0.955:y1=14:x2=0:y2=H+22:x3=W*0.955:y3=H-14:sense=destination"],
    "slow": ["-vf", "setpts=PTS/0.7,fps=25", "-af", "atempo=0.7"],
    "keyframes": ["-b:v", "400k", "-maxrate", "400k", "-bufsize", "400k", "-g", "25", "-preset", "veryfast"],
}


def encode(take, out, encoding="plain", condition="plain"):
    """Writes a take as a recording of 640x480."""
    words = encoding.split("+")
    sound, first = out + ".pcm", out + ".first.mp4"
    take.sound.astype("<i2").tofile(sound)
    raw = ["-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-",
           "-f", "s16le", "-ac", "1", "-ar", str(RATE), "-i", sound, "-map", "0:v", "-map", "1:a"]
    x264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    shape = ["scale=640:480:force_original_aspect_ratio=increase", "crop=640:480"]
    rate = next((w[4:] for w in words if w.startswith("kbit")), "")
    last = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M"] if "vp8" in words else list(x264)
    if rate:
        last += ["-b:v", rate + "k", "-maxrate", rate + "k", "-bufsize", str(2 * int(rate)) + "k"]
    changed = list(CONDITIONS[condition])
    if "-vf" in changed:
        shape.append(changed.pop(changed.index("-vf") + 1))
        changed.remove("-vf")
    if "vp8" not in words and "-b:v" not in last + changed:
        last += ["-crf", "23"]
    source, data = raw, take.frames.tobytes()
    try:
        if "twice" in words:
            run(raw + ["-vf", ",".join(shape)] + x264 + ["-b:v", "500k", first], data)
            source, data, shape = ["-y", "-i", first], None, []
        shape += ["fps=" + w[3:] for w in words if w.startswith("fps")]
        run(source + (["-vf", ",".join(shape)] if shape else []) + last + changed + [out], data)
    finally:
        os.remove(sound)
        if os.path.exists(first):
            os.remove(first)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--grid"); p.add_argument("--traces"); p.add_argument("--kind"); p.add_argument("--people"); p.add_argument("--phrase", default="59769")
    p.add_argument("--seed", type=int, default=0); p.add_argument("--encoding", default="plain"); p.add_argument("--condition", default="plain")
    p.add_argument("--out"); p.add_argument("--list", action="store_true")
    o = p.parse_args()
    if o.list:
        print("\n".join(f"{k}\t{gate}\t{'held out' if k in HELD_OUT else 'trained on'}" for k, gate in KINDS.items()))
        return
    if o.kind not in KINDS and o.kind != "uncut":
        sys.exit(f"attacks: there is no kind {o.kind}: see --list")
    people = o.people.split(",")
    if o.kind in TWO_PEOPLE and len(people) < 2:
        sys.exit(f"attacks: {o.kind} needs two people: give --people s2,s5")
    take = make(Corpus(o.grid, o.traces), random.Random(f"{o.seed} {o.kind} {o.people}"), o.kind, people, o.phrase)
    encode(take, o.out, o.encoding, o.condition)


if __name__ == "__main__":
    main()
