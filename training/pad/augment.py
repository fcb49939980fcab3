"""What cameras, programs, light and attackers do to the picture around a face. All take and give height x width x 3 bytes."""
import cv2
import numpy as np


def byte(x):
    return np.clip(x, 0, 255, out=x).astype(np.uint8)


def coded(x, quality):
    return cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1], 1)


def resized(x, scale):
    return cv2.resize(x, (max(8, round(x.shape[1] * scale)), max(8, round(x.shape[0] * scale))),
                      interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def lit(x, rng, strength=1.0):
    """Other light, white balance and contrast, through one table a channel."""
    gain = np.exp(rng.normal(0, 0.12 * strength) + rng.normal(0, 0.06 * strength, 3))
    gamma, lift = np.exp(rng.normal(0, 0.18 * strength)), rng.normal(0, 6 * strength)
    level = np.arange(256, dtype=np.float32) / 255
    table = np.stack([255 * level ** gamma * g + lift for g in gain], -1)
    return cv2.LUT(x, byte(table)[None])


def saturated(x, amount):
    grey = cv2.cvtColor(cv2.cvtColor(x, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return cv2.addWeighted(x, amount, grey, 1 - amount, 0)


def noisy(x, rng):
    noise = np.empty(x.shape, np.int16)
    cv2.setRNGSeed(int(rng.integers(1 << 30)))
    cv2.randn(noise, 0, rng.uniform(1, 8))
    if rng.random() < 0.5:  # as coarse as cameras that remove noise leave it
        noise = cv2.blur(noise, (2, 2)) * 2
    return cv2.add(x, noise, dtype=cv2.CV_8U)


def moved(x, rng):
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, (0, int(rng.integers(length))), (length - 1, int(rng.integers(length))), 1)
    return cv2.filter2D(x, -1, kernel / kernel.sum())


def filmed(x, rng):
    """The picture as another camera, in another light, through another program would have it."""
    if rng.random() < 0.7:
        x = lit(x, rng)
    if rng.random() < 0.3:
        x = saturated(x, rng.uniform(0.4, 1.3) if rng.random() < 0.85 else 0)
    if rng.random() < 0.35:
        x = resized(x, rng.uniform(0.35, 0.9))
    if rng.random() < 0.25:
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.3))
    elif rng.random() < 0.1:
        x = moved(x, rng)
    elif rng.random() < 0.15:  # sharpened
        x = cv2.addWeighted(x, 1.6, cv2.GaussianBlur(x, (0, 0), 1.2), -0.6, 0)
    if rng.random() < 0.3:
        x = noisy(x, rng)
    if rng.random() < 0.6:
        x = coded(x, rng.uniform(35, 95))
    return x


def grating(shape, period, angle, rng):
    y, x = np.mgrid[:shape[0], :shape[1]].astype(np.float32)
    bend = 1 + rng.normal(0, 0.02) * y / shape[0]
    return np.cos(2 * np.pi / period * bend * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6.3))


def screen(x, rng):
    """On a screen that is filmed: its grid and the moire with the camera's, its light, black that is not black, glare."""
    h, w = x.shape[:2]
    y = lit(x, rng, 1.6).astype(np.float32)
    y = 255 * (y / 255) ** rng.uniform(0.75, 1.5)
    y = y * rng.uniform(0.7, 1.0) + rng.uniform(4, 35)
    y *= np.array([rng.uniform(1.0, 1.25), 1.0, rng.uniform(0.8, 1.05)], np.float32)  # screens are bluer
    if rng.random() < 0.75:  # moire: broad coloured bands beside the fine grid
        angle = rng.uniform(0, np.pi)
        for period in (rng.uniform(2.1, 4.5), rng.uniform(5, 30)):
            wave = grating((h, w), period, angle + rng.normal(0, 0.2), rng) * rng.uniform(0.02, 0.09)
            y *= 1 + wave[..., None] * rng.uniform(0.5, 1.0, 3).astype(np.float32) * rng.choice([-1, 1], 3)
    if rng.random() < 0.4:  # bands of the refresh
        y *= 1 + rng.uniform(0.03, 0.12) * grating((h, w), rng.uniform(0.3, 1.5) * h, np.pi / 2, rng)[..., None]
    if rng.random() < 0.35:
        at, size = rng.uniform(0, 1, 2) * (h, w), rng.uniform(0.06, 0.3) * h
        yy, xx = np.mgrid[:h, :w].astype(np.float32)
        y += rng.uniform(40, 160) * np.exp(-((yy - at[0]) ** 2 + (xx - at[1]) ** 2) / size ** 2)[..., None]
    return byte(y)


GRID = 3  # pixels that a screen's pixel is drawn with


def drawn(x, shape, gamma, light, black, cast, grid):
    """A picture as a screen of shape (width, height) pixels shows it, each pixel drawn with GRID x GRID: its stripes, and the dark line under
    it; 0 to 1. grid is the light between the stripes."""
    y = cv2.resize(x, shape).astype(np.float32) / 255
    y = light * y ** gamma * np.float32(cast) + black
    large = cv2.resize(y, (shape[0] * GRID, shape[1] * GRID), interpolation=cv2.INTER_NEAREST)
    for channel in range(3):
        stripe = np.full(GRID, grid, np.float32)
        stripe[2 - channel] = GRID - (GRID - 1) * grid
        large[:, :, channel] *= np.tile(stripe, shape[0])[None]
    large[GRID - 1::GRID] *= grid
    return large


def printed(x, rng):
    """On paper that is filmed: fewer colours, paper's white, ink's black, dots, light that falls unevenly on a bend."""
    h, w = x.shape[:2]
    y = saturated(lit(x, rng, 1.4), rng.uniform(0.45, 0.95)).astype(np.float32)
    if rng.random() < 0.6:  # the press's dots
        period, angle = rng.uniform(2.2, 5), rng.uniform(0, np.pi / 2)
        dots = grating((h, w), period, angle, rng) + grating((h, w), period, angle + np.pi / 2, rng)
        y += (rng.uniform(4, 16) * dots * (1 - np.abs(y.mean(2) / 127.5 - 1)))[..., None]
    black, white = rng.uniform(15, 60), rng.uniform(170, 235)
    y = black + y / 255 * (white - black)
    y *= np.array([rng.uniform(0.82, 1.05), 1.0, rng.uniform(0.95, 1.12)], np.float32)
    bend = grating((h, w), rng.uniform(1.0, 3.0) * w, rng.uniform(-0.5, 0.5), rng)
    return byte(y * (1 + rng.uniform(0.02, 0.15) * bend)[..., None])


def recaptured(x, rng):
    """A live picture as a replay or a print of it, filmed once more."""
    if rng.random() < 0.5:
        x = resized(x, rng.uniform(0.5, 0.95))
    x = screen(x, rng) if rng.random() < 0.65 else printed(x, rng)
    x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.4))
    return filmed(x, rng) if rng.random() < 0.6 else coded(x, rng.uniform(60, 95))


def rotated(x, box, rng):
    """About the middle of the face, edges reflected; box in pixels."""
    left, top, width, height = box
    turn = cv2.getRotationMatrix2D((left + width / 2, top + height / 2), rng.normal(0, 9), 1)
    return cv2.warpAffine(x, turn, (x.shape[1], x.shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
