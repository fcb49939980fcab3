"""Measures the sound's models on the speakers that each was not trained on, fits the calibration, and writes it.

    evaluate.py --work work/sound --ear work/sound/features --measure work/sound/measure --json ../models/sound.json
                [--lips seen.pkl] [--phrases 40] [--folds ../lips/work/folds]

--lips is what lips_of_others.py wrote: recordings with the posteriors of lips' models that did not see the speaker. With it the
comparison of mouth and sound is fitted and measured too. Figures go to the standard output, the calibration is fitted on all held-out speakers together;
figures of calibrated scores are of a calibration that left the speaker out as well. --folds writes each speaker's network and
calibration, neither of which saw them, as FOLDS/SPEAKER/sound.onnx and sound.json, beside those of the lips."""
import argparse, json, os, pickle
import numpy as np, torch
from scipy.optimize import minimize
import data, export
from trials import Measure, PRIOR, auc, claims, eer, listen, net, wilson

KINDS = ["another phrase", "one digit wrong", "two swapped", "sentence"]
LIVE = .9  # prior probability of a live response, as for the lips' score
# What impostors are expected to do. The sound alone: one digit wrong is mostly for the lips to see.
SPOKEN = {"another phrase": .56, "sentence": .4, "one digit wrong": .02, "two swapped": .02}
# A mouth with a sound that is not its own; what both say is the sound's to judge.
FOREIGN = {"sound 400 ms off": .25, "dubbed in time": .25, "dubbed with another spoken_phrase": .25, "other speech, dubbed": .1,
           "still with the right sound": .1, "closed mouth, dubbed": .05}
SHIFT = int(.4 * data.RATE)
START = {"scale": .3, "prior_power": 1, "prior": PRIOR, "insertion": 2.5, "phrase": {"weights": [1] * 4, "bias": 0},
         "together": {"lips": {"scale": .3, "prior_power": 1, "prior": PRIOR}, "weights": [1] * 5, "bias": 0}}


def weigh(kind, shares, use):
    """The weight of each trial in a fit: genuine ones LIVE together, impostors by their kinds' shares of the rest."""
    genuine = np.char.startswith(kind, "genuine") & use
    weight = np.where(genuine, LIVE / max(genuine.sum(), 1), 0)
    for k, share in shares.items():
        own = (kind == k) & use
        weight[own] = (1 - LIVE) * share / max(own.sum(), 1)
    return weight


def logistic(x, genuine, weight, strength):
    """A weighted logistic regression with a little ridge. No weight is negative: every feature is the larger the better."""
    keep = weight > 0
    x, genuine, weight = x[keep], genuine[keep], weight[keep] / weight.sum()
    mean, scale = x.mean(0), x.std(0) + 1e-9
    z = (x - mean) / scale

    def loss(p):
        s = z @ p[:-1] + p[-1]
        slope = weight * (1 / (1 + np.exp(-s)) - genuine)
        return (weight @ np.logaddexp(0, np.where(genuine, -s, s)) + strength * (p[:-1] ** 2).sum(),
                np.append(z.T @ slope + 2 * strength * p[:-1], slope.sum()))

    p = minimize(loss, np.append(np.ones(x.shape[1]), 0.), jac=True, method="L-BFGS-B",
                 bounds=[(0, None)] * x.shape[1] + [(None, None)]).x
    return p[:-1] / scale, float(p[-1] - p[:-1] @ (mean / scale))


def score(fit, x):
    return 1 / (1 + np.exp(-(x @ fit[0] + fit[1])))


def held_out_scores(speakers, x, genuine, weight, strength):
    """Scores by calibrations of the other speakers, and those calibrations."""
    out, fits = np.empty(len(genuine)), {}
    for s in dict.fromkeys(speakers):
        rest = speakers != s
        fits[s] = logistic(x[rest], genuine[rest], weight[rest], strength)
        out[~rest] = score(fits[s], x[~rest])
    return out, fits


def figures(title, kinds, scores, genuine="genuine"):
    print(f"\n{title}")
    g = scores[kinds == genuine]
    print("  FRR", *(f"at {t:.0f}: {wilson(int((g < t / 100).sum()), len(g))};" for t in (50., 98., 99.)))
    for k in dict.fromkeys(kinds):
        if k == genuine:
            continue
        i = scores[kinds == k]
        print(f"  {k}: EER {100 * eer(g, i):.1f}%, AUC {auc(g, i):.4f}; FAR",
              *(f"at {t:.0f}: {wilson(int((i >= t / 100).sum()), len(i))};" for t in (50., 98., 99.)))


def distance(said, heard):
    """Edit distance."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said):
        last, row[0] = row[0], i + 1
        for j, b in enumerate(heard):
            last, row[j + 1] = row[j + 1], min(last + (a != b), row[j] + 1, row[j + 1] + 1)
    return row[-1]


def tokens(clips, speaker):
    out = {}
    for c in clips:
        if c.speaker == speaker:
            out.setdefault(c.digit, []).append(c)
    return out


def draw(by, rng, digits=6):
    known = sorted(by)
    chosen = [by[known[k]] for k in rng.integers(0, len(known), digits)]
    return [c[rng.integers(len(c))] for c in chosen]


CONDITIONS = {
    "clean": lambda s, y, c, r: s,
    "noise 20 dB": lambda s, y, c, r: noisy(s, y, c, r, 20),
    "noise 10 dB": lambda s, y, c, r: noisy(s, y, c, r, 10),
    "noise 5 dB": lambda s, y, c, r: noisy(s, y, c, r, 5),
    "band 300 to 3400 Hz": lambda s, y, c, r: data.sosfilt(data.butter(3, [300, 3400], "band", fs=data.RATE, output="sos"), s),
    "Opus 12 kbit/s": lambda s, y, c, r: coded(s, "opus"),
    "AAC 20 kbit/s": lambda s, y, c, r: coded(s, "aac"),
    "0.75 times as fast": lambda s, y, c, r: tempo(s, .75),
    "1.35 times as fast": lambda s, y, c, r: tempo(s, 1.35),
}


def noisy(samples, labels, clips, rng, ratio):
    loud = np.sqrt(np.mean(samples[labels > 0] ** 2))
    return samples + data.noise(len(samples), clips, rng) * loud * 10 ** (-ratio / 20)


def coded(samples, codec):
    arguments, container = data.CODECS[codec]
    name = f"/tmp/bonafide-evaluation-{os.getpid()}.{container}"
    data.subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(data.RATE), "-ac", "1", "-i", "-", *arguments,
                         "-f", container, name], input=samples.astype("<i2").tobytes(), check=True)
    out = data.decode(["-i", name])
    os.remove(name)
    return out


def tempo(samples, factor):
    """Faster or slower speech of the same pitch."""
    return data.decode(["-f", "s16le", "-ar", str(data.RATE), "-ac", "1", "-i", "-", "-af", f"atempo={factor}"], samples.astype("<i2").tobytes())


def phrases(o, clips, speakers, ear, measure):
    """The sound alone: trials as (speaker, condition, kind, features), with the digits that were heard counted."""
    out, heard = [], []
    for speaker in speakers:
        model, by, rng = net(os.path.join(o.work, speaker + ".pt")), tokens(clips, speaker), np.random.default_rng(3)
        own = [c for c in clips if c.speaker == speaker]
        others = [c for c in clips if c.speaker != speaker]
        for i in range(o.phrases if len(by) > 3 else 0):
            chosen = draw(by, rng)
            said = [c.digit for c in chosen]
            samples, labels = data.spoken_phrase(chosen)
            asked = claims(said, rng)
            for name, spoil in CONDITIONS.items():
                if name != "clean" and i >= o.phrases // 4:
                    continue
                claimed = asked if name == "clean" else asked[:4] + asked[11:]
                r = measure(listen(model, ear, spoil(samples, labels, others, rng)), [p for _, p in claimed])
                out += [(speaker, name, kind, m["phrase"]) for (kind, _), m in zip(claimed, r["phrases"])]
                heard.append((speaker, name, distance(said, [d["digit"] for d in r["heard"] or []]), len(said)))
        for c in own[:20]:
            r = measure(listen(model, ear, c.piece(0, len(c.labels))[0]), rng.integers(0, 10, (5, 6)).tolist())
            out += [(speaker, "clean", "sentence", m["phrase"]) for m in r["phrases"]]
        print(speaker, "heard", flush=True)
    return out, heard


def known_borders(o, clips, speakers, ear):
    """Digits of plain sentences by the sum of their rows' posteriors: right, of how many, by speaker."""
    out = {}
    for speaker in speakers:
        model, own = net(os.path.join(o.work, speaker + ".pt")), [c for c in clips if c.speaker == speaker][:80]
        right = 0
        for c in own:
            rows = listen(model, ear, c.piece(0, len(c.labels))[0])[c.first // 320:c.last // 320, 2:]
            right += int(np.logaddexp.reduce(rows.reshape(len(rows), 10, 4), 2).sum(0).argmax() == c.digit)
        out[speaker] = (right, len(own))
    return out


def report_phrases(rows, heard, digits, strength):
    speaker, condition, kind = (np.array([r[i] for r in rows]) for i in range(3))
    x = np.array([r[3] for r in rows])
    y = kind == "genuine"
    weight = weigh(kind, SPOKEN, (condition == "clean") | y)  # genuine ones in noise are genuine
    scores, fits = held_out_scores(speaker, x, y, weight, strength)
    clean = condition == "clean"
    figures("the sound alone, pooled", kind[clean], scores[clean])
    print("\n| speaker | digits right, borders known | digit errors, free | EER another phrase | one digit wrong | two swapped | sentences |")
    for s in dict.fromkeys(speaker):
        own = clean & (speaker == s)
        g = scores[own & y]
        cells = [f"{100 * eer(g, scores[own & (kind == k)]):.1f}%" if len(g) else "" for k in KINDS]
        wrong, said = sum(h[2] for h in heard if h[:2] == (s, "clean")), sum(h[3] for h in heard if h[:2] == (s, "clean"))
        print("|", s, "|", "%d of %d" % digits[s], "|", f"{wrong} of {said}", "|", " | ".join(cells), "|")
    print("\n| condition | digit errors, free | FRR at 98 | EER another phrase | one digit wrong | two swapped |")
    for c in CONDITIONS:
        own = condition == c
        g = scores[own & y]
        wrong, said = sum(h[2] for h in heard if h[1] == c), sum(h[3] for h in heard if h[1] == c)
        cells = [f"{100 * eer(g, scores[own & (kind == k)]):.1f}%" for k in KINDS[:3]]
        print("|", c, "|", f"{wrong} of {said}", "|", wilson(int((g < .98).sum()), len(g)), "|", " | ".join(cells), "|")
    return logistic(x, y, weight, strength), fits


def dub(length, heard, by, rng):
    """The sound of another phrase of the same speaker, each digit at the very time at which the mouth says its own."""
    edge, samples, said = int(.08 * data.RATE), np.zeros(length, np.float32), []
    for h in heard:
        others = by[rng.choice([d for d in by if d != h["digit"] or rng.random() < .1])]
        other = others[rng.integers(len(others))]
        said.append(other.digit)
        a, b = (int(h[k] / 1e9 * data.RATE) for k in ("from", "to"))
        first, last = max(0, a - edge), min(length, b + edge)
        at = np.interp(np.arange(first, last), [a - edge, a, b, b + edge],  # the other digit, stretched over this one's time
                       [other.first - edge, other.first, other.last, other.last + edge]).clip(0, len(other.labels) - 1)
        samples[first:last] = np.interp(at, np.arange(len(other.labels)), other.samples[""])
    return samples, said


def shifted(samples, by):
    return np.concatenate([np.zeros(by, samples.dtype), samples]) if by > 0 else samples[-by:]


def together(o, clips, seen, ear, measure):
    """Mouth and sound: trials as (speaker, kind, sound's features, both's features, offset)."""
    out, rng = [], np.random.default_rng(4)
    for speaker in sorted({r["speaker"] for r in seen}):
        model, by = net(os.path.join(o.work, speaker + ".pt")), tokens(clips, speaker)
        own = [r for r in seen if r["speaker"] == speaker]
        spoken_phrases = [r for r in own if r["kind"] == "spoken_phrase"]

        def trial(kind, r, samples, claimed):
            answer = measure(listen(model, ear, samples), [claimed], r["posteriors"])
            m = answer["phrases"][0]
            out.append((speaker, kind, m["phrase"], m["together"], m["offset"]))
            return answer["heard"] or []

        def another(said):
            rest = [r for r in spoken_phrases if r["said"] != said]
            return rest[rng.integers(len(rest))]

        for r in own if spoken_phrases else []:
            samples, said = r["sound"].astype(np.float32), r["said"]
            if r["kind"] == "still":
                trial("still with the right sound", r, samples, said)
            elif r["kind"] == "closed":
                other = another(None)
                trial("closed mouth, dubbed", r, other["sound"], other["said"])
            elif r["kind"] == "sentence":
                other = another(None)
                trial("other speech, dubbed", r, other["sound"], other["said"])
            else:
                heard = trial("genuine", r, samples, said)
                for delay in (-.08, .08):
                    trial("genuine, sound 80 ms off", r, shifted(samples, int(delay * data.RATE)), said)
                for sign in (1, -1):
                    trial("sound 400 ms off", r, shifted(samples, sign * SHIFT), said)
                for _ in range(3 if len(heard) == len(said) else 0):
                    dubbed, others = dub(len(samples), heard, by, rng)
                    if others != said:
                        trial("dubbed in time", r, dubbed, others)
                for _ in range(2):
                    other = another(said)
                    trial("dubbed with another spoken_phrase", r, other["sound"], other["said"])
                wrong, k = list(said), rng.integers(len(said))
                wrong[k] = (wrong[k] + int(rng.integers(1, 10))) % 10
                trial("both say another phrase", r, samples, rng.integers(0, 10, len(said)).tolist())
                trial("both say it but one digit", r, samples, wrong)
        print(speaker, "compared", flush=True)
    return out


def report_together(rows, phrase_fits, strength):
    speaker, kind = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    x, z, offset = np.array([r[3] for r in rows]), np.array([r[2] for r in rows]), np.array([r[4] for r in rows])
    genuine = np.char.startswith(kind, "genuine")
    weight = weigh(kind, FOREIGN, True)
    scores, fits = held_out_scores(speaker, x, genuine, weight, strength)
    figures("mouth and sound, pooled", kind, scores)
    fused = np.minimum(scores, np.array([score(phrase_fits[s], v) for s, v in zip(speaker, z)]))
    figures("mouth and sound, and the sound's phrase, pooled", kind, fused)
    for s in dict.fromkeys(speaker):
        own = speaker == s
        figures(f"mouth and sound, and the sound's phrase: {s}", kind[own], fused[own])
    for k in dict.fromkeys(kind):
        print(f"offset, {k}: median {np.median(offset[kind == k]):.2f} s, within 160 ms {np.mean(np.abs(offset[kind == k]) <= .16):.3f}")
    return logistic(x, genuine, weight, strength), fits


def main():
    p = argparse.ArgumentParser()
    for name in ("work", "ear", "measure", "json"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--lips", default=""); p.add_argument("--phrases", type=int, default=40)
    p.add_argument("--folds", default="")
    o = p.parse_args()
    torch.set_num_threads(1)
    clips = pickle.load(open(os.path.join(o.work, "clips.pkl"), "rb"))
    speakers = [s for s in sorted({c.speaker for c in clips}) if os.path.exists(os.path.join(o.work, s + ".pt"))]
    start = os.path.join(o.work, "start.json")
    json.dump(START, open(start, "w"))
    ear, measure = data.Ear(o.ear), Measure(o.measure, start)
    made = os.path.join(o.work, "trials.pkl")
    if not os.path.exists(made):
        pickle.dump((*phrases(o, clips, speakers, ear, measure), known_borders(o, clips, speakers, ear)), open(made, "wb"))
    fit, fits = report_phrases(*pickle.load(open(made, "rb")), strength=1e-5)
    both, both_fits = None, {}
    if o.lips:
        both, both_fits = report_together(together(o, clips, pickle.load(open(o.lips, "rb")), ear, measure), fits, strength=1e-5)
    elif os.path.exists(o.json):
        kept = json.load(open(o.json))["together"]
        both = np.array(kept["weights"]), kept["bias"]
    save(o.json, fit, both)
    for speaker, own in both_fits.items() if o.folds else []:
        os.makedirs(os.path.join(o.folds, speaker), exist_ok=True)
        save(os.path.join(o.folds, speaker, "sound.json"), fits[speaker], own)
        export.write(os.path.join(o.work, speaker + ".pt"), os.path.join(o.folds, speaker, "sound.onnx"))


def save(name, fit, both):
    out = json.loads(json.dumps(START))
    out["phrase"] = {"weights": fit[0].round(5).tolist(), "bias": round(fit[1], 5)}
    if both:
        out["together"].update(weights=both[0].round(5).tolist(), bias=round(both[1], 5))
    with open(name, "w") as f:
        json.dump(out, f, indent=2)
        print(file=f)


if __name__ == "__main__":
    main()
