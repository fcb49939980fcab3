package evaluate

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestErrorsAreReportedTogether(t *testing.T) {
	file := writeTable(t, strings.Join([]string{
		"path,label,species,person",
		"a,bona_fide,,anna",
		"a,live,,anna",
		"b,attack,,anna",
		"missing.jpg,attack,print,anna",
		",bona_fide,,anna",
		"a,attack,print,anna",
		"b,attack",
		`b,"attack"x,print,anna`,
		"folder,attack,print,anna",
		"b,attack,pr\x1b[31mint,anna",
	}, "\n"), map[string]string{"a": "live 1", "b": "attack 0", "folder/c": ""})
	_, err := PAD(t.Context(), Options{File: file}, 0.5, parsePicture)
	var faults TableErrors
	if !errors.As(err, &faults) {
		t.Fatalf("error %v", err)
	}
	compareGolden(t, "faults.txt", strings.ReplaceAll(err.Error(), filepath.Dir(file), "FOLDER")+"\n")
}

func TestTrialFaults(t *testing.T) {
	file := writeTable(t, strings.Join([]string{
		"claimed,path,spoken,person",
		"1234,a,1234,anna",
		"12 4,a,1234,anna",
		",a,1234,anna",
		"1234,a,9999,berta",
		"1234,none.mp4,1234,anna",
	}, "\n"), map[string]string{"a": ""})
	_, err := Phrase(t.Context(), Options{File: file}, nil)
	var faults TableErrors
	if !errors.As(err, &faults) {
		t.Fatalf("error %v", err)
	}
	compareGolden(t, "trialfaults.txt", strings.ReplaceAll(err.Error(), filepath.Dir(file), "FOLDER")+"\n")
}

func TestHeaderFaults(t *testing.T) {
	for table, want := range map[string]string{
		"":                          "there is no header; expected a line with the columns path,label,species",
		"path,label\na,b\n":         "species: the column is missing; expected a header with path,label,species",
		"path;label;species\n":      "label: the column is missing",
		"path,label,species,PATH\n": "path: the column is there twice",
		"path,label,species\n":      "set.csv:2: there are no rows",
		"path,label,species\n\n\n":  "set.csv:2: there are no rows",
	} {
		_, err := PAD(t.Context(), Options{File: writeTable(t, table, nil)}, 0.5, parsePicture)
		var faults TableErrors
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", table, err, want)
		}
	}
	if _, err := PAD(t.Context(), Options{File: "none.csv"}, 0.5, parsePicture); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestManyFaultsAreCounted(t *testing.T) {
	table := "path,label,species\n" + strings.Repeat("none,bona_fide,\n", 80)
	_, err := PAD(t.Context(), Options{File: writeTable(t, table, nil)}, 0.5, parsePicture)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 51 || lines[50] != "and 30 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestTableIsReadTolerantly(t *testing.T) {
	table := "\ufeffSpecies, path ,more,label\r\n" +
		"\r\n" +
		"print , sub/b.jpg,\"ignored,\nin two lines\",attack\r\n" +
		",\"a, with comma\",x,bona_fide\r\n"
	file := writeTable(t, table, map[string]string{"sub/b.jpg": "attack 0.2", "a, with comma": "live 0.9"})
	report, err := PAD(t.Context(), Options{File: file}, 0.5, parsePicture)
	if err != nil {
		t.Fatal(err)
	}
	var scores strings.Builder
	if err := report.WriteScores(&scores); err != nil {
		t.Fatal(err)
	}
	want := "path,score,outcome,reason\nsub/b.jpg,0.2,attack,\n\"a, with comma\",0.9,live,\n"
	if scores.String() != want {
		t.Errorf("scores %q, want %q", scores.String(), want)
	}
}

func TestAbsolutePath(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(elsewhere, []byte("live 0.75"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := writeTable(t, "path,label,species\n"+elsewhere+",bona_fide,\n", nil)
	report, err := PAD(t.Context(), Options{File: file}, 0.5, parsePicture)
	if err != nil || report.All.Operating.BPCER.Of != 1 {
		t.Errorf("report %+v, error %v", report.All, err)
	}
}

// FuzzTable holds that no file makes the reader panic, and that it either finds a fault or at least a row.
func FuzzTable(f *testing.F) {
	f.Add([]byte(twoPictures))
	f.Add([]byte("path,label,species\n\"\n"))
	f.Add([]byte("\ufeffpath,label,species\r\n\r\n,,\r\n"))
	f.Add([]byte{0xff, 0xfe, 'p', 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		name := filepath.Join(t.TempDir(), "set.csv")
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		labels, err := readLabels(name)
		if err == nil && len(labels.pictures) == 0 {
			t.Error("neither a fault nor a row")
		}
	})
}
