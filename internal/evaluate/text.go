package evaluate

import (
	"fmt"
	"io"
	"strings"
)

// WriteText prints the report for a terminal: a block for each set, then one for all pictures.
func (r PADReport) WriteText(w io.Writer) error {
	p := &printer{}
	p.line("Presentation-attack detection by ISO/IEC 30107-3: %s", r.File)
	p.line("A picture is classified as bona fide at a score of %.4g and above. Intervals are 95%%.", r.Threshold)
	for _, set := range r.Sets {
		p.pad("Set "+set.Name, set)
	}
	p.pad("All", r.All)
	p.operatingPoints(r.All)
	return p.flush(w)
}

// WriteText prints the report for a terminal: a block for each person and kind, then one for all trials.
func (r PhraseReport) WriteText(w io.Writer) error {
	p := &printer{}
	p.line("Phrases spoken to a camera, verification by ISO/IEC 19795-1: %s", r.File)
	p.line("A trial is accepted at the score (0 to 100) and above; a user error is a rejection. Intervals are 95%%.")
	for _, person := range r.People {
		p.phrase("Person "+person.Name, person)
	}
	for _, kind := range r.Kinds {
		p.phrase("Kind "+kind.Name, kind)
	}
	p.phrase("All", r.All)
	return p.flush(w)
}

// printer gathers lines of text. Tables are padded to the widest cell of a column, the first column to the left.
type printer struct{ text strings.Builder }

func (p *printer) flush(w io.Writer) error {
	_, err := io.WriteString(w, p.text.String())
	return err
}

func (p *printer) line(format string, values ...any) { fmt.Fprintf(&p.text, format+"\n", values...) }

func (p *printer) table(rows [][]string) {
	widths := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				line.WriteString("  " + cell + padding)
			} else {
				line.WriteString("  " + padding + cell)
			}
		}
		p.line("%s", strings.TrimRight(line.String(), " "))
	}
}

func (p *printer) pad(title string, g PADGroup) {
	p.line("\n%s: %d bona fide, %d attacks%s", title, g.BonaFide, g.Attacks, ofPeople(g.People))
	rows := [][]string{{"", "errors", "rate", "interval"}}
	for _, s := range g.Species {
		mark := ""
		if s.Name == g.Operating.Worst {
			mark = "highest"
		}
		rows = append(rows, append(rateCells("APCER "+s.Name, s.APCER), mark))
	}
	if len(g.Species) > 1 {
		rows = append(rows, rateCells("APCER, all species", g.Operating.APCER))
	}
	if g.BonaFide > 0 {
		rows = append(rows, rateCells("BPCER", g.Operating.BPCER))
	}
	for _, s := range g.Species {
		if s.APNRR.Count > 0 && len(g.Species) > 1 {
			rows = append(rows, rateCells("APNRR "+s.Name, s.APNRR))
		}
	}
	if g.Attacks > 0 {
		rows = append(rows, rateCells("APNRR", g.APNRR))
	}
	if g.BonaFide > 0 {
		rows = append(rows, rateCells("BPNRR", g.BPNRR))
	}
	if g.Operating.HTER != nil {
		rows = append(rows, []string{"HTER", "", percent(*g.Operating.HTER)})
	}
	p.table(append(rows, curveCells(g.EER, g.AUC)...))
	if len(g.NonResponses) == 0 {
		return
	}
	rows = [][]string{{"no response", "bona fide", "attacks"}}
	for _, n := range g.NonResponses {
		rows = append(rows, []string{string(n.Reason), fmt.Sprint(n.BonaFide), fmt.Sprint(n.Attacks)})
	}
	p.table(rows)
}

func (p *printer) operatingPoints(g PADGroup) {
	rows := [][]string{{"threshold", "BPCER", "interval", "APCER", "interval", "highest APCER", "interval", "species"}}
	for _, point := range g.Thresholds {
		row := []string{fmt.Sprintf("%.1f", point.Threshold)}
		for _, r := range []*Rate{point.BPCER, point.APCER, point.HighestAPCER} {
			row = append(row, rateCells("", r)[2:]...)
		}
		rows = append(rows, append(row, point.Worst))
	}
	p.line("")
	p.table(rows)
}

func (p *printer) phrase(title string, g PhraseGroup) {
	p.line("\n%s: %d genuine and %d impostor trials, recordings: %d%s", title, g.Genuine, g.Impostors, g.Recordings, ofPeople(g.People))
	rows := [][]string{{"", "errors", "rate", "interval"}}
	if g.Impostors > 0 {
		for _, t := range g.Thresholds {
			rows = append(rows, rateCells(fmt.Sprintf("FAR at %g", t.Threshold), t.FAR))
		}
	}
	if g.Genuine > 0 {
		for _, t := range g.Thresholds {
			rows = append(rows, rateCells(fmt.Sprintf("FRR at %g", t.Threshold), t.FRR))
		}
	}
	p.table(append(rows, curveCells(g.EER, g.AUC)...))
	if len(g.UserErrors) == 0 {
		return
	}
	rows = [][]string{{"user error", "genuine", "impostor"}}
	for _, e := range g.UserErrors {
		rows = append(rows, []string{string(e.Reason), fmt.Sprint(e.Genuine), fmt.Sprint(e.Impostors)})
	}
	p.table(rows)
}

// ofPeople is ", people: 12", or nothing where people are not known.
func ofPeople(people int) string {
	if people == 0 {
		return ""
	}
	return fmt.Sprintf(", people: %d", people)
}

// rateCells is name, count/of, rate, interval.
func rateCells(name string, r *Rate) []string {
	if r == nil {
		return []string{name, "none", "-", ""}
	}
	return []string{name, fmt.Sprintf("%d/%d", r.Count, r.Of), percent(r.Value), between(r.Interval95, percent)}
}

// curveCells is a row for the equal error rate and one for the area under the curve; none where the set gives neither.
func curveCells(eer, auc *Estimate) [][]string {
	if eer == nil || auc == nil {
		return nil
	}
	area := func(v float64) string { return fmt.Sprintf("%.4f", v) }
	return [][]string{estimateCells("EER", *eer, percent), estimateCells("AUC", *auc, area)}
}

func estimateCells(name string, e Estimate, format func(float64) string) []string {
	cells := []string{name, "", format(e.Value)}
	if e.Interval95 != nil {
		cells = append(cells, between(*e.Interval95, format))
	}
	return cells
}

func between(i Interval, format func(float64) string) string {
	return format(i.Low) + " to " + format(i.High)
}

func percent(share float64) string { return fmt.Sprintf("%.2f%%", 100*share) }
