package evaluate

import (
	"fmt"
	"io"
	"strings"
)

// WriteText prints the report for a terminal: a block for each set, then one for all pictures.
func (r PADReport) WriteText(w io.Writer) error {
	p := &printer{}
	p.writeLine("Presentation-attack detection by ISO/IEC 30107-3: %s", r.File)
	p.writeLine("A picture is classified as bona fide at a score of %.4g and above. Intervals are 95%%.", r.Threshold)
	for _, set := range r.Sets {
		p.pad("Set "+set.Name, set)
	}
	p.pad("All", r.All)
	p.writeLine("")
	p.sheet(r.All.operatingSheet())
	return p.flush(w)
}

// WriteText prints the report for a terminal: a block for each person and kind, then one for all trials.
func (r PhraseReport) WriteText(w io.Writer) error {
	p := &printer{}
	p.writeLine("Phrases spoken to a camera, verification by ISO/IEC 19795-1: %s", r.File)
	p.writeLine("A trial is accepted at the score (0 to 100) and above; a user error is a rejection. Intervals are 95%%.")
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

func (p *printer) writeLine(format string, values ...any) {
	fmt.Fprintf(&p.text, format+"\n", values...)
}

func (p *printer) sheet(s sheet) {
	widths := map[int]int{}
	for _, row := range s.Rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, row := range s.Rows {
		var line strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				line.WriteString("  " + cell + padding)
			} else {
				line.WriteString("  " + padding + cell)
			}
		}
		p.writeLine("%s", strings.TrimRight(line.String(), " "))
	}
}

func (p *printer) pad(title string, g PADGroup) {
	p.writeLine("\n%s: %s", title, g.counts())
	p.sheet(g.rateSheet())
	if len(g.NonResponses) > 0 {
		p.sheet(g.nonResponseSheet())
	}
}

func (p *printer) phrase(title string, g PhraseGroup) {
	p.writeLine("\n%s: %s", title, g.counts())
	p.sheet(g.rateSheet())
	if len(g.UserErrors) > 0 {
		p.sheet(g.userErrorSheet())
	}
}
