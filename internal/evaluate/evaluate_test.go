package evaluate

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bonafide-id/bonafide/liveness"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

// compareGolden compares text with a file in testdata.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is meant, run the test with -update.\n--- got\n%s\n--- want\n%s", name, got, want)
	}
}

// writeTable writes a CSV file and a file for each of the names and contents, and returns the CSV file's name.
func writeTable(t *testing.T, table string, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(folder, "set.csv")
	if err := os.WriteFile(file, []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// parse makes the verdict that a test's file spells out: "live 0.9", "undecided 0.5", or a reason.
func parse(content string) liveness.Verdict {
	var (
		outcome liveness.Outcome
		score   liveness.Score
	)
	if n, _ := fmt.Sscanf(content, "%s %g", &outcome, &score); n == 2 {
		return liveness.Verdict{Outcome: outcome, Score: &score}
	}
	return liveness.Verdict{Outcome: liveness.Undecided, Reason: liveness.Reason(content)}
}

func parsePicture(_ context.Context, data []byte) (liveness.Verdict, error) {
	return parse(string(data)), nil
}

const twoPictures = "path,label,species\na,bona_fide,\nb,attack,print\n"

func TestProgressCountsEveryFileOnce(t *testing.T) {
	files, table := map[string]string{}, "path,label,species\n"
	for i := range 200 {
		name := fmt.Sprint(i)
		files[name] = fmt.Sprintf("live 0.%03d", i)
		table += name + ",bona_fide,\n"
	}
	var calls []int
	report, err := PAD(t.Context(), Options{
		File: writeTable(t, table, files), Workers: 8,
		Progress: func(done, total int) {
			calls = append(calls, done)
			if total != 200 {
				t.Errorf("the total is %d", total)
			}
		},
	}, 0.5, parsePicture)
	if err != nil {
		t.Fatal(err)
	}
	for i, done := range calls {
		if done != i+1 {
			t.Fatalf("call %d said %d", i+1, done)
		}
	}
	if len(calls) != 200 {
		t.Errorf("%d calls", len(calls))
	}
	for i, p := range report.labels.pictures {
		if want := float64(i) / 1000; float64(*p.score) != want {
			t.Fatalf("picture %d has the score %g", i, *p.score)
		}
	}
}

func TestWorkersRunConcurrently(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	_, err := PAD(t.Context(), Options{
		File: writeTable(t, twoPictures, map[string]string{"a": "live 1", "b": "attack 0"}), Workers: 2,
	}, 0.5, func(_ context.Context, data []byte) (liveness.Verdict, error) {
		both.Done()
		both.Wait() // returns only when the other one is here too
		return parse(string(data)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCancelledEvaluationHasNoReport(t *testing.T) {
	files := map[string]string{"a": "live 1", "b": "attack 0"}
	scores := filepath.Join(t.TempDir(), "scores.csv")
	ctx, cancel := context.WithCancel(t.Context())
	report, err := PAD(ctx, Options{File: writeTable(t, twoPictures, files), Workers: 1, Scores: scores}, 0.5,
		func(ctx context.Context, data []byte) (liveness.Verdict, error) {
			cancel()
			return parse(string(data)), nil
		})
	if !errors.Is(err, context.Canceled) || report.labels.pictures != nil {
		t.Errorf("error %v, %d pictures", err, len(report.labels.pictures))
	}
	if data, _ := os.ReadFile(scores); len(data) > 0 {
		t.Errorf("scores were written: %s", data)
	}
	// The same when the last file of all was being checked.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, err = PAD(ctx, Options{File: writeTable(t, "path,label,species\na,bona_fide,\n", files)}, 0.5,
		func(ctx context.Context, data []byte) (liveness.Verdict, error) {
			cancel()
			return parse(string(data)), nil
		})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestFailureOfTheProgramNamesTheFile(t *testing.T) {
	broken := errors.New("the model has gone")
	files := map[string]string{"a": "live 1", "b": "attack 0"}
	_, err := PAD(t.Context(), Options{File: writeTable(t, twoPictures, files)}, 0.5,
		func(_ context.Context, data []byte) (liveness.Verdict, error) {
			if string(data) == "attack 0" {
				return liveness.Verdict{}, broken
			}
			return parse(string(data)), nil
		})
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "b: ") {
		t.Errorf("error %v", err)
	}
	_, err = Phrase(t.Context(), Options{File: writeTable(t, "path,spoken,claimed\nb,1234,1234\n", files)},
		func(context.Context, []byte, string) (Recording, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "b: ") {
		t.Errorf("error %v", err)
	}
}

func TestFileThatVanishesIsARow(t *testing.T) {
	file := writeTable(t, twoPictures, map[string]string{"a": "live 1", "b": "attack 0"})
	report, err := PAD(t.Context(), Options{File: file, Workers: 1}, 0.5,
		func(_ context.Context, data []byte) (liveness.Verdict, error) {
			os.Remove(filepath.Join(filepath.Dir(file), "b"))
			return parse(string(data)), nil
		})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.All.NonResponses; len(got) != 1 || got[0] != (NonResponse{FileNotRead, 0, 1}) {
		t.Errorf("non-responses %+v", got)
	}
}

func TestScoresThatCannotBeWrittenStopTheStart(t *testing.T) {
	files := map[string]string{"a": "live 1", "b": "attack 0"}
	var calls atomic.Int32
	_, err := PAD(t.Context(), Options{
		File: writeTable(t, twoPictures, files), Scores: filepath.Join(t.TempDir(), "no", "such", "folder.csv"),
	}, 0.5, func(context.Context, []byte) (liveness.Verdict, error) {
		calls.Add(1)
		return liveness.Verdict{}, nil
	})
	if !errors.Is(err, os.ErrNotExist) || calls.Load() > 0 {
		t.Errorf("error %v after %d checks", err, calls.Load())
	}
}

func TestThresholdOutsideZeroToOneIsRefused(t *testing.T) {
	for _, threshold := range []float64{-0.1, 1.1, 98, nan()} {
		if _, err := PAD(t.Context(), Options{File: "none.csv"}, threshold, parsePicture); err == nil || !strings.Contains(err.Error(), "threshold") {
			t.Errorf("%g: error %v", threshold, err)
		}
	}
}

func nan() float64 { zero := 0.0; return zero / zero }
