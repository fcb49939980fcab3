#!/usr/bin/python3
"""Makes pictures that have just one fault each, and faultless ones, for `bonafide eval reasons`.

    make -C training defects         (makes the faces and props of training/occlusion where they are not there, then these, and judges them)
    /usr/bin/python3 training/faces/defects.py --data ../shared/data --work training/occlusion/work --out FOLDER
    bonafide eval reasons FOLDER/reasons.csv

At least 100 pictures a code of the face liveness protocol and 500 faultless ones, from bona fide pictures of ../shared/data.
The column kind says which side, which cover, which set, or that the cover is a real one (training/occlusion/covered.csv). Faultless
and covered faces are those of people that the occlusion net never saw, and what covers them was not drawn in training either.
"""
import argparse, csv, glob, os, sys
import cv2
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../occlusion"))
from occluders import OCCLUDING, Face, compose
from train import TABLE, load, part

HERE = os.path.dirname(os.path.abspath(__file__))

# Rows of LFW in labels.csv (in its order) that were looked at: one face, straight, whole, nothing before it.
LFW = """1 4 6 7 8 9 10 11 12 15 16 17 19 20 27 28 34 35 39 40 41 42 49 51 54 57 58 60 61 62 67 69 70 71 80 81 87 89 94 95 98
100 104 106 109 110 112 115 117 125 127 128 129 130 134 136 140 142 144 146 147 149 152 156 157 158 159 162 164 165
167 168 173 175 176 178 179 180 182 184 185 188 190 192 194 195 197 198 200 201 203 207 208 209 212 213 216 217 218
221 223 224 226 229 234 235 237 240 241 242 243 245 246 249 251 253 254 257 260 262 268 269 270 274 276 278 279 281
282 284 288 292 293 294 295 296 297 299"""


# Pictures of faces/ and pour-fard likewise, by their numbers.
SINGLE = "1 2 3 5 6 7 8 9 10 11 12 13 14 16 17 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 35 36 37 38 40"
FRONTAL = "2 4 5 6 9 10 12 13 14 17 18 20"
POURFARD = """6 7 8 10 13 14 32 33 36 38 40 41 42 43 44 45 49 58 59 60 71 72 75 76 82 84 93 96 101 102 104 105 108 110 115 122 126
137 138 149 157 159 161 162 164 166 167 173 175 177 178 179 180 184 189 190 191 194 195 196 197 198 199 200 201 202 203 205 206 207
225 228 231 232 233 242 253 264 268 269 270 271 272 273 275 276"""


class Portrait:
    """A picture with one face, enlarged so that the face is some 300 pixels high, and the face's box."""

    def __init__(self, path, box, group=""):
        self.group = group
        image = cv2.imread(path)
        scale = 300 / box[3]
        self.image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
        self.box = [v * scale for v in box]

    def window(self, left, top, right, bottom):
        """The part between two corners, which are in parts of the face box; what lies outside the picture repeats its edge, blurred."""
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


class Sources:
    """The bona fide pictures that were looked at: one face, straight, whole, nothing before it."""

    def __init__(self, data, rng):
        self.data = data
        self.rows = list(csv.DictReader(open(os.path.join(data, "pad/labels.csv"))))
        self.covered = list(csv.DictReader(open(TABLE)))
        hidden = {r["path"] for r in self.covered}
        lfw = [r for r in self.rows if r["set"] == "lfw"]
        self.straight = [r for r in (lfw[int(i)] for i in LFW.split()) if r["path"] not in hidden]
        for name in ("replayattack", "nuaa"):
            self.straight += [r for r in self.rows if r["set"] == name and r["label"] == "bona_fide" and r["face_w"] and r["path"] not in hidden]
        self.held_out = [r for r in self.straight if part(r["person"]) == "test"]
        chosen = {int(i) for i in POURFARD.split()}
        self.held_out += [r for r in self.rows if r["set"] == "pourfard" and r["label"] == "bona_fide" and self.number(r) in chosen]
        self.boxes = {r["path"].split("data/")[1]: [float(r[k]) for k in ("x", "y", "width", "height")]
                      for r in csv.DictReader(open(os.path.join(HERE, "labels.csv"))) if r["width"]}

    @staticmethod
    def number(row):
        return int(row["path"].rsplit("_", 1)[1].split(".")[0])

    def portrait(self, row):
        box = [float(row[k]) for k in ("face_x", "face_y", "face_w", "face_h")]
        return Portrait(os.path.join(self.data, "pad", row["path"]), box, row["set"])

    def numbered(self, folder, numbers):
        for n in numbers:
            path = f"faces/{folder}/{n:03d}.jpg"
            yield Portrait(os.path.join(self.data, path), self.boxes[path], folder)

    def without_defect(self):
        """Portraits of people that the occlusion net never saw."""
        for row in self.held_out:
            yield self.portrait(row)
        yield from self.numbered("single_ok", map(int, SINGLE.split()))
        yield from self.numbered("frontal_ok", map(int, FRONTAL.split()))

    def speakers(self, each):
        """Frames of the GRID corpus, whole, twice as large."""
        for folder in sorted(glob.glob(os.path.join(self.data, "lips/grid/s*"))):
            files = sorted(glob.glob(os.path.join(folder, "*.mp4")))
            for i in range(each):
                video = cv2.VideoCapture(files[i * len(files) // each])
                video.set(cv2.CAP_PROP_POS_FRAMES, 10 + 3 * i)
                read, image = video.read()
                if read:
                    yield cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)

    def occluded_photos(self):
        """Pictures in which something real covers the face, and by what; medical masks too."""
        rows = {r["path"]: r for r in self.rows}
        for r in self.covered:
            if r["path"] in rows and r["by"] != "partly":
                yield r["by"], self.portrait(rows[r["path"]])
        for path in sorted(self.boxes):
            if path.startswith("faces/medical_mask") and self.boxes[path][3] > 100:
                yield "mask", Portrait(os.path.join(self.data, path), self.boxes[path])


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


SIDES = "left", "top", "right", "bottom"


def one_side(rng, i, at):
    """A wide window of which one side is moved to a place, in parts of the face box, inside (positive) or outside of it."""
    w = [-rng.uniform(.6, .9), -rng.uniform(.7, .9), 1 + rng.uniform(.6, .9), 1 + rng.uniform(.7, .9)]
    w[i % 4] = at if i % 4 < 2 else 1 - at
    return w


# More heads that by eye are turned beyond 30 degrees, by their files' numbers.
TURNED = {"lfw": (44,), "pourfard": (118, 136, 147)}


def turned_heads(sources, rng, n):
    """Real heads that are turned far: each several times, mirrored, brighter or darker, at another size."""
    # 015 may be turned less.
    heads = list(sources.numbered("large_yaw", range(1, 15)))
    for name, numbers in TURNED.items():
        heads += [sources.portrait(r) for r in sources.rows if r["set"] == name and r["label"] == "bona_fide" and sources.number(r) in numbers]
    for i in range(n):
        image = heads[i % len(heads)].window(*loose(rng))
        if i // len(heads) % 2:
            image = image[:, ::-1]
        yield enlarge(np.clip(image * rng.uniform(.85, 1.1), 0, 255).astype(np.uint8), rng.uniform(.95, 1.4))


class Covers:
    """Draws over faces of people that the occlusion net never saw what it never saw drawn."""

    def __init__(self, sources, work):
        faces, props = load(work, os.path.join(sources.data, "faces/no_face_object"))
        straight = {r["person"] for r in sources.held_out if r["set"] != "pourfard"} - {"lfw:Bob_Sulkin"}  # somebody stands behind him
        self.people = {name: shots for name, shots in faces["test"].items() if name in straight}
        self.props = props["test"]

    def drawn(self, rng, kind, n):
        """Faces with one thing over them: covered so that more than half is still to be seen, or by what is no fault."""
        names, made = sorted(self.people), 0
        while made < n:
            shots = self.people[names[rng.integers(len(names))]]
            c = compose(rng, *shots[rng.integers(len(shots))], self.props, kind=kind, alone=True)
            if c.occluded == (kind in OCCLUDING) and c.part < .5:
                made += 1
                yield cv2.resize(c.picture, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)[..., ::-1]


    def plain(self, rng, kind, n):
        """Faces with one thing over them that is drawn with a few strokes of one colour, by other code than what is drawn in training."""
        names = sorted(self.people)
        for _ in range(n):
            shots = self.people[names[rng.integers(len(names))]]
            pixels, landmarks = shots[rng.integers(len(shots))]
            image = cv2.resize(pixels, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)[..., ::-1].copy()
            PLAIN[kind](rng, image, Face(4 * landmarks))
            yield image


def whole(points):
    return [tuple(int(round(v)) for v in p) for p in points]


def ink(rng, tones):
    """A colour near one of some tones, BGR."""
    return tuple(float(v) for v in np.clip(np.array(tones[rng.integers(len(tones))]) * rng.uniform(.85, 1.15), 0, 255))


SKINS = (160, 190, 235), (120, 160, 215), (90, 130, 190), (60, 90, 140), (40, 60, 95)


def plain_hand(rng, image, face):
    """A fist or a palm with fingers before the mouth, an eye or both eyes."""
    spot = [face.mouth, face.mouth, face.left, face.right, (face.left + face.right) / 2][rng.integers(5)]
    skin, side, w = ink(rng, SKINS), rng.choice([-1, 1]), face.width
    palm = face.at(spot, side * .12, rng.uniform(.05, .2))
    cv2.ellipse(image, (tuple(map(float, palm)), (w * .5, w * .42), rng.uniform(-20, 20)), skin, -1, cv2.LINE_AA)
    for i in range(4):
        tip = face.at(palm, -side * rng.uniform(.3, .42), -.16 + .11 * i)
        cv2.line(image, *whole((palm, tip)), skin, int(w * .1), cv2.LINE_AA)
    cv2.line(image, *whole((palm, face.at(palm, side * .7, 1.6))), skin, int(w * .3), cv2.LINE_AA)


def plain_sheet(rng, image, face):
    """A blank or lined sheet over the mouth, one eye or one half."""
    spot = [face.at(face.mouth, 0, .1), face.at(face.left, -.05, .3), face.at(face.right, .05, .3)][rng.integers(3)]
    w, h, turn = face.width * rng.uniform(.5, .85), face.height * rng.uniform(.45, .6), rng.uniform(-15, 15)
    corners = cv2.boxPoints((tuple(map(float, spot)), (float(w), float(h)), face.angle + turn))
    cv2.fillPoly(image, [np.int32(corners)], ink(rng, ((250, 250, 250), (225, 240, 245), (200, 230, 250), (250, 235, 215))), cv2.LINE_AA)
    for t in np.linspace(.15, .85, int(rng.integers(0, 8))):
        a, b = corners[0] * (1 - t) + corners[1] * t, corners[3] * (1 - t) + corners[2] * t
        cv2.line(image, *whole((a * .9 + b * .1, a * .1 + b * .9)), (90, 90, 90), 2, cv2.LINE_AA)


def plain_phone(rng, image, face):
    """A dark or white slab with a lens, upright or across, over the mouth or an eye."""
    spot = [face.at(face.mouth, 0, .05), face.at(face.left, 0, .1), face.at(face.right, 0, .1)][rng.integers(3)]
    w, turn = face.width * rng.uniform(.38, .48), rng.choice([0, 90]) + rng.uniform(-12, 12)
    corners = cv2.boxPoints((tuple(map(float, spot)), (float(w), float(2 * w)), face.angle + turn))
    cv2.fillPoly(image, [np.int32(corners)], ink(rng, ((25, 25, 25), (60, 50, 45), (235, 235, 235), (120, 60, 30))), cv2.LINE_AA)
    lens = corners[0] * .75 + corners[2] * .25
    cv2.circle(image, *whole([lens]), int(w * .09), (10, 10, 10), -1, cv2.LINE_AA)


def plain_scarf(rng, image, face):
    """A band of one colour, or striped, over the mouth and at times the nose, from side to side."""
    top, low = rng.uniform(.3, .55), rng.uniform(1.0, 1.3)
    mid = (face.left + face.right) / 2
    edge = lambda y, bend: [face.at(mid, x, y + bend * x * x) for x in np.linspace(-.75, .75, 9)]
    band = edge(top, rng.uniform(-.3, 0)) + edge(low, 0)[::-1]
    cv2.fillPoly(image, [np.int32(band)], ink(rng, ((40, 40, 160), (140, 70, 30), (50, 50, 50), (210, 210, 205), (60, 120, 60))), cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 4))):
        y = rng.uniform(top + .08, low - .08)
        cv2.polylines(image, [np.int32(edge(y, -.1))], False, ink(rng, ((230, 230, 230), (20, 20, 20))), int(.03 * face.width), cv2.LINE_AA)


def plain_sunglasses(rng, image, face):
    """Two dark ovals or boxes with a bridge, of several tints: the eyes shine through the paler ones."""
    gap = float(np.linalg.norm(face.right - face.left))
    out, dark = image.copy(), ink(rng, ((20, 20, 20), (35, 45, 70), (70, 45, 30), (35, 60, 40)))
    size = gap * rng.uniform(.7, .92), gap * rng.uniform(.5, .7)
    round_ = rng.random() < .5
    for eye in (face.left, face.right):
        box = (tuple(map(float, face.at(eye, 0, .03))), size, face.angle)
        if round_:
            cv2.ellipse(out, box, dark, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(out, [np.int32(cv2.boxPoints(box))], dark, cv2.LINE_AA)
    cv2.line(out, *whole((face.at(face.left, .1, -.05), face.at(face.right, -.1, -.05))), dark, max(int(gap * .06), 1), cv2.LINE_AA)
    tint = rng.uniform(.8, 1)
    image[:] = cv2.addWeighted(out, tint, image, 1 - tint, 0)


PLAIN = {"hand": plain_hand, "paper": plain_sheet, "phone": plain_phone, "scarf": plain_scarf, "sunglasses": plain_sunglasses}


def enlarge(image, by=1.4):
    """A cut face must still be large enough."""
    return cv2.resize(image, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC)


COVERS = {"hand": 40, "hands": 20, "scarf": 30, "paper": 30, "phone": 30, "sunglasses": 30, "thing": 20}
WORN = {"mask": 60, "glasses": 20, "beard": 10, "hat": 10, "veil": 10, "shadow": 10, "collar": 10, "beside_hand": 20}


def pictures(a):
    """Every picture: its fault, of what kind, and the pixels."""
    rng = np.random.default_rng(11)
    sources = Sources(a.data, rng)
    yield from without_defect(sources, rng)
    yield from cut(sources, rng)
    for image in turned_heads(sources, rng, 112):
        yield "face_angle_too_large", "", image
    covers = Covers(sources, a.work)
    for kind, n in COVERS.items():
        for image in covers.drawn(rng, kind, n):
            yield "face_is_occluded", kind, image
    for kind, n in WORN.items():
        for image in covers.drawn(rng, kind, n):
            yield "", f"drawn {kind}", image
    for by, portrait in sources.occluded_photos():
        yield "" if by == "mask" else "face_is_occluded", f"real {by}", portrait.window(*loose(rng))
    for kind in PLAIN:
        for image in covers.plain(rng, kind, 16):
            yield "face_is_occluded", f"plain {kind}", image


def without_defect(sources, rng):
    for portrait in sources.without_defect():
        yield "", portrait.group, portrait.window(*loose(rng))
    for image in sources.speakers(12):
        yield "", "grid", image


def cut(sources, rng):
    """The faults that a window makes, and the number of faces."""
    rows = [sources.straight[i] for i in rng.permutation(len(sources.straight))[:400]]
    rows = [r for r in sources.straight if r["set"] == "lfw"] + [r for r in rows if r["set"] != "lfw"]
    base = [sources.portrait(r) for r in rows]
    pick = lambda: base[rng.integers(len(base))]
    things = [cv2.imread(f) for f in sorted(glob.glob(os.path.join(sources.data, "faces/no_face_object/*")))]
    for i in range(100):
        yield "face_not_found", "", nothing(rng, things, i)
    for i in range(100):
        two = [cv2.resize(p.window(-.6, -.5, 1.6, 1.4), (440, 500)) for p in (base[i], base[-1 - i])]
        yield "too_many_faces", "", np.hstack(two)
    for i in range(100):
        p, s = pick(), rng.uniform(.12, .36)
        small = cv2.resize(p.window(*loose(rng)), None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
        room = int(rng.integers(60, 200))
        yield "face_too_small", "", cv2.GaussianBlur(cv2.copyMakeBorder(small, room, room, room, room, cv2.BORDER_REPLICATE), (0, 0), .3)
    for i in range(120):
        yield "face_cropped", SIDES[i % 4], enlarge(pick().window(*one_side(rng, i, rng.uniform(.15, .35))))
    for i in range(100):
        m = rng.uniform(.07, .12)
        yield "face_too_close", "", pick().window(-m, -m, 1 + m, 1 + m)
    for i in range(120):
        p, size = pick(), rng.choice([.85, 1, 1.33])
        side = size * (p.box[2] if i % 4 in (0, 2) else p.box[3])
        yield "face_close_to_border", SIDES[i % 4], enlarge(p.window(*one_side(rng, i, -rng.uniform(2, 11) / side)), size)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--data", required=True); a.add_argument("--work", required=True); a.add_argument("--out", required=True)
    a.add_argument("--every", type=int, default=1, help="make only every so manieth picture")
    a = a.parse_args()
    os.makedirs(a.out, exist_ok=True)
    cv2.setNumThreads(1)
    with open(os.path.join(a.out, "reasons.csv"), "w", newline="") as f:
        rows = csv.writer(f)
        rows.writerow(["path", "reason", "kind"])
        for i, (reason, kind, image) in enumerate(pictures(a)):
            if i % a.every == 0:
                name = f"{i:04d}_{reason or 'none'}_{kind.replace(' ', '_')}.jpg"
                cv2.imwrite(os.path.join(a.out, name), image, [cv2.IMWRITE_JPEG_QUALITY, 92])
                rows.writerow([name, reason, kind])


if __name__ == "__main__":
    main()
