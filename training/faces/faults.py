#!/usr/bin/python3
"""Makes pictures that have just one fault each, and faultless ones, for `bonafide eval reasons`.

    /usr/bin/python3 training/faces/faults.py --data ../shared/data --faces training/occlusion/work --out FOLDER
    bonafide eval reasons FOLDER/reasons.csv

At least 100 pictures a code of the face liveness protocol and 500 faultless ones, from bona fide pictures of ../shared/data.
Covered faces are drawn by training/occlusion/occluders.py over people that the occlusion net never saw; --faces is the folder
that training/occlusion/faces filled.
"""
import argparse, csv, glob, os, sys
import cv2
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../occlusion"))
from occluders import Face, compose
from train import load

# Rows of LFW in labels.csv (in its order) that were looked at: one face, straight, whole, nothing before it.
LFW = """1 4 6 7 8 9 10 11 12 15 16 17 19 20 27 28 34 35 39 40 41 42 49 51 54 57 58 60 61 62 67 69 70 71 80 81 87 89 94 95 98
100 104 106 109 110 112 115 117 125 127 128 129 130 134 136 140 142 144 146 147 149 152 156 157 158 159 162 164 165
167 168 173 175 176 178 179 180 182 184 185 188 190 192 194 195 197 198 200 201 203 207 208 209 212 213 216 217 218
221 223 224 226 229 234 235 237 240 241 242 243 245 246 249 251 253 254 257 260 262 268 269 270 274 276 278 279 281
282 284 288 292 293 294 295 296 297 299"""


class Portrait:
    """A picture with one face, enlarged so that the face is some 300 pixels high, and the face's box."""

    def __init__(self, path, box):
        image = cv2.imread(path)
        scale = 300 / box[3]
        self.image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
        self.box = [v * scale for v in box]

    def window(self, left, top, right, bottom):
        """The part between two corners, which are in parts of the face box; what lies outside the picture is its mirror image, blurred."""
        x, y, w, h = self.box
        a, b, c, d = (int(round(v)) for v in (x + left * w, y + top * h, x + right * w, y + bottom * h))
        rows, columns = self.image.shape[:2]
        pads = max(-b, 0), max(d - rows, 0), max(-a, 0), max(c - columns, 0)
        if max(pads) == 0:
            return self.image[b:d, a:c].copy()
        # A replicated edge, not a mirrored one, which could show a second face.
        wide = cv2.copyMakeBorder(self.image, *pads, cv2.BORDER_REPLICATE)
        soft = cv2.GaussianBlur(wide, (0, 0), 9)
        soft[pads[0]:pads[0] + rows, pads[2]:pads[2] + columns] = self.image
        return soft[b + pads[0]:d + pads[0], a + pads[2]:c + pads[2]].copy()


def portraits(data, rng):
    rows = list(csv.DictReader(open(os.path.join(data, "pad/labels.csv"))))
    lfw = [r for r in rows if r["set"] == "lfw"]
    chosen = [lfw[int(i)] for i in LFW.split()]
    for name, most in (("replayattack", 240), ("nuaa", 130)):
        live = [r for r in rows if r["set"] == name and r["label"] == "bona_fide" and r["face_w"]]
        chosen += [live[i] for i in sorted(rng.choice(len(live), most, replace=False))]
    out = []
    for r in chosen:
        box = [float(r[k]) for k in ("face_x", "face_y", "face_w", "face_h")]
        out.append(Portrait(os.path.join(data, "pad", r["path"]), box))
    return out, {r["person"] for r in chosen}


def nothing(rng, things, i):
    """A picture of no face: a thing, a part of one, noise, writing, a drawing."""
    kind = i % 5
    out = np.full((480, 640, 3), rng.integers(40, 255, 3), np.uint8)
    if kind < 2:
        t = things[i % len(things)]
        s = rng.uniform(.3, 1)
        h, w = int(t.shape[0] * s), int(t.shape[1] * s)
        y, x = rng.integers(t.shape[0] - h + 1), rng.integers(t.shape[1] - w + 1)
        return cv2.resize(t[y:y + h, x:x + w], (640, max(int(640 * h / w), 1)), interpolation=cv2.INTER_AREA)
    if kind == 2:
        small = rng.integers(0, 255, (int(rng.integers(4, 480)), int(rng.integers(4, 640)), 3)).astype(np.uint8)
        return cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(10, 40))):
        p = tuple(int(v) for v in rng.integers(0, 600, 2)); ink = tuple(int(v) for v in rng.integers(0, 255, 3))
        if kind == 3:
            word = "".join(chr(rng.integers(65, 91)) for _ in range(8))
            cv2.putText(out, word, p, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(.4, 2), ink, 2, cv2.LINE_AA)
        elif rng.random() < .5:
            cv2.circle(out, p, int(rng.integers(5, 120)), ink, int(rng.choice([-1, 2, 5])), cv2.LINE_AA)
        else:
            cv2.rectangle(out, p, tuple(int(v) for v in rng.integers(0, 600, 2)), ink, int(rng.choice([-1, 2, 5])))
    return out


def loose(rng):
    """A window with some room on each side: left, top, right, bottom in parts of the face box."""
    return -rng.uniform(.55, .9), -rng.uniform(.45, .6), 1 + rng.uniform(.55, .9), 1 + rng.uniform(.35, .5)


def one_side(rng, i, at):
    """A wide window of which one side is moved to a place, in parts of the face box, inside (positive) or outside of it."""
    w = [-rng.uniform(.6, .9), -rng.uniform(.7, .9), 1 + rng.uniform(.6, .9), 1 + rng.uniform(.7, .9)]
    w[i % 4] = at if i % 4 < 2 else 1 - at
    return w


def turned(data, rng, n):
    """Real heads that are turned far: each several times, mirrored, brighter or darker, at another size. 015 is left out: by
    eye it may be turned less than 30 degrees."""
    files = [f for f in sorted(glob.glob(os.path.join(data, "faces/large_yaw/*"))) if "015" not in f]
    for i in range(n):
        image = cv2.imread(files[i % len(files)])
        if i // len(files) % 2:
            image = image[:, ::-1]
        scale = rng.uniform(1, 1.3) * max(1, 600 / max(image.shape[:2]))
        if "004" in files[i % len(files)] or "007" in files[i % len(files)] or "013" in files[i % len(files)]:
            scale *= 2  # small in the picture
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        image = cv2.copyMakeBorder(image, 120, 120, 120, 120, cv2.BORDER_REPLICATE)
        yield np.clip(image * rng.uniform(.85, 1.1), 0, 255).astype(np.uint8)


def covered(a, rng, n, occluding, straight):
    """Faces of people that the occlusion net never saw, of those that stand straight: covered so that a part is still to be
    seen, or wearing a plain medical mask."""
    faces, photos = load(a.faces, os.path.join(a.data, "faces/no_face_object"))
    people = {name: shots for name, shots in faces["test"].items() if name in straight}
    names = sorted(people)
    made = 0
    while made < n:
        shots = people[names[rng.integers(len(names))]]
        image, landmarks = shots[rng.integers(len(shots))]
        # No textures: a mask with a pattern is no medical one.
        out, drawn, occluded, _ = compose(rng, image, landmarks, photos["test"] if occluding else [], occluding)
        region = Face(landmarks).region() > .5
        share = (np.abs(out.astype(int) - image).sum(2) > 24)[region].mean()
        if (occluded == 1 and share < .6) if occluding else (occluded == 0 and drawn == ["mask"]):
            made += 1
            yield cv2.resize(out, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)[..., ::-1]


def larger(image, by=1.4):
    """A cut face must still be large enough."""
    return cv2.resize(image, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC)


def pictures(a):
    rng = np.random.default_rng(11)
    base, straight = portraits(a.data, rng)
    pick = lambda: base[rng.integers(len(base))]
    for p in base[:500]:
        yield "", p.window(*loose(rng))
    things = [cv2.imread(f) for f in sorted(glob.glob(os.path.join(a.data, "faces/no_face_object/*")))]
    for i in range(100):
        yield "face_not_found", nothing(rng, things, i)
    for i in range(100):
        two = [cv2.resize(p.window(-.6, -.5, 1.6, 1.4), (440, 500)) for p in (base[i], base[-1 - i])]
        yield "too_many_faces", np.hstack(two)
    for i in range(100):
        p, s = pick(), rng.uniform(.12, .36)
        small = cv2.resize(p.window(*loose(rng)), None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
        room = int(rng.integers(60, 200))
        yield "face_too_small", cv2.GaussianBlur(cv2.copyMakeBorder(small, room, room, room, room, cv2.BORDER_REPLICATE), (0, 0), .3)
    for i in range(100):
        yield "face_cropped", larger(pick().window(*one_side(rng, i, rng.uniform(.17, .35))))
    for i in range(100):
        m = rng.uniform(.07, .12)
        yield "face_too_close", pick().window(-m, -m, 1 + m, 1 + m)
    for i in range(100):
        p = pick()
        side = p.box[2] if i % 4 in (0, 2) else p.box[3]
        yield "face_close_to_border", p.window(*one_side(rng, i, -rng.uniform(4, 9) / side))
    for image in turned(a.data, rng, 105):
        yield "face_angle_too_large", image
    for image in covered(a, rng, 150, True, straight):
        yield "face_is_occluded", image
    for image in covered(a, rng, 60, False, straight):
        yield "", image


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--data", required=True); a.add_argument("--faces", required=True); a.add_argument("--out", required=True)
    a.add_argument("--every", type=int, default=1, help="make only every so manieth picture")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    cv2.setNumThreads(1)
    with open(os.path.join(a.out, "reasons.csv"), "w", newline="") as f:
        rows = csv.writer(f)
        rows.writerow(["path", "reason"])
        for i, (reason, image) in enumerate(pictures(a)):
            if i % a.every == 0:
                name = f"{i:04d}_{reason or 'none'}.jpg"
                cv2.imwrite(os.path.join(a.out, name), image, [cv2.IMWRITE_JPEG_QUALITY, 92])
                rows.writerow([name, reason])


if __name__ == "__main__":
    main()
