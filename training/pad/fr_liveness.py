"""What fr_liveness (npm, MIT), the second network of the free weights, says of every picture as it is: fr_liveness.npy, log odds of live."""
import argparse
import os

import numpy as np
import onnxruntime

from copies import PLAIN, SIZE
from network import CROPS

LIVE = 0  # of three classes


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--work", required=True)
    a.add_argument("--model", required=True)
    a = a.parse_args()
    kinds = np.load(os.path.join(a.work, "of.npy"))[:, 1]
    crops = np.memmap(os.path.join(a.work, "crops.u8"), np.uint8, "r", shape=(len(kinds), CROPS, SIZE, SIZE, 3))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    net = onnxruntime.InferenceSession(a.model, options)
    said = []
    for i in np.flatnonzero(kinds == PLAIN):
        logits = net.run(None, {net.get_inputs()[0].name: crops[i, 0][..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
        said.append(logits[LIVE] - np.logaddexp.reduce(np.delete(logits, LIVE)))
    np.save(os.path.join(a.work, "fr_liveness.npy"), np.array(said, np.float32))


if __name__ == "__main__":
    main()
