"""Draws things over faces: what occludes (hands, scarves, paper, phones, sunglasses, objects) and what does not
(medical masks, glasses, beards, hats, veils around the face, hair; any of the former beside the face).

Every function returns a picture of the thing and its coverage 0..1, both as large as the face's picture.
"""
import cv2
import numpy as np

SIDE = 192


def blank():
    return np.zeros((SIDE, SIDE, 3), np.float32), np.zeros((SIDE, SIDE), np.float32)


def clouds(rng, cells, lo=0.0, hi=1.0):
    small = rng.random((cells, cells)).astype(np.float32)
    return lo + (hi - lo) * cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def colour(rng):
    return rng.random(3).astype(np.float32) * 255


def fabric(rng, photos):
    """A texture: part of a photograph, stripes, checks, knit or plain cloth with folds."""
    kind = rng.integers(6)
    if kind < 2 and photos:
        p = photos[rng.integers(len(photos))]
        s = int(rng.integers(60, min(p.shape[:2])))
        y, x = rng.integers(p.shape[0] - s + 1), rng.integers(p.shape[1] - s + 1)
        t = cv2.resize(p[y:y + s, x:x + s], (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    else:
        yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
        a = rng.random() * np.pi
        u, v = xx * np.cos(a) + yy * np.sin(a), -xx * np.sin(a) + yy * np.cos(a)
        period = rng.uniform(3, 40)
        w = {2: np.sin(u * 2 * np.pi / period), 3: np.sin(u * 2 * np.pi / period) * np.sin(v * 2 * np.pi / period),
             4: np.sin(u * 2 * np.pi / rng.uniform(3, 6)) * 0.5 + rng.standard_normal((SIDE, SIDE)) * 0.3}.get(kind, np.zeros_like(u))
        w = (np.clip(w, -1, 1)[..., None] + 1) / 2
        t = colour(rng) * w + colour(rng) * (1 - w)
    folds = clouds(rng, int(rng.integers(2, 9)), rng.uniform(0.4, 0.9), 1.1)
    return np.clip(t * folds[..., None], 0, 255)


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


def skin(rng, image, face):
    """The colour of this face's cheeks or another skin's."""
    if rng.random() < 0.6:
        c = np.concatenate([image[int(np.clip(p[1], 0, SIDE - 1)), int(np.clip(p[0], 0, SIDE - 1))][None]
                            for p in (face.at(face.left, -.02, .35), face.at(face.right, .02, .35))]).mean(0)
        return np.clip(c.astype(np.float32) * rng.uniform(0.75, 1.25), 10, 250)
    tone = rng.uniform(60, 235)
    return np.clip(np.array([tone, tone * rng.uniform(.68, .85), tone * rng.uniform(.5, .75)], np.float32), 10, 250)


def target(rng, face):
    """Where an occluder goes: the mouth, an eye, both eyes' middle, the nose, a cheek."""
    spots = [face.mouth, face.mouth, face.left, face.right, (face.left + face.right) / 2, face.nose,
             face.at(face.left, -.05, .45), face.at(face.right, .05, .45)]
    return spots[rng.integers(len(spots))] + rng.normal(0, .05, 2) * face.width


def beside(rng, face):
    """A place beside or below the face."""
    a = rng.uniform(-.2, 1.2) * np.pi
    c = face.l.mean(0)
    return c + np.array([np.cos(a) * .95 * face.width, np.sin(a) * 1.0 * face.width])


def hand(rng, image, face, spot):
    """A palm with fingers at spot, and its forearm."""
    m = np.zeros((SIDE, SIDE), np.uint8)
    shade = np.ones((SIDE, SIDE), np.float32)
    u = face.width * rng.uniform(.8, 1.2)
    heading = rng.uniform(0, 2 * np.pi)
    d = np.array([np.cos(heading), np.sin(heading)])
    side = np.array([-d[1], d[0]])
    palm = spot - d * u * rng.uniform(-.05, .35)
    pt = lambda v: tuple(int(round(x)) for x in v)
    layers = []
    def capsule(a, b, thick):
        one = np.zeros((SIDE, SIDE), np.uint8)
        cv2.line(one, pt(a), pt(b), 255, max(int(thick), 2), cv2.LINE_AA)
        layers.append(one)
    capsule(palm - d * u * 1.6, palm - d * u * .2, u * rng.uniform(.28, .4))
    one = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(one, pt(palm), (int(u * .27), int(u * .22)), float(np.rad2deg(heading)), 0, 360, 255, -1, cv2.LINE_AA)
    layers.append(one)
    spread = rng.uniform(.02, .25)
    bend = rng.uniform(.15, 1)
    fist = rng.random() < .2
    for i in range(4):
        off = (i - 1.5) / 1.5
        base = palm + d * u * .15 + side * off * u * .15
        tip = base + (d + side * off * spread) * u * (.15 if fist else rng.uniform(.25, .5) * bend + .1)
        capsule(base, tip, u * rng.uniform(.085, .115))
    if rng.random() < .8:
        s = rng.choice([-1, 1])
        capsule(palm + side * s * u * .15, palm + side * s * u * rng.uniform(.3, .42) + d * u * rng.uniform(0, .3), u * .12)
    for one in layers:
        dist = cv2.distanceTransform((one > 127).astype(np.uint8), cv2.DIST_L2, 3)
        r = max(dist.max(), 1)
        inside = one > 127
        shade[inside] = (.6 + .4 * np.sqrt(np.clip(dist / r, 0, 1)))[inside]
        m = np.maximum(m, one)
    light = clouds(rng, 3, .75, 1.15)
    pic = skin(rng, image, face) * (shade * light)[..., None] + rng.normal(0, rng.uniform(0, 6), (SIDE, SIDE, 1))
    return np.clip(pic, 0, 255).astype(np.float32), m.astype(np.float32) / 255


def paper(rng, image, face, spot, photos):
    """A sheet with lines of writing, plain or printed."""
    w, h = face.width * rng.uniform(.5, 1.3), face.width * rng.uniform(.5, 1.3)
    angle = face.angle + rng.normal(0, 25)
    r = np.deg2rad(angle)
    rot = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    m = polygon(np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 @ rot.T * rng.uniform(.9, 1.1, (4, 2)) + spot)
    if rng.random() < .25:
        return fabric(rng, photos), m
    pic = np.full((SIDE, SIDE, 3), rng.uniform(150, 255), np.float32) * rng.uniform(.9, 1.0, 3)
    ink = np.zeros((SIDE, SIDE), np.uint8)
    if rng.random() < .7:
        step = int(rng.integers(5, 14))
        for y in range(0, 2 * SIDE, step):
            for x in range(-20, 2 * SIDE, int(rng.integers(10, 40))):
                if rng.random() < .75:
                    cv2.line(ink, (x, y), (x + int(rng.integers(4, 24)), y), 255, int(rng.integers(1, 3)))
        ink = cv2.warpAffine(ink, cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), -angle, 1), (SIDE, SIDE))
    pic = pic * (1 - ink[..., None] / 255 * rng.uniform(.5, .95))
    return np.clip(pic * clouds(rng, 3, .8, 1.05)[..., None], 0, 255), m


def phone(rng, image, face, spot, photos):
    """A phone's back or screen, often with fingers around it."""
    w = face.width * rng.uniform(.42, .75)
    h = w * rng.uniform(1.7, 2.1)
    angle = face.angle + (90 if rng.random() < .35 else 0) + rng.normal(0, 12)
    m = rounded(spot, w, h, angle, w * .12)
    pic = np.full((SIDE, SIDE, 3), 1, np.float32) * (colour(rng) if rng.random() < .4 else np.full(3, rng.uniform(5, 60)))
    pic = pic * clouds(rng, 2, .7, 1.25)[..., None]
    r = np.deg2rad(angle)
    rot = np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    if rng.random() < .6:
        for i in range(int(rng.integers(1, 4))):
            c = rot @ np.array([-w * .25, -h * .38 + i * w * .25]) + spot
            cv2.circle(pic, tuple(int(v) for v in c), max(int(w * .08), 2), tuple(float(v) for v in rng.uniform(0, 70, 3)), -1, cv2.LINE_AA)
    if rng.random() < .6:
        tone = skin(rng, image, face)
        s = rng.choice([-1, 1])
        for i in range(int(rng.integers(2, 5))):
            a = rot @ np.array([s * w * .75, -h * .1 + i * w * .22]) + spot
            b = rot @ np.array([s * w * rng.uniform(.2, .4), -h * .1 + i * w * .22]) + spot
            one = np.zeros((SIDE, SIDE), np.uint8)
            cv2.line(one, tuple(int(v) for v in a), tuple(int(v) for v in b), 255, max(int(w * .18), 2), cv2.LINE_AA)
            pic[one > 127] = tone * rng.uniform(.75, 1.05)
            m = np.maximum(m, one.astype(np.float32) / 255)
    return np.clip(pic, 0, 255), m


def thing(rng, image, face, spot, photos):
    """An object of any shape: a cup, a ball, a book, a bunch of something."""
    if rng.random() < .4:
        m = rounded(spot, face.width * rng.uniform(.35, 1), face.width * rng.uniform(.35, 1), rng.uniform(0, 180), face.width * rng.uniform(0, .3))
    else:
        n = int(rng.integers(5, 14))
        a = np.sort(rng.random(n)) * 2 * np.pi
        r = face.width * rng.uniform(.2, .55) * rng.uniform(.6, 1.3, n)
        m = polygon(np.stack([np.cos(a) * r, np.sin(a) * r], 1) + spot)
    return fabric(rng, photos), m


def scarf(rng, image, face, photos):
    """Cloth from the nose down, wider than the face, with a wavy upper edge."""
    top = rng.uniform(-.05, .3)  # below the eyes, in eye-to-chin heights
    mid = (face.left + face.right) / 2
    xs = np.linspace(-1.1, 1.1, 9)
    wave = top + rng.normal(0, .04, 9) + rng.uniform(-.15, .25) * (xs ** 2) + rng.normal(0, .08) * xs
    edge = [face.at(mid, x, t + .12) for x, t in zip(xs, wave)]
    m = polygon(edge + [face.at(mid, 1.3, 3), face.at(mid, -1.3, 3)])
    return fabric(rng, photos), m


def sunglasses(rng, image, face):
    """Dark lenses over both eyes with a frame."""
    m = np.zeros((SIDE, SIDE), np.float32)
    gap = np.linalg.norm(face.right - face.left)
    w, h = gap * rng.uniform(.75, 1.0), gap * rng.uniform(.5, .85)
    for c in (face.left, face.right):
        m = np.maximum(m, rounded(face.at(c, 0, rng.uniform(0, .06)), w, h, face.angle, h * rng.uniform(.2, .5)))
    frame = np.zeros((SIDE, SIDE), np.uint8)
    cv2.line(frame, *[tuple(int(v) for v in face.at(c, 0, -.03)) for c in (face.left, face.right)], 255, max(int(gap * .08), 2), cv2.LINE_AA)
    for c, far in ((face.left, face.l[0]), (face.right, face.l[16])):
        cv2.line(frame, tuple(int(v) for v in c), tuple(int(v) for v in far), 255, max(int(gap * .06), 1), cv2.LINE_AA)
    dark = rng.uniform(0, 55) * rng.uniform(.6, 1.4, 3)
    yy = np.mgrid[0:SIDE, 0:SIDE][0].astype(np.float32)
    grade = 1 + rng.uniform(0, 2) * np.clip((yy - face.left[1]) / (h + 1) + .5, 0, 1)
    pic = np.clip(dark * grade[..., None] + clouds(rng, 4, 0, rng.uniform(0, 60))[..., None], 0, 255)
    if rng.random() < .4:
        a = rng.uniform(0, 255)
        cv2.line(pic, tuple(int(v) for v in face.left - [w / 2, h / 2]), tuple(int(v) for v in face.left + [w / 3, h / 2]), (a, a, a), max(int(gap * .06), 1), cv2.LINE_AA)
        pic = cv2.GaussianBlur(pic, (0, 0), 2)
    m = m * rng.uniform(.86, 1)
    return pic.astype(np.float32), np.maximum(m, frame.astype(np.float32) / 255)


def mask(rng, image, face, photos):
    """A medical mask or its like: over nose and mouth to the chin, not wider than the face, with loops."""
    l = face.l
    jaw = l[2:15] + (l[2:15] - face.nose) * rng.uniform(-.06, .1)
    bridge = face.at(l[28], 0, rng.uniform(-.03, .12))
    top = [face.at((l[14] + l[35] * 0 + l[45]) / 2, .02, rng.uniform(.05, .2)), bridge, face.at((l[2] + l[36]) / 2, -.02, rng.uniform(.05, .2))]
    m = polygon(np.concatenate([jaw, np.array(top)]))
    base = [(235, 240, 245), (160, 205, 225), (150, 200, 190), (35, 35, 40), (225, 180, 195)][rng.integers(5)]
    pic = np.ones((SIDE, SIDE, 3), np.float32) * np.array(base, np.float32) * rng.uniform(.75, 1.05)
    if rng.random() < .25:
        pic = fabric(rng, photos)
    for t in np.linspace(.2, .8, int(rng.integers(0, 5))):
        a, b = l[3] * (1 - t) + l[6] * t, l[13] * (1 - t) + l[10] * t
        c = (a + b) / 2 + face.y * face.height * .12
        curve = np.array([(1 - s) ** 2 * a + 2 * s * (1 - s) * c + s ** 2 * b for s in np.linspace(0, 1, 12)])
        cv2.polylines(pic, [np.round(curve).astype(np.int32)], False, tuple(float(v) * .8 for v in base), 1, cv2.LINE_AA)
    pic = pic * clouds(rng, 4, .75, 1.05)[..., None]
    loops = np.zeros((SIDE, SIDE), np.uint8)
    if rng.random() < .8:
        for a, b in ((top[2], l[0]), (l[4], l[0]), (top[0], l[16]), (l[12], l[16])):
            cv2.line(loops, tuple(int(v) for v in a), tuple(int(v) for v in b), 255, 1, cv2.LINE_AA)
    return np.clip(pic, 0, 255), np.maximum(m, loops.astype(np.float32) / 255)


def glasses(rng, image, face):
    """Clear spectacles: thin frames, a little tint or glare."""
    line = np.zeros((SIDE, SIDE), np.uint8)
    tint = np.zeros((SIDE, SIDE), np.float32)
    gap = np.linalg.norm(face.right - face.left)
    w, h = gap * rng.uniform(.7, .95), gap * rng.uniform(.4, .75)
    thick = max(int(gap * rng.uniform(.02, .09)), 1)
    for c in (face.left, face.right):
        lens = rounded(face.at(c, 0, .03), w, h, face.angle, h * rng.uniform(.15, .5))
        tint = np.maximum(tint, lens)
        edge = (lens > .5).astype(np.uint8)
        line = np.maximum(line, (edge - cv2.erode(edge, np.ones((thick + 1, thick + 1)))) * 255)
    for a, b in ((face.left + face.x * w / 2, face.right - face.x * w / 2), (face.left - face.x * w / 2, face.l[0]), (face.right + face.x * w / 2, face.l[16])):
        cv2.line(line, tuple(int(v) for v in a), tuple(int(v) for v in b), 255, thick, cv2.LINE_AA)
    pic = np.ones((SIDE, SIDE, 3), np.float32) * (colour(rng) * rng.uniform(0, .8))
    glare = rng.random() < .3
    alpha = np.maximum(line.astype(np.float32) / 255, tint * rng.uniform(0, .25) * (1 if glare else .6))
    if glare:
        pic = np.where((line > 60)[..., None], pic, 235)
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


def hat(rng, image, face, photos):
    """A hat, a fringe or a band above the brows."""
    brow = min(face.l[17:27] @ face.y)
    yy, xx = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    down = xx * face.y[0] + yy * face.y[1]
    across = (xx - face.nose[0]) * face.x[0] + (yy - face.nose[1]) * face.x[1]
    edge = brow - face.height * rng.uniform(.02, .4) + rng.uniform(-.2, .2) * np.abs(across) + rng.normal(0, 1)
    m = ((down < edge) & (np.abs(across) < face.width * rng.uniform(.5, .9))).astype(np.float32)
    return fabric(rng, photos), cv2.GaussianBlur(m, (0, 0), .8)


def veil(rng, image, face, photos):
    """Cloth or long hair around the face: a hood, a headscarf."""
    m = np.ones((SIDE, SIDE), np.uint8) * 255
    c = face.l.mean(0) - face.y * face.height * rng.uniform(.05, .2)
    cv2.ellipse(m, tuple(int(v) for v in c), (int(face.width * rng.uniform(.5, .62)), int(face.height * rng.uniform(1.02, 1.25))), face.angle, 0, 360, 0, -1, cv2.LINE_AA)
    m = m.astype(np.float32) / 255
    if rng.random() < .5:  # beside and above only
        yy = np.mgrid[0:SIDE, 0:SIDE][0]
        m = m * (yy < face.chin[1] + rng.uniform(-.2, .6) * face.height)
    return fabric(rng, photos), m


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


def draw(rng, kind, image, face, photos):
    """The picture and the coverage of one thing; kind is a key of OCCLUDING or HARMLESS."""
    k = kind.removeprefix("beside_")
    spot = beside(rng, face) if kind != k else target(rng, face)
    if k == "hand":
        return hand(rng, image, face, spot)
    if k == "hands":
        (a, m), (b, n) = hand(rng, image, face, spot), hand(rng, image, face, target(rng, face))
        return np.where((n > .5)[..., None], b, a), np.maximum(m, n)
    if k in ("paper", "phone", "thing"):
        return globals()[k](rng, image, face, spot, photos)
    if k in ("scarf", "mask", "hat", "veil"):
        return globals()[k](rng, image, face, photos)
    return globals()[k](rng, image, face)


OCCLUDING = {"hand": 4, "hands": 1, "scarf": 2.5, "paper": 2, "phone": 2, "thing": 2, "sunglasses": 3}
HARMLESS = {"none": 5, "glasses": 2.5, "mask": 5, "beard": 1.2, "hat": 1.2, "veil": 1.2, "strands": 1,
            "beside_hand": 1.5, "beside_paper": .5, "beside_phone": .5, "beside_thing": .7}


def choose(rng, table):
    names = list(table)
    w = np.array([table[n] for n in names], float)
    return names[rng.choice(len(names), p=w / w.sum())]


def compose(rng, image, landmarks, photos, occluding=None):
    """Puts things on a face. Returns the picture, what was drawn, and the labels: occluded and mouth covered, each 1, 0
    or -1 where it cannot be said. image is SIDE x SIDE RGB; occluding forces either sort."""
    face = Face(landmarks)
    kinds = []
    if occluding is None:
        occluding = rng.random() < .5
    if rng.random() < .25:
        kinds.append(choose(rng, HARMLESS))
    kinds.append(choose(rng, OCCLUDING if occluding else HARMLESS))
    out = image.astype(np.float32)
    covered, hidden = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    drawn = []
    for k in kinds:
        if k == "none":
            continue
        pic, m = draw(rng, k, image, face, photos)
        m = np.clip(m, 0, 1)
        light = image.mean() / 128
        pic = np.clip(pic * np.clip(light * rng.uniform(.7, 1.4), .25, 1.3), 0, 255)
        soft = cv2.GaussianBlur(m, (0, 0), rng.uniform(.3, 1.6))
        out = out * (1 - soft[..., None]) + pic * soft[..., None]
        if k in ("mask", "scarf", "hand", "hands", "paper", "phone", "thing") or k.startswith("beside"):
            hidden = np.maximum(hidden, m)
        if k not in ("mask", "glasses", "beard", "hat", "veil", "strands"):
            covered = np.maximum(covered, m)
        drawn.append(k)
    region, lips = face.region(), face.lips()
    part = float((covered * region).sum() / max(region.sum(), 1))
    worst = max([float((covered * e).sum() / max(e.sum(), 1)) for e in face.eyes()] + [float((covered * lips).sum() / max(lips.sum(), 1))])
    if part > .12 or worst > .6:
        occluded = 1
    elif part < .02 and worst < .1:
        occluded = 0
    else:
        occluded = -1
    share = float((hidden * lips).sum() / max(lips.sum(), 1))
    mouth = 1 if share > .6 else 0 if share < .15 else -1
    return np.clip(out, 0, 255).astype(np.uint8), drawn, occluded, mouth
