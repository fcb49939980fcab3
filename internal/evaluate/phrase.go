package evaluate

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bonafide-id/bonafide/liveness"
)

// phraseThresholds are the scores, 0 to 100, at which false acceptances and rejections are reported.
var phraseThresholds = []float64{50, 90, 98, 99}

// PhraseReport is what an evaluation of spoken phrases found.
//
// A trial is a recording and the phrase that it is claimed to answer. It is genuine if that phrase was spoken, and an impostor's
// otherwise. A recording that ends with a user error is rejected: its trials score 0.
type PhraseReport struct {
	Measured
	All PhraseGroup `json:"all"`
	// People and Kinds are a group for each value of the columns person and kind, by name; empty without the column.
	People []PhraseGroup `json:"people"`
	Kinds  []PhraseGroup `json:"kinds"`

	trials []trial
}

// PhraseGroup is the figures of some of the trials.
type PhraseGroup struct {
	// Name is the person's or kind's; empty for all trials.
	Name      string `json:"name"`
	Genuine   int    `json:"genuine"`
	Impostors int    `json:"impostors"`
	// Recordings is how many files the trials come from.
	Recordings int `json:"recordings"`
	// People is how many there are; 0 without the column person.
	People     int           `json:"people"`
	Thresholds []PhrasePoint `json:"thresholds"`
	// AUC and EER of a kind without genuine trials are against all genuine trials of the set.
	AUC *Estimate `json:"auc"`
	EER *Estimate `json:"eer"`
	// Reliability holds the scores, as probabilities, against what came true, user errors left out; nil without scores of
	// both kinds.
	Reliability *Reliability `json:"reliability"`
	// UserErrors counts the trials that a user error ended, by reason, by name.
	UserErrors []UserError `json:"user_errors"`

	trials []trial
}

// PhrasePoint is the error rates at one threshold, 0 to 100.
type PhrasePoint struct {
	Threshold float64 `json:"threshold"`
	// FAR is the share of the impostor trials that score at or above the threshold.
	FAR *Rate `json:"far"`
	// FRR is the share of the genuine trials that score below it.
	FRR *Rate `json:"frr"`
}

// UserError is how many trials ended for one reason.
type UserError struct {
	Reason    liveness.Reason `json:"reason"`
	Genuine   int             `json:"genuine"`
	Impostors int             `json:"impostors"`
}

// trial is a line of the trials and what the check said about it.
type trial struct {
	path, file, claimed string
	genuine             bool
	person, kind        string
	own                 string // the folder of models to judge by

	score  float64 // 0 to 100
	reason liveness.Reason
	models []liveness.ModelRef
}

// personKey names the trial's person; a recording without a name shows a person of its own.
func (t trial) personKey() string { return cmp.Or(t.person, t.file) }

// Phrase decodes and reads every recording that o.File lists once, judges it for each phrase claimed, and reports the
// error rates.
//
// The CSV file has the columns path, spoken and claimed, and perhaps person, kind and models. What is claimed is a phrase of
// digits; what is spoken may be anything, also nothing. The folder of models scores the recording instead of the program's own
// models. If they were not trained on the person, all people of a corpus can be measured. The error is Faults where the file has
// any, and the context's where that ends.
func Phrase(ctx context.Context, o Options, read RecordingFunc) (PhraseReport, error) {
	list, err := readTrials(o.File)
	if err != nil {
		return PhraseReport{}, err
	}
	out, err := o.create()
	if err != nil {
		return PhraseReport{}, err
	}
	defer out.close()
	recordings := list.recordings()
	err = o.runEach(ctx, len(recordings), func(ctx context.Context, i int) error {
		return scoreTrials(ctx, recordings[i], read)
	})
	if err != nil {
		return PhraseReport{}, err
	}
	report := list.report(o.newMeasured())
	return report, out.save(report)
}

// trials is a CSV file of trials.
type trials struct {
	trials []trial
	// personKeys names a trial's person; nil without the column person.
	personKeys func(trial) string
}

func readTrials(name string) (trials, error) {
	t, err := readTable(name, []string{"path", "spoken", "claimed"}, []string{"person", "kind", "models"})
	if err != nil {
		return trials{}, fmt.Errorf("the trials cannot be read: %w", err)
	}
	var found trials
	if t.has["person"] {
		found.personKeys = trial.personKey
	}
	spoken, person, own := map[string]agreement{}, map[string]agreement{}, map[string]agreement{}
	for _, r := range t.rows {
		claimed := r.cells["claimed"]
		if claimed == "" || strings.Trim(claimed, "0123456789") != "" {
			t.addError(r.line, "claimed", "%q is not a phrase; expected digits, such as 597692", claimed)
		}
		file := t.file(r)
		t.requireSame(spoken, file, r, "spoken")
		t.requireSame(person, file, r, "person")
		t.requireSame(own, file, r, "models")
		found.trials = append(found.trials, trial{
			path:    r.cells["path"],
			file:    file,
			claimed: claimed,
			genuine: r.cells["spoken"] == claimed,
			person:  r.cells["person"],
			kind:    r.cells["kind"],
			own:     t.folderOf(r, "models"),
		})
	}
	return found, t.err()
}

// recordings returns the trials of each file, in the order of the files' first lines.
func (l trials) recordings() [][]*trial {
	var found [][]*trial
	place := map[string]int{}
	for i := range l.trials {
		t := &l.trials[i]
		n, known := place[t.file]
		if !known {
			n = len(found)
			place[t.file] = n
			found = append(found, nil)
		}
		found[n] = append(found[n], t)
	}
	return found
}

// scoreTrials fills in the scores of one recording's trials.
func scoreTrials(ctx context.Context, trials []*trial, read RecordingFunc) error {
	data, err := readFile(trials[0].file)
	if err != nil {
		for _, t := range trials {
			t.reason = FileNotRead
		}
		return nil
	}
	recording, err := read(ctx, data, trials[0].own)
	if err != nil {
		return fmt.Errorf("%s: %w", trials[0].path, err)
	}
	for _, t := range trials {
		if err := ctx.Err(); err != nil {
			return err
		}
		verdict := recording.Verdict(t.claimed)
		t.models = verdict.Models
		switch {
		case verdict.Reason != "":
			t.reason = verdict.Reason
		case verdict.Score == nil:
			t.reason = noScore
		default:
			t.score = 100 * float64(*verdict.Score)
		}
	}
	return nil
}

func (l trials) report(measured Measured) PhraseReport {
	report := PhraseReport{
		Measured: measured,
		All:      l.group("", l.trials),
		People:   []PhraseGroup{},
		Kinds:    []PhraseGroup{},
		trials:   l.trials,
	}
	for _, t := range l.trials {
		report.add(t.models)
	}
	for _, person := range groups(l.trials, func(t trial) string { return t.person }) {
		report.People = append(report.People, l.group(person.name, person.items))
	}
	for _, kind := range groups(l.trials, func(t trial) string { return t.kind }) {
		report.Kinds = append(report.Kinds, l.kind(kind.name, kind.items))
	}
	return report
}

// phrasePrior is the share of genuine responses that the calibration of the scores (training/lips/calibrate.py) assumes.
const phrasePrior = 0.9

// group returns the figures of some of the trials.
func (l trials) group(name string, trials []trial) PhraseGroup {
	genuine, impostors := split(trials, func(t trial) bool { return t.genuine })
	g := PhraseGroup{
		Name:       name,
		Genuine:    len(genuine),
		Impostors:  len(impostors),
		Recordings: len(groups(trials, func(t trial) string { return t.file })),
		UserErrors: []UserError{},
		trials:     trials,
	}
	for _, threshold := range phraseThresholds {
		g.Thresholds = append(g.Thresholds, PhrasePoint{
			Threshold: threshold,
			FAR:       share(impostors, l.personKeys, func(t trial) bool { return t.score >= threshold }),
			FRR:       share(genuine, l.personKeys, func(t trial) bool { return t.score < threshold }),
		})
	}
	for _, reason := range groups(trials, func(t trial) string { return string(t.reason) }) {
		genuine, impostors := split(reason.items, func(t trial) bool { return t.genuine })
		g.UserErrors = append(g.UserErrors, UserError{liveness.Reason(reason.name), len(genuine), len(impostors)})
	}
	var names []string
	if l.personKeys != nil {
		g.People = len(groups(trials, l.personKeys))
		names = column(trials, l.personKeys)
	}
	g.AUC, g.EER = newCurve(column(trials, trial.sample), names).estimates()
	scored, _ := split(trials, func(t trial) bool { return t.reason == "" })
	g.Reliability = reliability(column(scored, trial.sample), phrasePrior)
	return g
}

// kind returns the group of one kind of trials. AUC and EER of a kind of impostors are against all genuine trials.
func (l trials) kind(name string, trials []trial) PhraseGroup {
	g := l.group(name, trials)
	if g.Genuine > 0 {
		return g
	}
	genuine, _ := split(l.trials, func(t trial) bool { return t.genuine })
	both := slices.Concat(trials, genuine)
	var names []string
	if l.personKeys != nil {
		names = column(both, l.personKeys)
	}
	g.AUC, g.EER = newCurve(column(both, trial.sample), names).estimates()
	return g
}

// sample returns the trial's score as a probability.
func (t trial) sample() sample { return sample{score: t.score / 100, positive: t.genuine} }

// WriteScores writes the CSV file path,claimed,score,reason: a row for each trial in the order of the file. The score is 0 to
// 100, exact; after a user error it is 0 with a reason.
func (r PhraseReport) WriteScores(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"path", "claimed", "score", "reason"})
	for _, t := range r.trials {
		out.Write([]string{t.path, t.claimed, strconv.FormatFloat(t.score, 'f', -1, 64), string(t.reason)})
	}
	out.Flush()
	return out.Error()
}
