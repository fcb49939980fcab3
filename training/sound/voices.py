"""A check on voices of another kind: ffmpeg's speech synthesiser (flite) says phrases, without splices.

    voices.py --weights work/sound/all.pt --ear work/sound/features --measure work/sound/measure --json ../models/sound.json"""
import argparse
import numpy as np, torch
import data
from trials import Measure, listen, net


def main():
    p = argparse.ArgumentParser()
    for name in ("weights", "ear", "measure", "json"):
        p.add_argument("--" + name, required=True)
    o = p.parse_args()
    torch.set_num_threads(1)
    model, ear, measure, rng = net(o.weights), data.Ear(o.ear), Measure(o.measure, o.json), np.random.default_rng(0)
    for voice in ("awb", "rms", "slt", "kal16"):
        own, others = [], []
        for i in range(10):
            said = rng.integers(0, 10, 6).tolist()
            text = ("\\, " if i % 2 else " ").join(data.DIGITS[d] for d in said)
            samples = data.decode(["-f", "lavfi", "-i", f"flite=voice={voice}:text={text}"])
            answer = measure(listen(model, ear, samples), [said] + rng.integers(0, 10, (5, 6)).tolist())
            ratios = [m["phrase"][0] for m in answer["phrases"]]
            own.append(ratios[0])
            others += ratios[1:]
        print(f"{voice}: log-likelihood ratio a digit of its phrase: worst {min(own):.2f}, of {len(own)}; of others: best {max(others):.2f}, of {len(others)}")


if __name__ == "__main__":
    main()
