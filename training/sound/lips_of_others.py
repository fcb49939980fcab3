"""Gathers what lips' models saw of trial recordings of people that they were not trained on, with the recordings' sound,
for evaluate.py --lips.

    lips_of_others.py --trials WORK/trials --pictures WORK/trials-pictures --fold s2,s5=WORK/A.pt --fold … --out work/sound/seen.pkl

The folders and weights are those of training/lips (trials.py, extract, train.py)."""
import argparse, csv, os, pickle, sys
import numpy as np, torch
import data

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lips"))
import calibrate, model


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--trials", required=True); p.add_argument("--pictures", required=True)
    p.add_argument("--fold", action="append", required=True); p.add_argument("--out", required=True)
    o = p.parse_args()
    torch.set_num_threads(1)
    folds = {}
    for f in o.fold:
        speakers, weights = f.split("=")
        folds.update(dict.fromkeys(speakers.split(","), model.load(weights)))
    out, done = [], set()
    for r in csv.DictReader(open(os.path.join(o.trials, "trials.csv"))):
        name = os.path.join(o.pictures, r["path"])
        if r["path"] in done or r["person"] not in folds or not os.path.exists(name + ".npy"):
            continue
        done.add(r["path"])
        kind = r["kind"] if r["kind"] in ("still", "sentence", "closed") else "spoken_phrase"
        said = r["spoken"] if kind == "spoken_phrase" else r["claimed"] if kind == "still" else ""
        sound = data.decode(["-i", os.path.join(o.trials, r["path"])]) if said else np.zeros(0, np.int16)
        out.append({"speaker": r["person"], "kind": kind, "said": [int(d) for d in said], "sound": sound,
                    "posteriors": calibrate.posteriors(folds[r["person"]], name).astype(np.float32)})
        if len(out) % 50 == 0:
            print(len(out), "recordings seen", flush=True)
    pickle.dump(out, open(o.out, "wb"))


if __name__ == "__main__":
    main()
