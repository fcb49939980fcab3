"""Reads what measure wrote of a recording (measure/main.go)."""
import json
import numpy as np


def read(path, only=None):
    """A dictionary of the header's values and the arrays by name; `only` names the arrays that are wanted."""
    with open(path, "rb") as f:
        header = json.loads(f.readline())
        trace = {k: v for k, v in header.items() if k != "Arrays"}
        for a in header["Arrays"]:
            kind = np.dtype(a["type"])
            count = int(np.prod(a["shape"]))
            if only and a["name"] not in only:
                f.seek(count * kind.itemsize, 1)
                continue
            trace[a["name"]] = np.frombuffer(f.read(count * kind.itemsize), kind).reshape(a["shape"])
    return trace
