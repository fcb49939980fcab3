package evaluate

import (
	"fmt"
	"slices"
)

// sheet is a table of a report. All rows are of one length; the first holds the headings.
type sheet struct {
	Title string
	Rows  [][]string
	// Marked is the row to look at first; 0: none.
	Marked int
}

// rateSheet is a sheet of rates; people says whether it has a column for the intervals over people.
type rateSheet struct {
	sheet
	people bool
}

func newRateSheet(people bool) *rateSheet {
	headings := []string{"", "errors", "rate", "interval"}
	if people {
		headings = append(headings, "over people")
	}
	return &rateSheet{sheet{Title: "Error rates", Rows: [][]string{append(headings, "")}}, people}
}

// add adds a row: name, counts, value, intervals, note.
func (s *rateSheet) add(name string, r *Rate, note string) {
	if r == nil {
		s.row(name, "none", "-", "", "", note)
		return
	}
	s.row(name, fmt.Sprintf("%d/%d", r.Count, r.Of), percent(r.Value), formatInterval(r.Interval95, percent),
		formatOptionalInterval(r.PeopleInterval95, percent), note)
}

// estimates adds the equal error rate and the area under the curve; nothing where the set gives neither.
func (s *rateSheet) estimates(eer, auc *Estimate) {
	if eer == nil || auc == nil {
		return
	}
	area := func(v float64) string { return fmt.Sprintf("%.4f", v) }
	s.row("EER", "", percent(eer.Value), "", formatOptionalInterval(eer.Interval95, percent), "")
	s.row("AUC", "", area(auc.Value), "", formatOptionalInterval(auc.Interval95, area), "")
}

func (s *rateSheet) calibration(r *Reliability) {
	if r != nil {
		s.row("ECE", "", percent(r.ECE), "", "", "")
	}
}

const peopleColumn = 4

func (s *rateSheet) row(cells ...string) {
	if !s.people {
		cells = slices.Delete(cells, peopleColumn, peopleColumn+1)
	}
	s.Rows = append(s.Rows, cells)
}

func (g PADGroup) rateSheet() sheet {
	s := newRateSheet(g.People > 1)
	for _, species := range g.Species {
		note := ""
		if species.Name == g.Operating.Worst {
			s.Marked, note = len(s.Rows), "highest"
		}
		s.add("APCER "+species.Name, species.APCER, note)
	}
	if len(g.Species) > 1 {
		s.add("APCER, all species", g.Operating.APCER, "")
	}
	if g.BonaFide > 0 {
		s.add("BPCER", g.Operating.BPCER, "")
	}
	for _, species := range g.Species {
		if species.APNRR.Count > 0 && len(g.Species) > 1 {
			s.add("APNRR "+species.Name, species.APNRR, "")
		}
	}
	if g.Attacks > 0 {
		s.add("APNRR", g.APNRR, "")
	}
	if g.BonaFide > 0 {
		s.add("BPNRR", g.BPNRR, "")
	}
	if g.Operating.HTER != nil {
		s.row("HTER", "", percent(*g.Operating.HTER), "", "", "")
	}
	s.estimates(g.EER, g.AUC)
	s.calibration(g.Reliability)
	return s.sheet
}

func (g PADGroup) nonResponseSheet() sheet {
	s := sheet{Title: "Non-responses by reason", Rows: [][]string{{"no response", "bona fide", "attacks"}}}
	for _, n := range g.NonResponses {
		s.Rows = append(s.Rows, []string{string(n.Reason), fmt.Sprint(n.BonaFide), fmt.Sprint(n.Attacks)})
	}
	return s
}

// operatingSheet returns the rates at 0.1 to 0.9, with the intervals over people where people are known.
func (g PADGroup) operatingSheet() sheet {
	interval, people := "interval", g.People > 1
	if people {
		interval = "over people"
	}
	s := sheet{Title: "Error rates by threshold", Rows: [][]string{
		{"threshold", "BPCER", interval, "APCER", interval, "highest APCER", interval, "species"}}}
	for _, point := range g.Thresholds {
		row := []string{fmt.Sprintf("%.1f", point.Threshold)}
		for _, r := range []*Rate{point.BPCER, point.APCER, point.HighestAPCER} {
			row = append(row, valueCells(r, people)...)
		}
		s.Rows = append(s.Rows, append(row, point.Worst))
	}
	return s
}

// valueCells returns a rate and one of its intervals.
func valueCells(r *Rate, people bool) []string {
	switch {
	case r == nil:
		return []string{"-", ""}
	case people:
		return []string{percent(r.Value), formatOptionalInterval(r.PeopleInterval95, percent)}
	default:
		return []string{percent(r.Value), formatInterval(r.Interval95, percent)}
	}
}

func (g PADGroup) counts() string {
	return fmt.Sprintf("%d bona fide, %d attacks%s", g.BonaFide, g.Attacks, formatPeople(g.People))
}

func (g PhraseGroup) rateSheet() sheet {
	s := newRateSheet(g.People > 1)
	if g.Impostors > 0 {
		for _, t := range g.Thresholds {
			s.add(fmt.Sprintf("FAR at %g", t.Threshold), t.FAR, "")
		}
	}
	if g.Genuine > 0 {
		for _, t := range g.Thresholds {
			s.add(fmt.Sprintf("FRR at %g", t.Threshold), t.FRR, "")
		}
	}
	s.estimates(g.EER, g.AUC)
	s.calibration(g.Reliability)
	return s.sheet
}

func (g PhraseGroup) userErrorSheet() sheet {
	s := sheet{Title: "User errors", Rows: [][]string{{"user error", "genuine", "impostor"}}}
	for _, e := range g.UserErrors {
		s.Rows = append(s.Rows, []string{string(e.Reason), fmt.Sprint(e.Genuine), fmt.Sprint(e.Impostors)})
	}
	return s
}

func (g PhraseGroup) counts() string {
	return fmt.Sprintf("%d genuine and %d impostor trials, recordings: %d%s", g.Genuine, g.Impostors, g.Recordings, formatPeople(g.People))
}

// sheet lists the bins; positive and negative are what the kinds of scores are called.
func (r Reliability) sheet(positive, negative string) sheet {
	s := sheet{Title: "Reliability of the scores", Rows: [][]string{{"scores", positive, negative, "mean score", "share " + positive, "interval"}}}
	for _, b := range r.Bins {
		s.Rows = append(s.Rows, []string{fmt.Sprintf("%.1f to %.1f", b.Low, b.High), fmt.Sprint(b.Positives), fmt.Sprint(b.Negatives),
			percent(b.Score), percent(b.Share), formatInterval(b.Interval95, percent)})
	}
	return s
}

// formatPeople returns ", people: 12", or nothing where people are not known.
func formatPeople(people int) string {
	if people == 0 {
		return ""
	}
	return fmt.Sprintf(", people: %d", people)
}

func formatInterval(i Interval, format func(float64) string) string {
	return format(i.Low) + " to " + format(i.High)
}

// formatOptionalInterval returns empty where there is no interval.
func formatOptionalInterval(i *Interval, format func(float64) string) string {
	if i == nil {
		return ""
	}
	return formatInterval(*i, format)
}

func percent(share float64) string { return fmt.Sprintf("%.2f%%", 100*share) }
