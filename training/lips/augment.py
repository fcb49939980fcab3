"""What cameras, light and people do to mouth pictures; every function takes the random generator first."""
import cv2
import numpy as np

cv2.setNumThreads(1)
HEIGHT, WIDTH = 48, 64        # what the model reads
OUTER_HEIGHT, OUTER_WIDTH = 72, 96  # what extract writes


def middle(pictures):
    """The pictures that the model reads, as they are."""
    y, x = (OUTER_HEIGHT - HEIGHT) // 2, (OUTER_WIDTH - WIDTH) // 2
    return pictures[:, y:y + HEIGHT, x:x + WIDTH].astype(np.float32)


def at_times(values, times):
    """Pictures or shapes at fractional times, mixed from the two around."""
    i = np.clip(np.floor(times).astype(int), 0, len(values) - 1)
    j = np.minimum(i + 1, len(values) - 1)
    w = (times - i).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - w) * values[i] + w * values[j]


def speed(rng, pictures, shapes, phones, states):
    """Speech 0.7 to 1.4 times as fast, wavering."""
    n = len(pictures)
    knots = max(2, n // 25 + 1)
    waver = np.exp(np.interp(np.arange(n), np.linspace(0, n, knots + 1), rng.normal(0, 0.12, knots + 1)))
    position = np.cumsum(np.exp(rng.uniform(np.log(0.7), np.log(1.4))) * waver)
    position -= position[0]
    times = np.interp(np.arange(0, position[-1]), position, np.arange(n))
    nearest = np.round(times).astype(int)
    return at_times(pictures, times), at_times(shapes, times), phones[nearest], states[nearest]


def fit(rng, length, pictures, shapes, phones, states):
    """A random part of that length; short sequences hold their first and last picture."""
    n = len(pictures)
    if n >= length:
        a = rng.integers(0, n - length + 1)
        return tuple(v[a:a + length] for v in (pictures, shapes, phones, states))
    a = int(rng.integers(0, length - n + 1))
    pad = (a, length - n - a)
    return (np.pad(pictures, (pad, (0, 0), (0, 0)), "edge"), np.pad(shapes, (pad, (0, 0)), "edge"),
            np.pad(phones, pad), np.pad(states, pad))


def frame_rate(rng, pictures, shapes):
    """As if filmed at 10 to 24 frames a second, also unevenly, and brought to 25 again."""
    n = len(pictures)
    times = np.arange(rng.uniform(0, 1), n - 1, 25 / rng.uniform(10, 24))
    if rng.random() < 0.3:
        times = np.sort(np.clip(times + rng.normal(0, 0.4, len(times)), 0, n - 1))
    back = np.interp(np.arange(n), times, np.arange(len(times)))
    there = times if rng.random() < 0.5 else np.round(times)
    back = back if rng.random() < 0.7 else np.round(back)
    return at_times(at_times(pictures, there), back), at_times(at_times(shapes, there), back)


# The points of a shape in the mirror: the outer lips (12), the inner lips (8), the chin.
MIRROR = np.r_[6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 12 + np.r_[4, 3, 2, 1, 0, 7, 6, 5], 20]


def mirror(shapes):
    """Shapes (…, 42) as the mirror shows them."""
    points = shapes.reshape(*shapes.shape[:-1], 21, 2)[..., MIRROR, :] * np.float32([-1, 1])
    return points.reshape(shapes.shape)


def shape(rng, shapes):
    """Another mouth: larger or smaller movements across and down, a tilt, points that drift and tremble."""
    n = len(shapes)
    points = shapes.reshape(n, 21, 2)
    mean = points.mean(0)
    angle, shear = np.radians(rng.normal(0, 4)), rng.normal(0, 0.05)
    c, s = np.cos(angle), np.sin(angle)
    m = np.array([[c, -s], [s, c]]) @ np.array([[np.exp(rng.normal(0, 0.15)), shear], [0, np.exp(rng.normal(0, 0.2))]])
    moved = (points - mean) @ m.T * np.exp(rng.normal(0, 0.15, (21, 1)))
    knots = max(2, n // 12 + 1)
    drift = np.stack([np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.normal(0, 0.012, knots))
                      for _ in range(2)], 1)
    trembling = rng.normal(0, rng.uniform(0, 0.008), (n, 21, 2)) + rng.normal(0, rng.uniform(0, 0.006), (n, 1, 2))
    return (mean + moved + drift[:, None] + trembling).reshape(n, 42).astype(np.float32)


def look(rng, pictures, shapes):
    """Another mouth, in another place and light, sometimes in the mirror."""
    pictures, shapes = light(rng, place(rng, pictures)), shape(rng, shapes)
    if rng.random() < 0.5:
        pictures, shapes = pictures[:, :, ::-1], mirror(shapes)
    return np.ascontiguousarray(pictures, np.float32), shapes


def place(rng, pictures):
    """Another mouth, in another place: scale, tilt, shear, an elastic bend; landmarks that drift and tremble."""
    n = len(pictures)
    scale, ratio = np.exp(rng.normal(0, 0.08)), np.exp(rng.normal(0, 0.06))
    angle, shear = np.radians(rng.normal(0, 4)), rng.normal(0, 0.05)
    c, s = np.cos(angle), np.sin(angle)
    m = np.array([[c, -s], [s, c]]) @ np.array([[scale, shear], [0, scale * ratio]])
    y, x = np.meshgrid(np.arange(HEIGHT) - (HEIGHT - 1) / 2, np.arange(WIDTH) - (WIDTH - 1) / 2, indexing="ij")
    u = m[0, 0] * x + m[0, 1] * y + (OUTER_WIDTH - 1) / 2 + rng.normal(0, 2.5)
    v = m[1, 0] * x + m[1, 1] * y + (OUTER_HEIGHT - 1) / 2 + rng.normal(0, 2.5)
    if rng.random() < 0.7:
        bend = cv2.resize(rng.normal(0, 1.3, (4, 5, 2)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        u, v = u + bend[..., 0], v + bend[..., 1]
    knots = max(2, n // 12 + 1)
    drift = np.stack([np.interp(np.linspace(0, knots - 1, n), np.arange(knots), rng.normal(0, 0.5, knots))
                      for _ in range(2)], 1)
    if rng.random() < 0.3:
        drift += rng.normal(0, 0.35, (n, 2))
    if rng.random() < 0.15:
        drift += np.linspace(-1, 1, n)[:, None] * rng.normal(0, 3, (1, 2))
    u, v, drift = u.astype(np.float32), v.astype(np.float32), drift.astype(np.float32)
    return np.stack([cv2.remap(p, u + d[0], v + d[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
                     for p, d in zip(pictures, drift)])


def complexion(rng, pictures):
    """Another skin: any tone curve, sometimes an inverted one, so that whether lips and teeth are darker or brighter
    than the skin around them does not matter; spots and bands of hair."""
    if rng.random() < 0.4:
        rise = np.exp(rng.normal(0, 0.9, 6))
        curve = np.r_[0, np.cumsum(rise)] / rise.sum()
        low, high = np.percentile(pictures, (1, 99))
        pictures = np.interp((pictures - low) / max(high - low, 0.05), np.linspace(0, 1, 7), curve)
        if rng.random() < 0.2:
            pictures = 1 - pictures
    if rng.random() < 0.4:
        hair = cv2.resize(rng.normal(0, 0.35, (5, 6)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        pictures = pictures * np.exp(np.minimum(hair, 0.3))
    return pictures.astype(np.float32)


def light(rng, pictures):
    """Tone, sharpness, a gradient, flicker, noise, few grey levels, a covered spot, lost pictures. 0..1."""
    n, pictures = len(pictures), complexion(rng, pictures / 255)
    if rng.random() < 0.4:
        k = rng.uniform(0.35, 0.9)
        size = max(16, int(WIDTH * k)), max(12, int(HEIGHT * k))
        pictures = np.stack([cv2.resize(cv2.resize(p, size, interpolation=cv2.INTER_AREA), (WIDTH, HEIGHT))
                             for p in pictures])
    if rng.random() < 0.3:
        sigma = rng.uniform(0.4, 1.2)
        pictures = np.stack([cv2.GaussianBlur(p, (0, 0), sigma) for p in pictures])
    if rng.random() < 0.5:
        y, x = np.mgrid[-1:1:HEIGHT * 1j, -1:1:WIDTH * 1j]
        pictures = pictures * (1 + rng.normal(0, 0.25) * x + rng.normal(0, 0.25) * y)
    if rng.random() < 0.4:
        pictures = pictures * (1 + np.interp(np.arange(n), np.linspace(0, n, 6), rng.normal(0, 0.08, 6)))[:, None, None]
    if rng.random() < 0.5:
        pictures = pictures + rng.normal(0, rng.uniform(0.002, 0.03), pictures.shape)
    if rng.random() < 0.2:
        levels = 2 ** rng.integers(3, 6)
        pictures = np.round(pictures * levels) / levels
    pictures = np.array(pictures, np.float32)
    if rng.random() < 0.3:
        y, x = rng.integers(0, HEIGHT - 8), rng.integers(0, WIDTH - 8)
        spot = pictures[:, y:y + rng.integers(6, 18), x:x + rng.integers(6, 24)]
        spot[...] = spot.mean()
    if rng.random() < 0.4:
        for _ in range(rng.integers(1, 4)):
            a = rng.integers(0, n)
            pictures[a:a + rng.integers(1, 4)] = pictures.mean(0)
    return pictures
