"""The same picture as other programs save it: training learns to answer such copies alike."""
import cv2
import numpy as np

from faces import jitter


def grey(picture, box, rng):
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), box


def compressed(picture, box, rng):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], 1), box


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
    return (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8), box


DRESSES = dict(grey=grey, compressed=compressed, half=half, toned=toned)
EVERY = 3  # of so many pictures one is dressed: copies teach nothing but what to disregard


def dressed(name, cut):
    """The crop of a dressed picture, in which the face is found a little elsewhere."""
    return lambda picture, box, rng: cut(*DRESSES[name](picture, jitter(box, 0.015, rng, picture), rng), rng)
