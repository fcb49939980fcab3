package evaluate

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/bonafide-id/bonafide/liveness"
)

// PADReport is what an evaluation of presentation-attack detection found.
//
// A picture that ended with a reason, without a score, or undecided is a non-response: it counts in APNRR or BPNRR and
// nowhere else. Every other figure is of the responses alone.
type PADReport struct {
	Measured
	// Threshold is the score at and above which a picture counts as bona fide.
	Threshold float64  `json:"threshold"`
	All       PADGroup `json:"all"`
	// Sets is a group for each value of the column set, by name; empty without the column.
	Sets []PADGroup `json:"sets"`

	labels labels
}

// PADGroup is the figures of some of the pictures.
type PADGroup struct {
	// Name is the set's; empty for all pictures.
	Name     string `json:"name"`
	BonaFide int    `json:"bona_fide"`
	Attacks  int    `json:"attacks"`
	// People is how many there are; 0 without the column person.
	People int `json:"people"`
	// Species is a row for each attack instrument species, by name.
	Species []Species `json:"species"`
	// Operating is the group at the report's threshold, Thresholds at 0.1 to 0.9.
	Operating  OperatingPoint   `json:"operating"`
	Thresholds []OperatingPoint `json:"thresholds"`
	// APNRR and BPNRR are the shares of the attack and of the bona fide presentations that got no response.
	APNRR *Rate     `json:"apnrr"`
	BPNRR *Rate     `json:"bpnrr"`
	AUC   *Estimate `json:"auc"`
	EER   *Estimate `json:"eer"`
	// Reliability holds the scores against what came true; nil without scores of both kinds.
	Reliability *Reliability `json:"reliability"`
	// NonResponses counts them by reason, by name.
	NonResponses []NonResponse `json:"non_responses"`

	responses []picture
}

// Species is the figures of one attack instrument species at the report's threshold.
type Species struct {
	Name string `json:"name"`
	// APCER is the share of the species' responses that were classified as bona fide.
	APCER *Rate `json:"apcer"`
	// APNRR is the share of its presentations that got no response.
	APNRR *Rate `json:"apnrr"`
}

// OperatingPoint is the error rates at one threshold.
type OperatingPoint struct {
	Threshold float64 `json:"threshold"`
	// HighestAPCER is that of the worst species, which Worst names; of equal ones, the one with the wider interval.
	// The standard compares systems by it.
	HighestAPCER *Rate  `json:"highest_apcer"`
	Worst        string `json:"worst_species"`
	// APCER is that of all attacks together, whatever their species.
	APCER *Rate `json:"apcer"`
	// BPCER is the share of the bona fide responses that were classified as attacks.
	BPCER *Rate `json:"bpcer"`
	// HTER is the mean of APCER and BPCER; nil where either is.
	HTER *float64 `json:"hter"`
}

// NonResponse is how many bona fide and attack presentations ended for one reason.
type NonResponse struct {
	Reason   liveness.Reason `json:"reason"`
	BonaFide int             `json:"bona_fide"`
	Attacks  int             `json:"attacks"`
}

// picture is a line of the labels and what the check said about it.
type picture struct {
	path, file           string
	attack               bool
	species, person, set string

	score     *liveness.Score
	responded bool
	reason    liveness.Reason
	models    []liveness.ModelRef
}

// PAD checks every picture that o.File lists and reports the error rates at the threshold, 0 to 1.
//
// The CSV file has the columns path, label (bona_fide or attack) and species (of attacks), and perhaps person and set.
// The error is Faults where the file has any, and the context's where that ends.
func PAD(ctx context.Context, o Options, threshold float64, check PictureFunc) (PADReport, error) {
	if !(threshold >= 0 && threshold <= 1) {
		return PADReport{}, fmt.Errorf("the threshold is %v; it must be between 0 and 1", threshold)
	}
	labels, err := readLabels(o.File)
	if err != nil {
		return PADReport{}, err
	}
	out, err := o.create()
	if err != nil {
		return PADReport{}, err
	}
	defer out.close()
	pictures := labels.pictures
	err = o.runEach(ctx, len(pictures), func(ctx context.Context, i int) error {
		return pictures[i].check(ctx, check)
	})
	if err != nil {
		return PADReport{}, err
	}
	report := labels.report(o.newMeasured(), threshold)
	return report, out.save(report)
}

// labels is a CSV file of pictures.
type labels struct {
	pictures []picture
	// personKeys names a picture's person; nil without the column person.
	personKeys func(picture) string
}

func readLabels(name string) (labels, error) {
	t, err := readTable(name, []string{"path", "label", "species"}, []string{"person", "set"})
	if err != nil {
		return labels{}, fmt.Errorf("the labels cannot be read: %w", err)
	}
	var found labels
	if t.has["person"] {
		found.personKeys = picture.personKey
	}
	seen := map[string]agreement{}
	for _, r := range t.rows {
		p := picture{
			path:    r.cells["path"],
			file:    t.file(r),
			attack:  r.cells["label"] == "attack",
			species: r.cells["species"],
			person:  r.cells["person"],
			set:     r.cells["set"],
		}
		switch {
		case !p.attack && r.cells["label"] != "bona_fide":
			t.addError(r.line, "label", "%q is not known; expected bona_fide or attack", r.cells["label"])
		case p.attack && p.species == "":
			t.addError(r.line, "species", "it is empty for an attack; expected its kind, such as print or phone_replay")
		default:
			t.requireSame(seen, p.file, r, "label")
		}
		found.pictures = append(found.pictures, p)
	}
	return found, t.err()
}

// check fills in what the check says.
func (p *picture) check(ctx context.Context, check PictureFunc) error {
	data, err := readFile(p.file)
	if err != nil {
		p.reason = FileNotRead
		return nil
	}
	verdict, err := check(ctx, data)
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	p.score, p.reason, p.models = verdict.Score, verdict.Reason, verdict.Models
	if p.score == nil && p.reason == "" {
		p.reason = noScore
	}
	p.responded = p.score != nil && p.reason == "" && verdict.Outcome != liveness.Undecided
	return nil
}

// personKey names the picture's person; a picture without a name shows a person of its own.
func (p picture) personKey() string { return cmp.Or(p.person, p.file) }

// bonaFideAt reports whether the picture, which must have responded, is classified as bona fide at the threshold.
func (p picture) bonaFideAt(threshold float64) bool { return float64(*p.score) >= threshold }

func (l labels) report(measured Measured, threshold float64) PADReport {
	report := PADReport{
		Measured:  measured,
		Threshold: threshold,
		All:       l.group("", l.pictures, threshold),
		Sets:      []PADGroup{},
		labels:    l,
	}
	for _, p := range l.pictures {
		report.add(p.models)
	}
	for _, set := range groups(l.pictures, func(p picture) string { return p.set }) {
		report.Sets = append(report.Sets, l.group(set.name, set.items, threshold))
	}
	return report
}

// padPrior is the share of bona fide presentations that the calibration of the scores (training/pad) assumes.
const padPrior = 0.5

// group returns the figures of some of the pictures.
func (l labels) group(name string, pictures []picture, threshold float64) PADGroup {
	silent := func(p picture) bool { return !p.responded }
	unanswered, responses := split(pictures, silent)
	attacks, bonaFide := split(pictures, func(p picture) bool { return p.attack })
	g := PADGroup{
		Name:         name,
		BonaFide:     len(bonaFide),
		Attacks:      len(attacks),
		Species:      []Species{},
		Operating:    l.operatingPoint(responses, threshold),
		APNRR:        share(attacks, l.personKeys, silent),
		BPNRR:        share(bonaFide, l.personKeys, silent),
		NonResponses: []NonResponse{},
		responses:    responses,
	}
	for tenth := 1; tenth <= 9; tenth++ {
		g.Thresholds = append(g.Thresholds, l.operatingPoint(responses, float64(tenth)/10))
	}
	for _, species := range groups(attacks, func(p picture) string { return p.species }) {
		_, answered := split(species.items, silent)
		g.Species = append(g.Species, Species{
			Name:  species.name,
			APCER: share(answered, l.personKeys, func(p picture) bool { return p.bonaFideAt(threshold) }),
			APNRR: share(species.items, l.personKeys, silent),
		})
	}
	for _, reason := range groups(unanswered, func(p picture) string { return string(cmp.Or(p.reason, "undecided")) }) {
		attacks, bonaFide := split(reason.items, func(p picture) bool { return p.attack })
		g.NonResponses = append(g.NonResponses, NonResponse{liveness.Reason(reason.name), len(bonaFide), len(attacks)})
	}
	var names []string
	if l.personKeys != nil {
		g.People = len(groups(pictures, l.personKeys))
		names = column(responses, l.personKeys)
	}
	scores := column(responses, picture.sample)
	g.AUC, g.EER = newCurve(scores, names).estimates()
	g.Reliability = reliability(scores, padPrior)
	return g
}

// sample returns the score of a picture that has responded.
func (p picture) sample() sample { return sample{score: float64(*p.score), positive: !p.attack} }

// operatingPoint returns the error rates of pictures that have all responded.
func (l labels) operatingPoint(responses []picture, threshold float64) OperatingPoint {
	accepted := func(p picture) bool { return p.bonaFideAt(threshold) }
	attacks, bonaFide := split(responses, func(p picture) bool { return p.attack })
	point := OperatingPoint{
		Threshold: threshold,
		APCER:     share(attacks, l.personKeys, accepted),
		BPCER:     share(bonaFide, l.personKeys, func(p picture) bool { return !accepted(p) }),
	}
	var worst []picture
	for _, species := range groups(attacks, func(p picture) string { return p.species }) {
		apcer := share(species.items, nil, accepted)
		if point.HighestAPCER == nil || isWorse(*apcer, *point.HighestAPCER) {
			point.HighestAPCER, point.Worst, worst = apcer, species.name, species.items
		}
	}
	point.HighestAPCER = share(worst, l.personKeys, accepted)
	if point.APCER != nil && point.BPCER != nil {
		hter := (point.APCER.Value + point.BPCER.Value) / 2
		point.HTER = &hter
	}
	return point
}

// isWorse reports whether a is the higher rate; of equal ones, the one that can be higher yet.
func isWorse(a, b Rate) bool {
	if a.Value != b.Value {
		return a.Value > b.Value
	}
	return a.Interval95.High > b.Interval95.High
}

// WriteScores writes the CSV file path,score,outcome,reason: a row for each picture in the order of the labels. The score is 0 to
// 1, exact, and may be empty. The outcome is live, attack or undecided (a non-response).
func (r PADReport) WriteScores(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"path", "score", "outcome", "reason"})
	for _, p := range r.labels.pictures {
		score, outcome := "", liveness.Undecided
		if p.score != nil {
			score = strconv.FormatFloat(float64(*p.score), 'f', -1, 64)
		}
		if p.responded {
			outcome = liveness.Attack
			if p.bonaFideAt(r.Threshold) {
				outcome = liveness.Live
			}
		}
		out.Write([]string{p.path, score, string(outcome), string(p.reason)})
	}
	out.Flush()
	return out.Error()
}
