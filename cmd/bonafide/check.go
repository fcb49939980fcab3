package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/liveness"
)

type checkCommand struct {
	Picture   checkPicture   `cmd:"" help:"Check pictures."`
	Recording checkRecording `cmd:"" help:"Check a recording of a person saying a phrase."`
}

type checkPicture struct {
	Files       []string      `arg:"" name:"FILE" help:"Pictures."`
	JSON        bool          `name:"json" env:"-" help:"Print JSON, one object a line."`
	LargestFace bool          `env:"-" help:"Score the largest face even if it is cropped, turned, occluded or not alone, as the selfie protocol does."`
	Together    bool          `env:"-" help:"Treat the pictures as one presentation; also print one verdict."`
	Checks      config.Checks `embed:""`
}

func (c checkPicture) Run(ctx context.Context, line *cli, t terminal) error {
	checker, err := line.newChecker(ctx, c.Checks)
	if err != nil {
		return err
	}
	report, end := progress(t, "pictures")
	defer end()
	var (
		unread   error
		verdicts []liveness.Verdict
	)
	for i, file := range c.Files {
		data, err := os.ReadFile(file)
		if err != nil {
			unread = errors.Join(unread, fmt.Errorf("the picture cannot be read: %w", err))
			continue
		}
		verdict, err := checker.CheckPicture(ctx, data, check.PictureOptions{Threshold: c.Checks.PictureThreshold, LargestFace: c.LargestFace})
		if err != nil {
			return err
		}
		if !isTerminal(t.out) { // else what is printed shows how far it has come
			report(i+1, len(c.Files))
		}
		if err := printVerdict(t.out, file, "", verdict, c.JSON); err != nil {
			return err
		}
		verdicts = append(verdicts, verdict)
	}
	if c.Together {
		unread = errors.Join(unread, printVerdict(t.out, "together", "", checker.CombinePictures(verdicts, c.Checks.PictureThreshold), c.JSON))
	}
	return unread
}

type checkRecording struct {
	File   string        `arg:"" name:"FILE" help:"Recording."`
	Phrase string        `env:"-" required:"" help:"Digits that the person was asked to say."`
	Draw   string        `env:"-" placeholder:"FILE.svg" help:"Draw the digits read from the lips over time, and the best fit of the phrase."`
	Mute   bool          `env:"-" help:"Ignore the sound; score the lips only."`
	JSON   bool          `name:"json" env:"-" help:"Print JSON, one object on one line."`
	Checks config.Checks `embed:""`
}

func (c checkRecording) Run(ctx context.Context, line *cli, t terminal) error {
	if err := check.ValidatePhrase(c.Phrase); err != nil {
		return usageError{err}
	}
	data, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("the recording cannot be read: %w", err)
	}
	checker, err := line.newChecker(ctx, c.Checks)
	if err != nil {
		return err
	}
	reading, err := checker.AnalyseRecording(ctx, data, check.RecordingOptions{Threshold: c.Checks.RecordingThreshold, Mute: c.Mute})
	if err != nil {
		return err
	}
	if err := printVerdict(t.out, c.File, c.Phrase, reading.Verdict(c.Phrase), c.JSON); err != nil || c.Draw == "" {
		return err
	}
	return writeLipTrace(c.Draw, c.Phrase, reading)
}

func writeLipTrace(name, phrase string, reading *check.Analysis) error {
	var drawing bytes.Buffer
	if err := reading.Draw(&drawing, phrase); err != nil {
		return err
	}
	if err := os.WriteFile(name, drawing.Bytes(), 0o666); err != nil {
		return fmt.Errorf("the drawing cannot be written, name another file: %w", err)
	}
	return nil
}

// printVerdict prints one verdict: JSON on a line, or a table of its gates.
func printVerdict(w io.Writer, file, phrase string, v liveness.Verdict, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			File   string `json:"file"`
			Phrase string `json:"phrase,omitempty"`
			liveness.Verdict
		}{file, phrase, v})
	}
	fmt.Fprintf(w, "%s: %s", file, v.Outcome)
	if v.Score != nil {
		fmt.Fprintf(w, ", score %.4f against %.4f", *v.Score, v.Threshold)
	}
	if v.Reason != "" {
		fmt.Fprintf(w, ", %s: %s", v.Reason, v.Reason.Sentence())
	}
	fmt.Fprintln(w)
	for _, f := range v.Faces {
		fmt.Fprintf(w, "  face %.0fx%.0f at %.0f,%.0f  confidence %.3f  yaw %.0f  pitch %.0f  roll %.0f  pupils %.0f px\n",
			f.Box.Width, f.Box.Height, f.Box.X, f.Box.Y, f.Confidence, f.Pose.Yaw, f.Pose.Pitch, f.Pose.Roll, f.PupilDistance)
	}
	if v.Quality != nil {
		fmt.Fprintf(w, "  quality %d of 100:", v.Quality.Unified)
		for i, c := range v.Quality.Components {
			if i > 0 && i%5 == 0 {
				fmt.Fprint(w, "\n   ")
			}
			fmt.Fprintf(w, " %s %d", c.Name, c.Value)
		}
		fmt.Fprintln(w)
	}
	for _, d := range v.Digits {
		fmt.Fprintf(w, "  digit %s  %.2f s to %.2f s  fit %.2f\n", d.Digit, d.Start, d.End, d.Fit)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range v.Gates {
		mark := "pass"
		if !g.Passed {
			mark = "FAIL"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%.1f ms\n", mark, g.Name, formatMeasure(g), float64(g.Took.Microseconds())/1000)
	}
	return table.Flush()
}

// formatMeasure returns a gate's measure and limit as two cells. They are empty if it has no measure, as for bytes that are not a
// picture.
func formatMeasure(g liveness.Gate) string {
	if !g.Passed && g.Measure == g.Limit {
		return "\t"
	}
	bound := "at least"
	if g.AtMost {
		bound = "at most"
	}
	return fmt.Sprintf("%.4g %s\t%s %.4g", g.Measure, g.Unit, bound, g.Limit)
}
