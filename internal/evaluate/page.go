package evaluate

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// page is what page.html shows: a report with its charts, in one file that needs nothing else.
type page struct {
	Title, Standard string
	Facts           []fact
	Models          []liveness.ModelRef
	Notes           []string
	Parts           []part
}

type fact struct{ Name, Value string }

// part is a group of the report.
type part struct {
	Title, Counts string
	Sheets        []sheet
	Figures       []figure
	Histograms    []figure
}

// figure is a chart and what it shows.
type figure struct {
	Title, Text string
	SVG         template.HTML
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// WriteHTML writes the report as one HTML file with charts, which neither runs scripts nor asks for anything.
func (r PADReport) WriteHTML(w io.Writer) error {
	p := page{
		Title:    "Presentation attack detection: " + r.File,
		Standard: "ISO/IEC 30107-3",
		Facts: append(r.facts(),
			fact{"Presentations", r.All.counts()},
			fact{"Attack instrument species", fmt.Sprint(len(r.All.Species))},
			fact{"Threshold", fmt.Sprintf("%.6g: a score of this and above is classified as bona fide", r.Threshold)}),
		Models: r.Models,
		Notes: []string{
			"APCER: the share of attack presentations of one species with a response that was classified as bona fide. Compare systems by the highest of all species.",
			"BPCER: the share of bona fide presentations with a response that was classified as attacks.",
			"APNRR and BPNRR: of all attack, and of all bona fide, presentations, the share that got no response, because the picture could not carry a decision. They count in no other figure.",
			"Intervals are 95%. “interval” takes every picture as independent (Wilson's score interval; the rule of three at none and at all); “over people” draws people with all of their pictures (bootstrap, 1000 draws), and is the one to go by where people have many pictures.",
			"ECE: the mean difference between scores and the share of bona fide presentations, at the calibrated prior of one half.",
		},
	}
	for _, g := range append([]PADGroup{r.All}, r.Sets...) {
		p.Parts = append(p.Parts, g.part(r.Threshold))
	}
	return pageTemplate.Execute(w, p)
}

// part returns the group's tables and charts.
func (g PADGroup) part(threshold float64) part {
	p := part{Title: "All", Counts: g.counts(), Sheets: []sheet{g.rateSheet()}}
	if g.Name != "" {
		p.Title = "Set " + g.Name
	}
	if len(g.NonResponses) > 0 {
		p.Sheets = append(p.Sheets, g.nonResponseSheet())
	}
	p.Sheets = append(p.Sheets, g.operatingSheet())
	bonaFide, attacks := split(column(g.responses, picture.sample), func(s sample) bool { return s.positive })
	var species []series
	for _, s := range groups(g.responses, func(p picture) string { return p.species }) {
		if scores, _ := split(s.items, func(p picture) bool { return p.attack }); len(scores) > 0 {
			species = append(species, series{s.name, column(scores, picture.sample)})
		}
	}
	if len(attacks) > 0 && len(bonaFide) > 0 {
		tradeoffs := []series{{"all attacks", column(g.responses, picture.sample)}}
		for _, s := range species {
			tradeoffs = append(tradeoffs, series{s.name, slices.Concat(s.samples, bonaFide)})
		}
		p.figure("Detection error tradeoff", "Rates under 0.1% are drawn at 0.1%. The dots are at the threshold.",
			detChart("APCER (%)", "BPCER (%)", tradeoffs, threshold))
	}
	if len(g.responses) > 0 {
		p.figure("Errors by threshold", "BPCER, and APCER by species. The vertical line is the threshold.",
			thresholdChart(series{"BPCER", bonaFide}, species, threshold))
	}
	p.reliability(g.Reliability, "bona fide", "attacks")
	p.histograms(append([]series{{"bona fide", bonaFide}}, species...), threshold)
	return p
}

// WriteHTML writes the report as one HTML file with charts, which neither runs scripts nor asks for anything.
func (r PhraseReport) WriteHTML(w io.Writer) error {
	p := page{
		Title:    "Phrases spoken to a camera: " + r.File,
		Standard: "ISO/IEC 19795-1",
		Facts:    append(r.facts(), fact{"Trials", r.All.counts()}),
		Models:   r.Models,
		Notes: []string{
			"FAR: the share of impostor trials that score at or above a threshold (0 to 100).",
			"FRR: the share of genuine trials that score below it. A user error is a rejection: it scores 0.",
			"Intervals are 95%. “interval” takes every trial as independent (Wilson's score interval; the rule of three at none and at all); “over people” draws people with all of their trials (bootstrap, 1000 draws), and is the one to go by where people have many trials.",
			"ECE: the mean difference between scores and the share of genuine trials, at the calibrated prior of 0.9. User errors are left out.",
		},
	}
	p.Parts = append(p.Parts, r.part())
	for _, g := range r.People {
		p.Parts = append(p.Parts, g.part("Person "+g.Name))
	}
	for _, g := range r.Kinds {
		p.Parts = append(p.Parts, g.part("Kind "+g.Name))
	}
	return pageTemplate.Execute(w, p)
}

func (g PhraseGroup) part(title string) part {
	p := part{Title: title, Counts: g.counts(), Sheets: []sheet{g.rateSheet()}}
	if len(g.UserErrors) > 0 {
		p.Sheets = append(p.Sheets, g.userErrorSheet())
	}
	return p
}

// part returns the tables of all trials, and the charts, which compare people and kinds.
func (r PhraseReport) part() part {
	p := r.All.part("All")
	genuine, impostors := split(column(r.trials, trial.sample), func(s sample) bool { return s.positive })
	all := series{"all", column(r.trials, trial.sample)}
	byPerson, byKind := []series{all}, []series{all}
	for _, g := range r.People {
		byPerson = append(byPerson, series{g.Name, column(g.trials, trial.sample)})
	}
	var kinds []series
	for _, g := range r.Kinds {
		_, of := split(column(g.trials, trial.sample), func(s sample) bool { return s.positive })
		if len(of) > 0 {
			kinds = append(kinds, series{g.Name, of})
			byKind = append(byKind, series{g.Name, slices.Concat(of, genuine)})
		}
	}
	if len(kinds) == 0 {
		kinds = []series{{"impostors", impostors}}
	}
	if len(genuine) > 0 && len(impostors) > 0 {
		p.figure("Detection error tradeoff by kind", "Impostors of each kind against all genuine trials. Rates under 0.1% are drawn at 0.1%.",
			detChart("FAR (%)", "FRR (%)", byKind, 0))
		if len(r.People) > 0 {
			p.figure("Detection error tradeoff by person", "Rates under 0.1% are drawn at 0.1%.",
				detChart("FAR (%)", "FRR (%)", byPerson, 0))
		}
	}
	p.figure("Errors by threshold", "FRR, and FAR by kind. A score of 98 in the tables is 0.98 here.",
		thresholdChart(series{"FRR", genuine}, kinds, 0))
	p.reliability(r.All.Reliability, "genuine", "impostor")
	p.histograms(append([]series{{"genuine", genuine}}, kinds...), 0)
	return p
}

func (p *part) figure(title, text string, svg template.HTML) {
	p.Figures = append(p.Figures, figure{title, text, svg})
}

func (p *part) reliability(r *Reliability, positive, negative string) {
	if r == nil {
		return
	}
	p.figure("Reliability", fmt.Sprintf("Calibrated scores lie on the diagonal. ECE %s, at a prior of %g.", percent(r.ECE), r.Prior),
		reliabilityChart(*r, positive))
	p.Sheets = append(p.Sheets, r.sheet(positive, negative))
}

func (p *part) histograms(all []series, threshold float64) {
	for _, s := range all {
		if len(s.samples) > 0 {
			p.Histograms = append(p.Histograms, figure{s.name, fmt.Sprintf("scores: %d", len(s.samples)), histogram(s.samples, threshold)})
		}
	}
}

func (m Measured) facts() []fact {
	facts := []fact{{"File", m.File}}
	if !m.Began.IsZero() {
		facts = append(facts, fact{"Measured", m.Began.UTC().Format(time.DateTime) + " UTC"})
	}
	if m.Program != "" {
		facts = append(facts, fact{"Program", "bonafide " + m.Program})
	}
	return facts
}
