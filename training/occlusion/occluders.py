"""Draws things over faces: what occludes (hands, scarves, paper, phones, sunglasses, objects) and what does not
(medical masks, glasses, beards, hats, veils around the face, hair; any of the former beside the face).

Every function returns a picture of the thing and its coverage 0..1, both as large as the face's picture. Props holds what
they are made of; train.py and the tests have different ones.
"""
import glob, os, re, zlib
import cv2
import numpy as np

SIDE = 192


class Props:
    """Photographs for textures, hands (see hands.py), and pictures of things and of hands with their coverage (Fluent Emoji).

    Those of training and those of the tests have nothing in common: the tests' hands are another hand mesh's poses, all of
    the drawn hands, and photographed ones; their cloth and writing have other patterns.
    """

    def __init__(self, work, photos, test):
        hands, emoji, photographed = (os.path.join(work, name) for name in ("hands.npy", "emoji/assets", "fingers/assets"))
        self.test = test
        mine = lambda name: (zlib.crc32(os.path.basename(name).encode()) % 3 == 0) == test
        self.photos = [cv2.cvtColor(cv2.imread(f), cv2.COLOR_BGR2RGB) for i, f in enumerate(sorted(glob.glob(os.path.join(photos, "*")))) if (i % 3 == 0) == test]
        self.hands = [x for i, x in enumerate(np.load(hands)) if (i % 5 == 0) == test]
        files = sorted(glob.glob(os.path.join(emoji, "*.webp")))
        things = [cutout(f) for f in files if THINGS.match(os.path.basename(f)) and mine(f)]
        self.things = [t for t in things if t is not None]
        self.masks = [t for t in (cutout(f) for f in files if MASKS.match(os.path.basename(f)) and mine(f)) if t is not None]
        self.sunglasses = [cutout(os.path.join(emoji, "1f576-fe0f.webp"))] if test else []
        if test:
            self.hands += [match_tones(cutout(f)) for f in files if HANDS.match(os.path.basename(f))]
            self.hands += 8 * [photo_of_hand(f) for f in sorted(glob.glob(os.path.join(photographed, "*curl.jpg")))]


# Fluent Emoji by code point: food, tools and things without faces; hands in five tones.
THINGS = re.compile("1f(32[d-f]|33[0-9a-f]|34[5-9a-f]|3[56][0-9a-f]|37[0-9a-f]|38[0-3]|39[2-3]|3a[4-9a-f]|3b[0-9a-b]|4b[0-9a-f]|4[c-e][0-9a-f]|4f[0-8]|50[b-f]|5[12][0-9a-e]|9f[0-9a-f]|96[a-b]|95[0-9a-f])[.]webp")
# Drawn faces: smileys, ghosts, robots, animals. They are no people.
MASKS = re.compile("(1f6[0-3][0-9a-f]|1f6(4[0-4])|1f4(2[d-f]|3[0-9a-d])|1f47[b-f]|1f9(1[0-7]|2[0-f]|7[0-6]|8[0-9a-f])|26c4|1f383|1f4a9)[.]webp")
HANDS = re.compile("(1f44[4-9a-e]|1f4(4f|50)|1f590|1f91[89a-f]|1f932|1faf[0-8]|26(1d)|270[a-d])-1f3f[b-f][.]webp")


def cutout(path):
    """A picture with coverage as RGB and coverage, SIDE x SIDE, or nothing where most of it is transparent."""
    p = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    if p is None or p.ndim < 3 or p.shape[2] < 4 or (p[..., 3] > 128).mean() < .2:
        return None
    p = cv2.resize(p, (160, 160), interpolation=cv2.INTER_AREA)
    return np.dstack([p[..., 2::-1], p[..., 3]])


def match_tones(p):
    """A hand's picture as hands.py makes them."""
    if p is None:
        return None
    light = p[..., :3].astype(np.float32).mean(2)
    light *= 170 / max(np.median(light[p[..., 3] > 128]), 1)
    red = 128 + np.clip(p[..., 0].astype(np.float32) - p[..., 1] - 40, -20, 60)
    return np.clip(np.dstack([light, red, p[..., 3]]), 0, 255).astype(np.uint8)


def photo_of_hand(path):
    """A hand before a pale wall."""
    p = cv2.cvtColor(cv2.resize(cv2.imread(path), (384, 512), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    p = p[int(p.shape[0] * .12):, 60:324]
    colourful = (p.max(2).astype(int) - p.min(2) > 52).astype(np.uint8)
    colourful = cv2.morphologyEx(cv2.morphologyEx(colourful, cv2.MORPH_OPEN, np.ones((3, 3))), cv2.MORPH_CLOSE, np.ones((9, 9)))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(colourful)
    largest = (labels == 1 + stats[1:, 4].argmax()).astype(np.uint8) * 255
    whole = np.dstack([p, cv2.GaussianBlur(largest, (0, 0), 1)])
    side = max(whole.shape[:2])
    square = np.zeros((side, side, 4), np.uint8)
    left = (side - whole.shape[1]) // 2
    square[:whole.shape[0], left:left + whole.shape[1]] = whole
    return match_tones(cv2.resize(square, (160, 160), interpolation=cv2.INTER_AREA))


def laid(picture, centre, anchor, scale, angle, flip=False):
    """A square picture scaled, turned and moved so that its point anchor comes to centre."""
    picture = np.asarray(picture)
    if flip:
        picture, anchor = picture[:, ::-1], (picture.shape[1] - 1 - anchor[0], anchor[1])
    m = cv2.getRotationMatrix2D((float(anchor[0]), float(anchor[1])), angle, scale)
    m[:, 2] += np.asarray(centre) - anchor
    return cv2.warpAffine(np.ascontiguousarray(picture), m, (SIDE, SIDE), flags=cv2.INTER_LINEAR).astype(np.float32)


def clouds(rng, cells, lo=0.0, hi=1.0):
    small = rng.random((cells, cells)).astype(np.float32)
    return lo + (hi - lo) * cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def colour(rng):
    return rng.random(3).astype(np.float32) * 255


def fabric(rng, props):
    """A texture: part of a photograph, stripes, checks, knit or plain cloth with folds; in the tests dots and plaid."""
    kind = rng.integers(7)
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    a = rng.random() * np.pi
    u, v = xx * np.cos(a) + yy * np.sin(a), -xx * np.sin(a) + yy * np.cos(a)
    period = rng.uniform(3, 40)
    wave = lambda x, p: np.sin(x * 2 * np.pi / p)
    if kind < 2 and props.photos:
        p = props.photos[rng.integers(len(props.photos))]
        s = int(rng.integers(60, min(p.shape[:2])))
        y, x = rng.integers(p.shape[0] - s + 1), rng.integers(p.shape[1] - s + 1)
        t = cv2.resize(p[y:y + s, x:x + s], (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    else:
        if kind == 2:
            w = 4 * (wave(u, period) * wave(v, period) - .4) if props.test else 2 * wave(u, period)
        elif kind == 3:
            w = wave(u, period) * .5 + wave(v, period) * .5 if props.test else wave(u, period) * wave(v, period)
        elif kind == 4:  # knit
            p = rng.uniform(3, 8)
            w = wave(u + 1.5 * np.abs(wave(v, p * 2)), p) * .6 + rng.standard_normal((SIDE, SIDE)) * .2
        else:
            w = np.zeros_like(u)
        w = (np.clip(w, -1, 1)[..., None] + 1) / 2
        base = colour(rng)
        # Much cloth is dark, white or grey.
        base = base if rng.random() < .5 else np.full(3, rng.uniform(5, 245), np.float32) * rng.uniform(.92, 1, 3).astype(np.float32)
        t = base * w + colour(rng) * (1 - w) if kind < 5 else np.broadcast_to(base, (SIDE, SIDE, 3))
    folds = clouds(rng, int(rng.integers(2, 9)), rng.uniform(.4, .9), 1.1)
    if rng.random() < .5:
        crease = wave(u + clouds(rng, 4, 0, 30), rng.uniform(14, 60))
        folds = folds * (1 + rng.uniform(.05, .3) * crease)
    return np.clip(t * folds[..., None], 0, 255).astype(np.float32)


def polygon(points):
    m = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(m, [np.round(np.asarray(points) * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    return m.astype(np.float32) / 255


def rounded(centre, w, h, angle, radius):
    """A rectangle with round corners."""
    m = np.zeros((SIDE, SIDE), np.uint8)
    radius = min(radius, w / 2 - 1, h / 2 - 1)
    x, y = w / 2 - radius, h / 2 - radius
    r = np.deg2rad(angle)
    rot = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    corners = (np.array([[-x, -y], [x, -y], [x, y], [-x, y]]) @ rot.T + centre)
    cv2.fillPoly(m, [np.round(corners).astype(np.int32)], 255, cv2.LINE_AA)
    for i in range(4):
        cv2.line(m, tuple(int(v) for v in corners[i]), tuple(int(v) for v in corners[(i + 1) % 4]), 255, max(int(2 * radius), 1), cv2.LINE_AA)
    return m.astype(np.float32) / 255


class Face:
    """What the drawings need to know of a face: its regions and its frame (x along the eyes, y down the face)."""

    def __init__(self, landmarks):
        self.l = l = np.asarray(landmarks, np.float32)
        self.left, self.right = l[36:42].mean(0), l[42:48].mean(0)
        self.mouth, self.nose, self.chin = l[48:60].mean(0), l[30], l[8]
        self.width = np.linalg.norm(l[16] - l[0])
        self.x = (self.right - self.left) / (np.linalg.norm(self.right - self.left) + 1e-6)
        self.y = np.array([-self.x[1], self.x[0]])
        self.height = max(float((self.chin - (self.left + self.right) / 2) @ self.y), 10.0)
        self.angle = float(np.rad2deg(np.arctan2(self.x[1], self.x[0])))

    def at(self, origin, dx, dy):
        """The point dx face widths and dy eye-to-chin heights from origin."""
        return origin + self.x * dx * self.width + self.y * dy * self.height

    def region(self):
        return polygon(cv2.convexHull(self.l)[:, 0])

    def lips(self):
        return cv2.dilate(polygon(self.l[48:60]), np.ones((3, 3)))

    def eyes(self):
        return [cv2.dilate(polygon(cv2.convexHull(self.l[a:a + 6])[:, 0]), np.ones((5, 5))) for a in (36, 42)]


def light(image):
    """How bright the light is that falls on what is drawn: 1 in a picture of middling brightness."""
    return float(np.clip(image.mean() / 128, .3, 1.3))


def skin(rng, image, face):
    """The colour of this face's cheeks or another skin's in light of brightness 1."""
    if rng.random() < 0.6:
        c = np.concatenate([image[int(np.clip(p[1], 0, SIDE - 1)), int(np.clip(p[0], 0, SIDE - 1))][None]
                            for p in (face.at(face.left, -.02, .35), face.at(face.right, .02, .35))]).mean(0)
        return np.clip(c.astype(np.float32) * rng.uniform(0.8, 1.25), 10, 250) / light(image)
    tone = rng.uniform(60, 235)
    return np.clip(np.array([tone, tone * rng.uniform(.68, .85), tone * rng.uniform(.5, .75)], np.float32), 10, 250)


def target(rng, face):
    """Where an occluder goes: the mouth, the lower lip, an eye, both eyes' middle, a brow, the nose, a cheek."""
    spots = [face.mouth, face.mouth, face.at(face.mouth, 0, .15), face.left, face.right, (face.left + face.right) / 2, face.nose,
             face.at(face.left, -.04, -.15), face.at(face.right, .04, -.15),
             face.at(face.left, -.05, .45), face.at(face.right, .05, .45)]
    return spots[rng.integers(len(spots))] + rng.normal(0, .05, 2) * face.width


def beside(rng, face):
    """A place beside or below the face."""
    a = rng.uniform(-.2, 1.2) * np.pi
    c = face.l.mean(0)
    return c + np.array([np.cos(a) * .95 * face.width, np.sin(a) * 1.0 * face.width])


def drawn_hand(rng):
    """A hand as one draws it with few strokes, as hands.py makes them: a palm, fingers spread or not, flat."""
    m = np.zeros((160, 160), np.uint8)
    palm, wide = np.array([80, 100 + rng.normal(0, 5)]), rng.uniform(18, 30)
    cv2.ellipse(m, tuple(int(v) for v in palm), (int(wide), int(wide * rng.uniform(.9, 1.4))), 0, 0, 360, 255, -1, cv2.LINE_AA)
    spread, n = rng.uniform(2, 16), int(rng.integers(1, 5))
    for i in range(n):
        a = np.deg2rad((i - (n - 1) / 2) * spread + rng.normal(0, 3))
        root = palm + [(i - (n - 1) / 2) * wide * .55, -wide * .5]
        tip = root + np.array([np.sin(a), -np.cos(a)]) * rng.uniform(25, 60)
        cv2.line(m, tuple(int(v) for v in root), tuple(int(v) for v in tip), 255, int(rng.uniform(9, 15)), cv2.LINE_AA)
    if rng.random() < .7:  # the thumb
        tip = palm + [-wide * rng.uniform(1.1, 1.7), -wide * rng.uniform(-.2, .8)]
        cv2.line(m, tuple(int(v) for v in palm), tuple(int(v) for v in tip), 255, int(rng.uniform(10, 16)), cv2.LINE_AA)
    if rng.random() < .6:
        cv2.line(m, (80, 110), (80, 160), 255, int(wide * rng.uniform(1, 1.7)), cv2.LINE_AA)
    light = np.full((160, 160), 190, np.float32)
    if rng.random() < .4:  # darker at its edge
        light *= .8 + .2 * cv2.GaussianBlur(m, (0, 0), 5) / 255
    return np.dstack([light, np.full_like(light, 128), m]).astype(np.uint8)


def hand(rng, image, face, spot, props, sleeve=True):
    """A hand with some point of it at spot, reaching in from anywhere, mostly from below; its forearm may wear a sleeve."""
    p = props.hands[rng.integers(len(props.hands))] if props.test or rng.random() < .85 else drawn_hand(rng)
    ys, xs = np.nonzero(p[:112, :, 2] > 200)
    # Any point of it, or often a finger's end: np.nonzero goes from the top down.
    k = rng.integers(len(xs) if rng.random() < .75 else len(xs) // 6 + 1)
    # 160 pixels are 22 cm, a face is some 14 cm wide; what is nearer to the camera is larger.
    scale = face.width * 1.57 / 160 * np.exp(rng.normal(.1, .2))
    angle = rng.normal(0, 50) if rng.random() < .7 else rng.uniform(0, 360)
    anchor = (xs[k], ys[k])
    if rng.random() < .5:
        p, anchor = p[:, ::-1], (159 - xs[k], ys[k])
    w = laid(p, spot, anchor, scale, angle - face.angle)
    m = w[..., 2] / 255
    tone = skin(rng, image, face)
    red = (w[..., 1] / 128 - 1)[..., None] * m[..., None]
    pic = tone * (w[..., :1] / 190) * (1 + red * np.array([.12, -.12, -.08], np.float32))
    if sleeve:
        r = np.deg2rad(angle - face.angle)
        down = np.array([np.sin(r), np.cos(r)])  # from the fingers to the arm
        yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
        along = (xx - spot[0]) * down[0] + (yy - spot[1]) * down[1]
        across = (xx - spot[0]) * down[1] - (yy - spot[1]) * down[0] + ((anchor[0] - 80) * scale)
        cuff = (150 - anchor[1]) * scale
        arm = np.clip((.26 * 80 * scale * (1 + .002 * along) - np.abs(across)) / 2, 0, 1) * (along > cuff)
        pic = np.where(arm[..., None] > .3, fabric(rng, props) if rng.random() < .7 else tone * np.float32(.9), pic)
        m = np.maximum(m, arm)
    pic = pic + rng.normal(0, rng.uniform(0, 5), (SIDE, SIDE, 1))
    return np.maximum(pic, 0).astype(np.float32), m


def paper(rng, image, face, spot, props):
    """A sheet, card or booklet, plain, written or printed, sometimes held by a hand."""
    w, h = face.width * rng.uniform(.5, 1.6), face.width * rng.uniform(.5, 1.6)
    angle = face.angle + rng.normal(0, 20)
    r = np.deg2rad(angle)
    rot = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    grip = rng.uniform(-.4, .4, 2)
    corners = (np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 + grip * [w, h]) @ rot.T * rng.uniform(.93, 1.07, (4, 2)) + spot
    m = polygon(corners)
    if rng.random() < .25:
        pic = fabric(rng, props)
    else:
        pic = np.full((SIDE, SIDE, 3), rng.uniform(150, 255), np.float32) * rng.uniform(.88, 1.0, 3)
        if rng.random() < .15:
            pic = pic * 0 + colour(rng)
        ink = handwriting(rng, props.test)
        ink = cv2.warpAffine(ink, cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), -angle, rng.uniform(.7, 1.6)), (SIDE, SIDE))
        pic = pic * (1 - ink[..., None] / 255 * rng.uniform(.5, .95))
        x, y = (np.arange(SIDE) - spot[0]) / SIDE, (np.arange(SIDE)[:, None] - spot[1]) / SIDE
        pic = pic * (1 + rng.normal(0, .25) * x + rng.normal(0, .25) * y)[..., None] * clouds(rng, 3, .9, 1.05)[..., None]
    pic = np.clip(pic, 0, 255).astype(np.float32)
    return held(rng, image, face, props, pic, m, corners) if rng.random() < .4 else (pic, m)


def handwriting(rng, test):
    """Writing, 255 where there is ink: words as strokes, or in the tests as letters; a frame or a picture at times."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    if rng.random() < .25:
        return ink
    step = int(rng.integers(5, 16))
    for y in range(int(rng.integers(0, 20)), SIDE, step):
        if test:
            words = "".join(chr(rng.integers(97, 123)) if rng.random() < .8 else " " for _ in range(60))
            cv2.putText(ink, words, (4, y), cv2.FONT_HERSHEY_SIMPLEX, step / 32, 255, 1, cv2.LINE_AA)
            continue
        x = int(rng.integers(0, 20))
        while x < SIDE:
            length = int(rng.integers(3, 26))
            if rng.random() < .85:
                cv2.line(ink, (x, y), (x + length, y), int(rng.integers(120, 255)), int(rng.integers(1, max(step // 3, 2) + 1)))
            x += length + int(rng.integers(2, 8))
    if rng.random() < .3:
        a, b = rng.integers(0, SIDE, 2), rng.integers(20, 100, 2)
        cv2.rectangle(ink, tuple(int(v) for v in a), tuple(int(v) for v in a + b), int(rng.integers(100, 255)), -1 if rng.random() < .6 else 2)
    return ink


def held(rng, image, face, props, pic, m, outline):
    """Something held by a hand, which is partly before it and partly behind."""
    k = rng.integers(len(outline))
    edge = outline[k] + (outline[(k + 1) % len(outline)] - outline[k]) * rng.uniform(.2, .8)
    h, n = hand(rng, image, face, edge, props)
    if rng.random() < .5:  # behind, except what is before it by chance: a thumb
        n = n * (1 - np.clip(m, 0, 1) * (cv2.GaussianBlur(m, (0, 0), 6) > rng.uniform(.55, .95)))
    return pic * (1 - n[..., None]) + h * n[..., None], np.maximum(m, n)


def phone(rng, image, face, spot, props):
    """A phone's back or screen, mostly held by a hand."""
    w = face.width * rng.uniform(.42, .8)
    h = w * rng.uniform(1.75, 2.2)
    angle = face.angle + (90 if rng.random() < .35 else 0) + rng.normal(0, 12)
    r = np.deg2rad(angle)
    rot = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    spot = spot + rot @ (rng.uniform(-.3, .3, 2) * [w, h])
    m = rounded(spot, w, h, angle, w * rng.uniform(.06, .18))
    case = colour(rng) if rng.random() < .45 else np.full(3, rng.uniform(5, 60) if rng.random() < .7 else rng.uniform(150, 245))
    pic = np.full((SIDE, SIDE, 3), 1, np.float32) * case * clouds(rng, 2, .7, 1.25)[..., None]
    if rng.random() < .5:  # light falls along it
        x, y = np.arange(SIDE) - spot[0], np.arange(SIDE)[:, None] - spot[1]
        pic = pic + rng.uniform(0, 90) * np.exp(-((x * rot[0, 0] + y * rot[0, 1]) * rng.uniform(.5, 1) + (x * rot[1, 0] + y * rot[1, 1]) * rng.uniform(-.5, .5)) ** 2 / (w * rng.uniform(.1, .4)) ** 2)[..., None]
    if rng.random() < .3:  # the screen
        screen = rounded(spot, w * .93, h * (.95 if rng.random() < .6 else .8), angle, w * .06)[..., None]
        shown = fabric(rng, props) if rng.random() < .5 else np.full((SIDE, SIDE, 3), rng.uniform(5, 255), np.float32)
        pic = pic * (1 - screen) + shown * screen
    else:
        cameras(rng, pic, rot, spot, w, h)
    pic = np.clip(pic, 0, 255).astype(np.float32)
    if rng.random() < .65:
        corners = (np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2) @ rot.T + spot
        return held(rng, image, face, props, pic, m, corners)
    return pic, m


def cameras(rng, pic, rot, spot, w, h):
    """One to four lenses in a corner of a phone's back, or in the middle."""
    place = lambda x, y: tuple(int(v) for v in rot @ np.array([x * w, y * h]) + spot)
    side = rng.choice([-.25, .25, 0])
    if rng.random() < .5:
        island = rounded(np.array(place(side, -.36)), w * .4, w * .45, np.rad2deg(np.arctan2(rot[1, 0], rot[0, 0])), w * .1)[..., None]
        pic[:] = pic * (1 - island * .8) + island * .8 * colour(rng) * .5
    for i in range(int(rng.integers(1, 5))):
        c = place(side + (.11 if i % 2 else -.11) * (side != 0), -.41 + .11 * (i // 2 if side else i))
        cv2.circle(pic, c, max(int(w * rng.uniform(.06, .1)), 2), tuple(float(v) for v in rng.uniform(0, 60, 3)), -1, cv2.LINE_AA)
        cv2.circle(pic, c, max(int(w * .03), 1), tuple(float(v) for v in rng.uniform(20, 140, 3)), -1, cv2.LINE_AA)


def thing(rng, image, face, spot, props):
    """An object of any shape: food, a tool, a box, a bunch of something; sometimes held."""
    kind = rng.random()
    if kind < .55 and props.things:
        p = props.things[rng.integers(len(props.things))]
        w = laid(p, spot, (80 + rng.normal(0, 20), 80 + rng.normal(0, 20)), face.width / 160 * rng.uniform(.5, 1.4), rng.normal(0, 40), rng.random() < .5)
        pic, m = w[..., :3], w[..., 3] / 255
    elif kind < .75:
        pic, m = fabric(rng, props), rounded(spot, face.width * rng.uniform(.35, 1), face.width * rng.uniform(.35, 1), rng.uniform(0, 180), face.width * rng.uniform(0, .3))
    else:
        n = int(rng.integers(5, 14))
        a = np.sort(rng.random(n)) * 2 * np.pi
        r = face.width * rng.uniform(.2, .55) * rng.uniform(.6, 1.3, n)
        outline = np.stack([np.cos(a) * r, np.sin(a) * r], 1) + spot
        pic, m = fabric(rng, props), polygon(outline)
    if rng.random() < .3:
        return held(rng, image, face, props, pic, m, np.array([face.at(spot, x, .3) for x in (-.3, .3, 0)]))
    return pic, m


def scarf(rng, image, face, props, top=None):
    """Cloth from the nose (or from top, in eye-to-chin heights below the eyes) down, wider than the face, with a wavy upper edge
    and folds along it."""
    top = rng.uniform(.0, .42) if top is None else top
    mid = (face.left + face.right) / 2
    xs = np.linspace(-1.1, 1.1, 13)
    wave = top + rng.normal(0, .03, 13) + rng.uniform(-.3, .25) * (xs ** 2) + rng.normal(0, .08) * xs
    edge = [face.at(mid, x, t + .12) for x, t in zip(xs, wave)]
    m = polygon(edge + [face.at(mid, 1.3, 3), face.at(mid, -1.3, 3)])
    pic = fabric(rng, props)
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    down = ((xx - mid[0]) * face.y[0] + (yy - mid[1]) * face.y[1]) / face.height
    across = ((xx - mid[0]) * face.x[0] + (yy - mid[1]) * face.x[1]) / face.width
    bent = down - rng.uniform(-.3, .6) * across ** 2 + clouds(rng, 4, 0, .3)
    pic = pic * (1 + rng.uniform(0, .35) * np.sin(bent * 2 * np.pi / rng.uniform(.15, .5)))[..., None]
    rim = cv2.GaussianBlur(m, (0, 0), 3)
    pic = pic * (1 - rng.uniform(-.2, .4) * np.clip(1 - np.abs(rim - .6) * 4, 0, 1))[..., None]  # the edge is rolled
    return np.clip(pic, 0, 255).astype(np.float32), m


def lens(rng, centre, w, h, face, outer):
    """The outline of one lens: round corners, a teardrop or a circle; outer is the side of the temple."""
    shape = rng.integers(4)
    if shape == 0:
        t = np.linspace(0, 2 * np.pi, 40)
        drop = np.stack([np.cos(t) * w / 2, np.sin(t) * h / 2], 1)
        drop[:, 0] += outer * (drop[:, 1] / h) * w * rng.uniform(0, .25)
        drop[:, 1] += (drop[:, 1] > 0) * h * rng.uniform(0, .15) * (1 - np.abs(drop[:, 0]) / w)
        return polygon([centre + face.x * p[0] + face.y * p[1] for p in drop])
    return rounded(centre, w, h, face.angle, h * (.5 if shape == 1 else rng.uniform(.12, .5)))


def frame(rng, face, w, thick):
    """The bridge and the temples of spectacles, 0 or 255."""
    line = np.zeros((SIDE, SIDE), np.uint8)
    lift = rng.uniform(-.1, .02)
    ends = ((face.left + face.x * w * .45, face.right - face.x * w * .45), (face.left - face.x * w * .45, face.l[0] * .8 + face.left * .2), (face.right + face.x * w * .45, face.l[16] * .8 + face.right * .2))
    for a, b in ends:
        cv2.line(line, tuple(int(v) for v in face.at(a, 0, lift)), tuple(int(v) for v in face.at(b, 0, lift)), 255, thick, cv2.LINE_AA)
    return line


def sunglasses(rng, image, face, props):
    """Dark, coloured or mirrored lenses over both eyes, or one band, with a frame."""
    gap = np.linalg.norm(face.right - face.left)
    if props.sunglasses and rng.random() < .3:
        p = laid(props.sunglasses[0], (face.left + face.right) / 2, (80, 80), gap * rng.uniform(1.9, 2.3) / 150, -face.angle)
        return p[..., :3], p[..., 3] / 255
    w, h = gap * rng.uniform(.72, 1.02), gap * rng.uniform(.45, .88)
    drop = rng.uniform(0, .08)
    if rng.random() < .12:
        m = rounded(face.at((face.left + face.right) / 2, 0, drop), gap * rng.uniform(1.8, 2.1), h, face.angle, h * rng.uniform(.2, .5))
    else:
        state = rng.bit_generator.state
        m = lens(rng, face.at(face.left, 0, drop), w, h, face, -1)
        rng.bit_generator.state = state  # both are alike
        m = np.maximum(m, lens(rng, face.at(face.right, 0, drop), w, h, face, 1))
    thick = max(int(gap * rng.uniform(.02, .1)), 1)
    rim = ((m > .5).astype(np.uint8) - cv2.erode((m > .5).astype(np.uint8), np.ones((thick + 1, thick + 1)))) * 255
    line = np.maximum(frame(rng, face, w, thick), rim if rng.random() < .7 else 0).astype(np.float32) / 255
    yy = np.mgrid[0:SIDE, 0:SIDE][0].astype(np.float32)
    down = np.clip((yy - face.left[1]) / (h + 1) + .5, 0, 1)
    kind = rng.random()
    if kind < .6:
        pic = rng.uniform(0, 60) * rng.uniform(.6, 1.4, 3) * (1 + rng.uniform(0, 1.5) * down[..., None])
    elif kind < .82:  # mirrored: the sky above, something below, parted by a band
        pic = colour(rng) * (1 - down[..., None]) + colour(rng) * rng.uniform(.2, 1) * down[..., None]
        band = np.exp(-((down - rng.uniform(.2, .8)) / rng.uniform(.05, .3)) ** 2)[..., None]
        pic = pic * (1 - band) + colour(rng) * band
    else:
        pic = cv2.GaussianBlur(fabric(rng, props), (0, 0), 2) * rng.uniform(.25, .8)
    pic = pic + clouds(rng, 4, 0, rng.uniform(0, 60))[..., None]
    if rng.random() < .4:
        glare = np.zeros((SIDE, SIDE), np.float32)
        for c in (face.left, face.right):
            a = c + rng.normal(0, .15, 2) * gap
            cv2.line(glare, tuple(int(v) for v in a - [gap * .15, gap * .1]), tuple(int(v) for v in a + [gap * .1, gap * .12]), 1, max(int(gap * rng.uniform(.03, .12)), 1), cv2.LINE_AA)
        pic = pic + cv2.GaussianBlur(glare, (0, 0), rng.uniform(.8, 2.5))[..., None] * rng.uniform(40, 230)
    ink = colour(rng) * rng.uniform(0, 1) if rng.random() < .5 else np.full(3, rng.uniform(0, 40))
    pic = pic * (1 - line[..., None]) + ink * line[..., None]
    return np.clip(pic, 0, 255).astype(np.float32), np.maximum(m * rng.uniform(.78, 1), line)


def smooth(points, n=60):
    """A closed curve through points (Catmull-Rom)."""
    p = np.asarray(points, np.float32)
    t = np.linspace(0, len(p), n, endpoint=False)
    i, f = t.astype(int), (t % 1)[:, None]
    a, b, c, d = (p[(i + k) % len(p)] for k in (-1, 0, 1, 2))
    return .5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f ** 2 + (3 * b - a - 3 * c + d) * f ** 3)


def mask(rng, image, face, props):
    """A medical mask or its like of any colour: over nose and mouth to the chin (sometimes pulled below nose or mouth), not wider than
    the face: flat with pleats, a cup with a seam down its middle, or of three panels; with loops, at times with a ridge over the nose,
    creases and sheen. Its upper edge rises to the nose's bridge and its lower one goes round the chin: by that it is no scarf."""
    l = face.l
    kind = rng.choice(["pleated", "cup", "panels"], p=[.45, .2, .35])
    jaw = l[2:15:2] + (l[2:15:2] - face.nose) * (rng.uniform(-.07, .1) if kind == "pleated" else rng.uniform(-.02, .14))
    high, sides = rng.uniform(-.08, .14), rng.uniform(.04, .24)
    worn = rng.random()
    if worn < .08:  # below the nose
        high, sides = rng.uniform(.36, .44), rng.uniform(.3, .42)
    elif worn < .13:  # on the chin
        high, sides = rng.uniform(.8, .95), rng.uniform(.5, .75)
    bridge = face.at(l[28], 0, high)
    right, left = face.at(l[14] * .5 + l[45] * .5, .02, sides), face.at(l[2] * .5 + l[36] * .5, -.02, sides)
    lift = lambda: face.y * face.height * rng.uniform(-.01, .05)
    outline = np.concatenate([jaw, [right, (right + bridge) / 2 - lift(), bridge, (left + bridge) / 2 - lift(), left]])
    m = polygon(smooth(outline) if rng.random() < .7 else outline)
    base = mask_colour(rng)
    pic = np.ones((SIDE, SIDE, 3), np.float32) * base
    if not props.test and rng.random() < .15:
        pic = fabric(rng, props)
    pic = bulge(rng, pic, face, kind != "pleated")
    seams(rng, pic, face, kind, base, left, right, bridge)
    if rng.random() < .5:
        pic = pic + sheen(rng, face)
    rim = cv2.GaussianBlur(m, (0, 0), 1.5)
    if rng.random() < .5:
        pic = pic * (1 - rng.uniform(-.3, .25) * np.clip(1 - np.abs(rim - .75) * 6, 0, 1))[..., None]
    if rng.random() < .4:  # the wire over the nose
        ends = face.at(bridge, -.14, .07), face.at(bridge, 0, .03), face.at(bridge, .14, .07)
        bright = float(rng.uniform(20, 60)) * rng.choice([-1, 1])
        cv2.polylines(pic, [np.round(ends).astype(np.int32)], False, tuple(float(v) for v in np.clip(base + bright, 0, 255)), int(rng.integers(1, 4)), cv2.LINE_AA)
    pic = pic * clouds(rng, 4, .85, 1.05)[..., None]
    return np.clip(pic, 0, 255).astype(np.float32), np.maximum(m, loops(rng, face, left, right))


def mask_colour(rng):
    """White, pale blue or green as in hospitals, black or dark, or any colour."""
    kind = rng.random()
    if kind < .4:
        return np.array([(235, 240, 245), (160, 205, 225), (120, 175, 215), (150, 200, 190), (225, 180, 195), (205, 230, 250)][rng.integers(6)], np.float32) * rng.uniform(.75, 1.08)
    if kind < .8:
        return np.full(3, rng.uniform(8, 60), np.float32) + rng.uniform(0, 12, 3).astype(np.float32)
    return colour(rng)


def seams(rng, pic, face, kind, base, left, right, bridge):
    """What a mask shows of how it was made: pleats from side to side, a seam down the middle, or three panels of which each is lit in its own way."""
    l, shade = face.l, lambda low, high: tuple(float(v) for v in np.clip(base * rng.uniform(low, high) + rng.uniform(-6, 22), 0, 255))
    across = lambda a, b, dip: np.array([(1 - s) ** 2 * a + 2 * s * (1 - s) * ((a + b) / 2 + face.y * face.height * dip) + s ** 2 * b for s in np.linspace(0, 1, 14)])
    line = lambda points, ink: cv2.polylines(pic, [np.round(points).astype(np.int32)], False, ink, 1, cv2.LINE_AA)
    if kind == "cup":
        b = face.at(l[8], 0, 0)
        line([bridge, (bridge + b) / 2 + face.x * face.width * rng.normal(0, .02), b], shade(.7, .95))
    elif kind == "pleated":
        for t in np.linspace(.15, .85, int(rng.integers(0, 6))):
            line(across(l[3] * (1 - t) + l[6] * t, l[13] * (1 - t) + l[10] * t, rng.uniform(.05, .16)), shade(.7, 1.12))
    else:
        upper = across(face.at(left, .03, .06), face.at(right, -.03, .06), rng.uniform(.15, .6))
        lower = across(face.at(l[4], .03, 0), face.at(l[12], -.03, 0), rng.uniform(-.1, .5))
        for edge, far, light_ in ((upper, -2, rng.uniform(.8, 1.7)), (lower, 2, rng.uniform(.45, 1))):
            panel = polygon(np.concatenate([edge, [face.at(edge[-1], 0, far), face.at(edge[0], 0, far)]]))[..., None]
            pic *= 1 + (light_ - 1) * panel
            line(edge, shade(.6, 1.6))


def sheen(rng, face):
    """Light on creases of something smooth: bright streaks near one another."""
    streaks = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), sigmaX=rng.uniform(.8, 2), sigmaY=rng.uniform(4, 14))
    spot = tuple(float(v) for v in face.at((face.nose + face.mouth) / 2, rng.normal(0, .14), rng.normal(0, .16)))
    streaks = cv2.warpAffine(streaks, cv2.getRotationMatrix2D(spot, rng.uniform(0, 180), 1), (SIDE, SIDE))
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    near = np.exp(-((xx - spot[0]) ** 2 + (yy - spot[1]) ** 2) / (face.width * rng.uniform(.08, .3)) ** 2)
    return (np.clip(streaks / streaks.std(), 0, 3) * near * rng.uniform(8, 80))[..., None]


def loops(rng, face, left, right):
    """The coverage by a mask's loops: to the ears, or in wide curves beside the face."""
    m, l = np.zeros((SIDE, SIDE), np.uint8), face.l
    draw_ = rng.random()
    if draw_ < .55:
        for a, b in ((left, l[0]), (l[4], l[0]), (right, l[16]), (l[12], l[16])):
            c = (a + b) / 2 + rng.normal(0, .03, 2) * face.width
            cv2.polylines(m, [np.round([a, c, b]).astype(np.int32)], False, 255, int(rng.integers(1, 3)), cv2.LINE_AA)
    elif draw_ < .8:
        out, thick = rng.uniform(.08, .25), int(rng.integers(1, 3))
        for a, b, side in ((left, l[4], -1), (right, l[12], 1)):
            c = face.at((a + b) / 2, side * out, -rng.uniform(0, .15))
            cv2.polylines(m, [np.round(smooth([a, c, b, (a + b) / 2])[:45]).astype(np.int32)], False, 255, thick, cv2.LINE_AA)
    return m.astype(np.float32) / 255


def bulge(rng, pic, face, cup):
    """Light on something round before nose and mouth."""
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    c = face.at((face.nose + face.mouth) / 2, rng.normal(0, .06), rng.normal(0, .05))
    across = ((xx - c[0]) * face.x[0] + (yy - c[1]) * face.x[1]) / face.width
    down = ((xx - c[0]) * face.y[0] + (yy - c[1]) * face.y[1]) / face.height
    depth = rng.uniform(.3, .9) if cup else rng.uniform(.1, .6)
    shade = 1 - depth * np.clip((across / .5) ** 2 * .6 + (down / .7) ** 2 * .3, 0, .8) + rng.normal(0, .2) * across + rng.normal(0, .12) * down
    return pic * shade[..., None]


def glasses(rng, image, face):
    """Clear spectacles: frames thin or thick, a little tint, glare on a part of a lens."""
    gap = np.linalg.norm(face.right - face.left)
    w, h = gap * rng.uniform(.68, .97), gap * rng.uniform(.38, .78)
    thick = max(int(gap * rng.uniform(.02, .1)), 1)
    state = rng.bit_generator.state
    lenses = []
    for c, outer in ((face.left, -1), (face.right, 1)):
        rng.bit_generator.state = state  # both are alike
        lenses.append(lens(rng, face.at(c, 0, .03), w, h, face, outer))
    tint = np.maximum(*lenses)
    edge = (tint > .5).astype(np.uint8)
    line = np.maximum(frame(rng, face, w, thick), (edge - cv2.erode(edge, np.ones((thick + 1, thick + 1)))) * 255).astype(np.float32) / 255
    pic = np.ones((SIDE, SIDE, 3), np.float32) * (colour(rng) * rng.uniform(0, .8))
    alpha = np.maximum(line * rng.uniform(.7, 1), tint * rng.uniform(0, .16))
    if rng.random() < .35:  # the picture of a window or a screen
        c = [face.left, face.right][rng.integers(2)] + rng.normal(0, .15, 2) * gap
        spot = rounded(c, gap * rng.uniform(.1, .3), gap * rng.uniform(.08, .25), face.angle + rng.normal(0, 15), 2) * tint * rng.uniform(.3, .9)
        pic = np.where((spot > alpha)[..., None], np.float32([rng.uniform(180, 255), 245, rng.uniform(190, 255)]), pic)
        alpha = np.maximum(alpha, spot)
    return pic.astype(np.float32), alpha


def beard(rng, image, face):
    """Hair on jaw and chin, the lips free."""
    l = face.l
    m = polygon(np.concatenate([l[2:15], face.at(l[33], .18, rng.uniform(.05, .2))[None], face.at(l[33], -.18, rng.uniform(.05, .2))[None]]))
    m = cv2.GaussianBlur(m, (0, 0), rng.uniform(1, 4))
    m = m * (1 - cv2.GaussianBlur(face.lips(), (0, 0), 1)) * rng.uniform(.5, .95)
    hair = rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    hair = cv2.GaussianBlur(hair, (0, 0), sigmaX=.6, sigmaY=1.5) * 25
    tone = rng.uniform(15, 120) * np.array([1, rng.uniform(.75, 1), rng.uniform(.6, 1)])
    return np.clip(tone + hair[..., None], 0, 255).astype(np.float32), m


def hat(rng, image, face, props):
    """A hat, a fringe or a band above the brows."""
    brow = min(face.l[17:27] @ face.y)
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    down = xx * face.y[0] + yy * face.y[1]
    across = (xx - face.nose[0]) * face.x[0] + (yy - face.nose[1]) * face.x[1]
    edge = brow - face.height * rng.uniform(.02, .4) + rng.uniform(-.2, .2) * np.abs(across) + rng.normal(0, 1)
    m = ((down < edge) & (np.abs(across) < face.width * rng.uniform(.5, .9))).astype(np.float32)
    return fabric(rng, props), cv2.GaussianBlur(m, (0, 0), .8)


def veil(rng, image, face, props):
    """Cloth or long hair around the face: a hood, a headscarf."""
    m = np.ones((SIDE, SIDE), np.uint8) * 255
    c = face.l.mean(0) - face.y * face.height * rng.uniform(.05, .2)
    cv2.ellipse(m, tuple(int(v) for v in c), (int(face.width * rng.uniform(.5, .62)), int(face.height * rng.uniform(1.02, 1.25))), face.angle, 0, 360, 0, -1, cv2.LINE_AA)
    m = m.astype(np.float32) / 255
    if rng.random() < .5:  # beside and above only
        yy = np.mgrid[0:SIDE, 0:SIDE][0]
        m = m * (yy < face.chin[1] + rng.uniform(-.2, .6) * face.height)
    return fabric(rng, props), m


def strands(rng, image, face):
    """Locks of hair over the forehead and a cheek."""
    m = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(int(rng.integers(3, 25))):
        a = face.at(face.left, rng.uniform(-.2, .9), rng.uniform(-1, -.6))
        b = face.at(a, rng.uniform(-.25, .25), rng.uniform(.3, .9))
        c = (a + b) / 2 + rng.normal(0, .08, 2) * face.width
        curve = np.array([(1 - s) ** 2 * a + 2 * s * (1 - s) * c + s ** 2 * b for s in np.linspace(0, 1, 10)])
        cv2.polylines(m, [np.round(curve).astype(np.int32)], False, 255, 1, cv2.LINE_AA)
    tone = rng.uniform(10, 150) * np.array([1, rng.uniform(.7, 1), rng.uniform(.5, 1)])
    return np.ones((SIDE, SIDE, 3), np.float32) * tone.astype(np.float32), m.astype(np.float32) / 255


def shadow(rng, image, face):
    """Shade with a straight or wavy edge, hard or soft, or a bright patch: light, not a thing."""
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    a = rng.uniform(0, 2 * np.pi)
    c = face.nose + rng.normal(0, .3, 2) * face.width
    along = (xx - c[0]) * np.cos(a) + (yy - c[1]) * np.sin(a) + clouds(rng, 4, -1, 1) * rng.uniform(0, .2) * face.width
    m = np.clip(along / rng.uniform(1, 40) + .5, 0, 1)
    if rng.random() < .2:
        return np.full((SIDE, SIDE, 3), 255, np.float32), m * rng.uniform(.1, .55)
    return np.zeros((SIDE, SIDE, 3), np.float32), m * rng.uniform(.2, .75)


def draw(rng, kind, image, face, props):
    """The picture and the coverage of one thing; kind is a key of OCCLUDING or HARMLESS."""
    k = kind.removeprefix("beside_")
    spot = beside(rng, face) if kind != k else target(rng, face)
    if k == "hands":
        (a, m), (b, n) = hand(rng, image, face, spot, props), hand(rng, image, face, target(rng, face), props)
        return np.where((n > .5)[..., None], b, a), np.maximum(m, n)
    if k in ("hand", "paper", "phone", "thing"):
        return globals()[k](rng, image, face, spot, props)
    if k == "collar":
        return scarf(rng, image, face, props, top=rng.uniform(.82, 1.1))
    if k in ("scarf", "sunglasses", "mask", "hat", "veil"):
        return globals()[k](rng, image, face, props)
    return globals()[k](rng, image, face)


OCCLUDING = {"hand": 6, "hands": 1, "scarf": 2.5, "paper": 2.3, "phone": 2.3, "thing": 2.2, "sunglasses": 3}
HARMLESS = {"none": 6, "glasses": 3, "mask": 6, "beard": 1.2, "hat": 1.2, "veil": 1.2, "strands": 1, "shadow": 2, "collar": 1,
            "beside_hand": 1.8, "beside_paper": .4, "beside_phone": .4, "beside_thing": .5}
WORN = ("mask", "glasses", "beard", "hat", "veil", "strands", "shadow")
LIGHT = ("shadow",)


def nothing(rng, image, landmarks, props):
    """A picture of no person, and what it shows: things, animals, smileys, hands, paper or phones where the landmarks say that a face is,
    before a part of a photograph, what was beside the face, cloth, noise or strokes."""
    face = Face(landmarks)
    ground = rng.integers(7)
    left, right = face.l[:, 0].min() - .15 * face.width, SIDE - face.l[:, 0].max() - .15 * face.width
    if ground == 6 and max(left, right) > 24:
        s = int(max(left, right))
        y, x = rng.integers(SIDE - s), 0 if left > right else SIDE - s
        out = cv2.resize(image[y:y + s, x:x + s], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    elif ground < 2:
        p = props.photos[rng.integers(len(props.photos))]
        s = int(min(p.shape[:2]) * rng.uniform(.12, 1))
        y, x = rng.integers(p.shape[0] - s + 1), rng.integers(p.shape[1] - s + 1)
        out = np.rot90(cv2.resize(p[y:y + s, x:x + s], (SIDE, SIDE), interpolation=cv2.INTER_AREA), rng.integers(4)).astype(np.float32)
    elif ground == 2:
        out = np.dstack([clouds(rng, int(rng.integers(2, 40)), 0, 255) for _ in range(3)])
    elif ground == 3:
        out = np.full((SIDE, SIDE, 3), rng.uniform(20, 255), np.float32) * rng.uniform(.7, 1, 3)
        scrawl(rng, out)
    else:
        out = fabric(rng, props)
    drawn = ["nothing"]
    for _ in range(rng.choice([0, 1, 2, 3], p=[.3, .4, .2, .1])):
        k = choose(rng, {"smiley": 3, "thing": 4, "hand": 2, "paper": 1, "phone": 1, "sunglasses": .7, "glasses": .5, "mask": .7, "scarf": .7, "hat": .3})
        if k == "smiley":
            p = props.masks[rng.integers(len(props.masks))]
            w = laid(p, face.l.mean(0) + rng.normal(0, .1, 2) * face.width, (80, 80), face.width / 160 * rng.uniform(.8, 1.8), rng.normal(0, 20), rng.random() < .5)
            pic, m = w[..., :3], w[..., 3] / 255
        else:
            pic, m = draw(rng, k, np.clip(out, 0, 255).astype(np.uint8), face, props)
        out = put(rng, out, np.clip(pic, 0, 255), np.clip(m, 0, 1))
        drawn.append(k)
    return np.clip(out, 0, 255).astype(np.uint8), drawn


def flatten(rng, image):
    """A photograph of which the skin has lost what tells it from a drawing: by a filter that smooths it, strong compression, few
    tones, too much light, too much colour, or two of these."""
    for kind in rng.choice(6, size=1 + (rng.random() < .5), replace=False):
        if kind == 0:
            image = cv2.bilateralFilter(image, 9, rng.uniform(30, 110), rng.uniform(3, 9))
        elif kind == 1:
            image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(4, 22))])[1], cv2.IMREAD_COLOR)
        elif kind == 2:
            image = cv2.medianBlur(image, int(rng.choice([3, 5, 7])))
        elif kind == 3:
            step = int(rng.integers(12, 40))
            image = np.clip(image.astype(np.float32) // step * step + step / 2, 0, 255).astype(np.uint8)
        elif kind == 4:  # the eyes and the hair stay
            image = np.clip((image.astype(np.float32) - rng.uniform(0, 40)) * rng.uniform(1.3, 3.5) + rng.uniform(0, 30, 3), 0, 255).astype(np.uint8)
        else:
            grey = image.mean(2, keepdims=True)
            image = np.clip(grey + (image - grey) * rng.uniform(1.4, 3.5), 0, 255).astype(np.uint8)
    return image


def scrawl(rng, out):
    """Circles, boxes and lines, which may look like eyes and mouths."""
    at = lambda: tuple(int(v) for v in rng.normal(SIDE / 2, SIDE / 4, 2))
    for _ in range(int(rng.integers(3, 25))):
        ink, thick = tuple(float(v) for v in rng.uniform(0, 255, 3)), int(rng.choice([-1, 1, 2, 4]))
        shape = rng.integers(3)
        if shape == 0:
            cv2.ellipse(out, at(), tuple(int(v) for v in rng.integers(3, 60, 2)), rng.uniform(0, 180), 0, 360 if rng.random() < .6 else 180, ink, thick, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(out, at(), at(), ink, thick)
        else:
            cv2.line(out, at(), at(), ink, abs(thick), cv2.LINE_AA)


def choose(rng, table):
    names = list(table)
    w = np.array([table[n] for n in names], float)
    return names[rng.choice(len(names), p=w / w.sum())]


def cast(image, face):
    """The colour of the light on a face: 1, 1, 1 in daylight."""
    mean = image[face.region() > .5].mean(0) if (face.region() > .5).any() else image.mean((0, 1))
    return np.clip(mean / max(mean.mean(), 1) / [1.22, .96, .82], .4, 1.8)


def put(rng, out, pic, m):
    """A thing laid over a picture, with its shadow, as blurred as the picture is; now and then as if it were cut out and pasted."""
    if rng.random() < .12:
        sharp = (m > .5)[..., None] * m.max()
        return out * (1 - sharp) + pic * sharp
    if rng.random() < .5:
        moved = cv2.warpAffine(m, np.float32([[1, 0, rng.normal(0, 5)], [0, 1, rng.normal(3, 4)]]), (SIDE, SIDE))
        shade = cv2.GaussianBlur(moved, (0, 0), rng.uniform(2, 9)) * rng.uniform(.1, .55)
        out = out * (1 - shade * (1 - m))[..., None]
    if rng.random() < .4:
        pic = cv2.GaussianBlur(pic, (0, 0), rng.uniform(.5, 1.6))
    soft = cv2.GaussianBlur(m, (0, 0), rng.uniform(.3, 1.6))[..., None]
    return out * (1 - soft) + pic * soft


class Composed:
    """A picture with things drawn over it: what they are; 1, 0, or -1 where it cannot be said, for occluded and for mouth (covered);
    and the coverage 0..1 by what occludes and by what hides the mouth."""

    def __init__(self, picture, drawn, face, covered, hidden):
        self.picture, self.drawn, self.covered, self.hidden = picture, drawn, covered, hidden
        region, lips = face.region(), face.lips()
        share = lambda cover, of: float((cover * of).sum() / max(of.sum(), 1))
        part, worst = share(covered, region), max(share(covered, r) for r in face.eyes() + [lips])
        self.occluded = 1 if part > .07 or worst > .45 else 0 if part < .015 and worst < .05 else -1
        self.mouth = 1 if share(hidden, lips) > .6 else 0 if share(hidden, lips) < .15 else -1
        self.part = part


def compose(rng, image, landmarks, props, occluding=None, kind=None, alone=False):
    """Puts things on a face. image is SIDE x SIDE RGB; occluding forces either sort, kind names the thing, alone leaves out any other."""
    face = Face(landmarks)
    if occluding is None:
        occluding = rng.random() < .5
    kinds = [choose(rng, HARMLESS)] if rng.random() < .3 and not alone else []
    kinds.append(kind or choose(rng, OCCLUDING if occluding else HARMLESS))
    if kinds[-1] in ("mask", "scarf") and not alone and rng.random() < .4:
        # A hood or a headscarf goes under a mask or over its edge, and is no scarf over the mouth.
        kinds.insert(rng.integers(2) * len(kinds) if kinds[-1] == "mask" else 0, "veil")
    out = image.astype(np.float32)
    covered, hidden = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    tint = cast(image, face)
    drawn = []
    for k in kinds:
        if k == "none":
            continue
        pic, m = draw(rng, k, image, face, props)
        if k in ("veil", "scarf") and "veil" in kinds and ("mask" in kinds or "scarf" in kinds) and rng.random() < .5:
            pic = np.full_like(pic, rng.uniform(8, 50)) * clouds(rng, 6, .6, 1.3)[..., None]  # most hoods and headscarves are dark
        m = np.clip(m, 0, 1)
        if k not in LIGHT:
            pic = pic * (light(image) * rng.uniform(.75, 1.3))
            if "hand" not in k and rng.random() < .7:
                pic = pic * tint.astype(np.float32)
        out = put(rng, out, np.clip(pic, 0, 255), m) if k not in LIGHT else out * (1 - m[..., None]) + pic * m[..., None]
        if k not in WORN:
            covered = np.maximum(covered, m)
        if k == "mask" or k not in WORN and k != "sunglasses":
            hidden = np.maximum(hidden, m)
        drawn.append(k)
    return Composed(np.clip(out, 0, 255).astype(np.uint8), drawn, face, covered, hidden)
