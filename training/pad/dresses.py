"""The same picture as other programs save it, in other light, and by worse cameras: training learns to answer such copies alike."""
import cv2
import numpy as np

from faces import jitter


def grey(picture, box, rng):
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), box


def compressed(picture, box, rng):
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
    return cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], 1), box


def half(picture, box, rng):
    small = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return small, box * np.tile([small.shape[1] / picture.shape[1], small.shape[0] / picture.shape[0]], 2)


def toned(picture, box, rng):
    """Other colours, as of another profile or a printer's inks: less saturated, blacks lifted, another gamma and white."""
    colours = picture.astype(np.float32) / 255
    luma = (colours @ np.array([0.114, 0.587, 0.299], np.float32))[..., None]
    colours = np.clip(luma + (colours - luma) * rng.uniform(0.75, 1.05), 0, 1) ** np.exp(rng.uniform(-0.12, 0.12))
    lift = rng.uniform(0, 0.06)
    colours = (lift + (1 - lift) * colours) * np.exp(rng.uniform(-0.05, 0.05, 3)).astype(np.float32)
    return levels(colours * 255), box


def bright(picture, box, rng):
    return levels(picture.astype(np.float32) * rng.uniform(1.15, 2)), box


def dim(picture, box, rng):
    """Less light, with a sensor's noise."""
    return levels(picture * rng.uniform(0.3, 0.8) + rng.normal(0, rng.uniform(0, 4), picture.shape)), box


def sidelit(picture, box, rng):
    """One side of the face darker than the other."""
    edge, side = box[0] + box[2] * rng.uniform(0.3, 0.7), rng.choice([-1, 1])
    light = 1 - rng.uniform(0.2, 0.7) / (1 + np.exp(-side * (np.arange(picture.shape[1]) - edge) / (0.1 * box[2])))
    return levels(picture * light[:, None]), box


def noisy(picture, box, rng):
    return levels(picture + rng.normal(0, rng.uniform(2, 15), picture.shape)), box


def blurred(picture, box, rng):
    return cv2.GaussianBlur(picture, (0, 0), max(0.3, box[2] * rng.uniform(0.003, 0.012))), box


def shaken(picture, box, rng):
    """Moved along one axis while the shutter was open."""
    path = max(2, round(box[2] * rng.uniform(0.02, 0.06)))
    return cv2.filter2D(picture, -1, np.full((1, path) if rng.random() < 0.5 else (path, 1), 1 / path, np.float32)), box


DRESSES = dict(grey=grey, compressed=compressed, half=half, toned=toned, bright=bright, dim=dim, sidelit=sidelit, noisy=noisy,
               blurred=blurred, shaken=shaken)


def dressed(name, cut):
    """The crop of a dressed picture, in which the face is found a little elsewhere."""
    return lambda picture, box, rng: cut(*DRESSES[name](*surroundings(picture, jitter(box, 0.015, rng, picture)), rng), rng)


def surroundings(picture, box):
    """The part of a picture that crops are made of, and the box in it: the rest need not be dressed."""
    height, width = picture.shape[:2]
    centre, far = box[:2] + box[2:] / 2, 1.4 * box[2:].max()
    left, top = np.maximum(centre - far, 0).astype(int)
    right, bottom = np.minimum(centre + far, (width, height)).astype(int)
    return np.ascontiguousarray(picture[top:bottom, left:right]), box - (left, top, 0, 0)


def levels(picture):
    return (np.clip(picture, 0, 255) + 0.5).astype(np.uint8)
