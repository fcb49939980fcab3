package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/bonafide-id/bonafide/liveness"
)

// ReasonsReport says how often pictures that have one fault each end with its reason, and faultless ones with none.
type ReasonsReport struct {
	Measured
	Reasons []ReasonGroup `json:"reasons"`
}

// ReasonGroup is the pictures with one fault; the empty reason is that of faultless ones. Kind is empty for all of them, and
// otherwise what the column kind says of a part of them.
type ReasonGroup struct {
	Reason liveness.Reason `json:"reason"`
	Kind   string          `json:"kind"`
	Right  *Rate           `json:"right"`
	// Others counts the wrong answers.
	Others map[liveness.Reason]int `json:"others"`
	// Wrong are the files of those.
	Wrong []string `json:"wrong"`
}

// Reasons checks the pictures of a CSV file with the columns path and reason. The reason is the expected one, empty if the
// picture must be scored. An optional column kind divides each reason's pictures further.
func Reasons(ctx context.Context, o Options, check PictureFunc) (ReasonsReport, error) {
	report := ReasonsReport{Measured: o.newMeasured(), Reasons: []ReasonGroup{}}
	t, err := readTable(o.File, []string{"path", "reason"}, []string{"kind"})
	if err != nil {
		return report, err
	}
	files := make([]string, len(t.rows))
	for i, r := range t.rows {
		files[i] = t.file(r)
		want := liveness.Reason(r.cells["reason"])
		if _, ok := want.Info(); !ok && want != "" {
			t.addError(r.line, "reason", "%q is no reason; expected one such as %s, or nothing", want, liveness.FaceTooSmall)
		}
	}
	if err := t.err(); err != nil {
		return report, err
	}
	verdicts := make([]liveness.Verdict, len(files))
	err = o.runEach(ctx, len(files), func(ctx context.Context, i int) error {
		data, err := readFile(files[i])
		if err != nil {
			return err
		}
		verdicts[i], err = check(ctx, data)
		return err
	})
	if err != nil {
		return report, err
	}
	for i, v := range verdicts {
		row := t.rows[i].cells
		report.add(v.Models)
		report.note(liveness.Reason(row["reason"]), "", v.Reason, row["path"])
		if row["kind"] != "" {
			report.note(liveness.Reason(row["reason"]), row["kind"], v.Reason, row["path"])
		}
	}
	first := map[liveness.Reason]int{}
	for i := range report.Reasons {
		g := &report.Reasons[i]
		g.Right = rate(g.Right.Count, g.Right.Of)
		if g.Kind == "" {
			first[g.Reason] = i
		}
	}
	slices.SortFunc(report.Reasons, func(a, b ReasonGroup) int {
		return cmp.Or(cmp.Compare(first[a.Reason], first[b.Reason]), cmp.Compare(a.Kind, b.Kind))
	})
	return report, nil
}

// note counts one answer in the group of its reason and kind, which it adds where it is not there yet.
func (r *ReasonsReport) note(want liveness.Reason, kind string, got liveness.Reason, path string) {
	at := slices.IndexFunc(r.Reasons, func(g ReasonGroup) bool { return g.Reason == want && g.Kind == kind })
	if at < 0 {
		at = len(r.Reasons)
		r.Reasons = append(r.Reasons, ReasonGroup{Reason: want, Kind: kind, Right: &Rate{}, Others: map[liveness.Reason]int{}, Wrong: []string{}})
	}
	g := &r.Reasons[at]
	g.Right.Of++
	if got == want {
		g.Right.Count++
		return
	}
	g.Others[got]++
	g.Wrong = append(g.Wrong, path)
}

// WriteText prints the report as a table.
func (r ReasonsReport) WriteText(w io.Writer) error {
	var p printer
	p.writeLine("%s", r.File)
	rows := sheet{Rows: [][]string{{"fault", "kind", "pictures", "right", "interval", "otherwise"}}}
	for _, g := range r.Reasons {
		otherwise := ""
		for _, info := range append([]liveness.ReasonInfo{{}}, liveness.Reasons()...) {
			if n := g.Others[info.Reason]; n > 0 {
				otherwise += fmt.Sprintf(" %s %d", orNone(info.Reason), n)
			}
		}
		rows.Rows = append(rows.Rows, []string{orNone(g.Reason), g.Kind, fmt.Sprint(g.Right.Of), percent(g.Right.Value), formatInterval(g.Right.Interval95, percent), otherwise})
	}
	p.sheet(rows)
	return p.flush(w)
}

func orNone(r liveness.Reason) string {
	if r == "" {
		return "none"
	}
	return string(r)
}
