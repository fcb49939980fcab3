package lips

import (
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/bonafide-id/bonafide/internal/phrase"
)

// The size of the drawing.
const (
	drawnWidth  = 24 * vg.Centimeter
	drawnHeight = 11 * vg.Centimeter
)

// Draw writes an SVG of the network's output. Time goes across; rows are silence, other speech and each digit, darker if more
// probable. Frames show where the digits of the phrase fit best.
func (r *Reading) Draw(w io.Writer, claimed string) error {
	p := plot.New()
	p.Title.Text = "What the lips say, against " + claimed
	p.X.Label.Text = "seconds"
	p.Y.Tick.Marker = plot.ConstantTicks(rowNames())
	g := r.grid()
	if columns, _ := g.Dims(); columns > 1 {
		heat := plotter.NewHeatMap(g, greys{})
		heat.Min, heat.Max = 0, 1
		p.Add(heat)
	}
	for _, d := range r.Score(claimed).Digits {
		if err := frame(p, d); err != nil {
			return err
		}
	}
	canvas := vgsvg.New(drawnWidth, drawnHeight)
	p.Draw(draw.New(canvas))
	_, err := canvas.WriteTo(w)
	return err
}

const firstDigit = 2 // the row of zero, above silence and other speech

func rowNames() []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "silence"}, {Value: 1, Label: "other"}}
	for d := range phrase.Digits {
		ticks = append(ticks, plot.Tick{Value: float64(firstDigit + d), Label: strconv.Itoa(d)})
	}
	return ticks
}

// frame draws a box around a digit's best time, in its row.
func frame(p *plot.Plot, d Digit) error {
	from, to, row := d.From.Seconds(), d.To.Seconds(), float64(firstDigit+d.Digit)
	box, err := plotter.NewLine(plotter.XYs{{X: from, Y: row - 0.5}, {X: to, Y: row - 0.5}, {X: to, Y: row + 0.5}, {X: from, Y: row + 0.5}, {X: from, Y: row - 0.5}})
	if err != nil {
		return err
	}
	box.Color, box.Width = fitColour(d.Fit), vg.Points(2)
	label, err := plotter.NewLabels(plotter.XYLabels{
		XYs: plotter.XYs{{X: from, Y: row + 0.55}}, Labels: []string{strconv.FormatFloat(d.Fit, 'f', 2, 64)}})
	if err != nil {
		return err
	}
	label.TextStyle[0].Font = font.From(label.TextStyle[0].Font, vg.Points(8))
	p.Add(box, label)
	return nil
}

// fitColour returns blue for a digit that fits and orange for one that does not, which readers of all kinds can tell apart.
func fitColour(fit float64) color.Color {
	if fit >= 0.5 {
		return color.RGBA{0, 90, 181, 255}
	}
	return color.RGBA{220, 105, 0, 255}
}

// grid is the posteriors as plotter.GridXYZ.
type grid struct {
	rows  [][]float64
	start float64
}

func (r *Reading) grid() grid {
	g := grid{start: r.start.Seconds()}
	for t := 0; t+phrase.Classes <= len(r.Posteriors); t += phrase.Classes {
		row := make([]float64, firstDigit+phrase.Digits)
		for c, v := range r.Posteriors[t : t+phrase.Classes] {
			i := c
			if c >= firstDigit {
				i = firstDigit + (c-firstDigit)/phrase.States
			}
			row[i] += math.Exp(float64(v))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func (g grid) Dims() (c, r int)   { return len(g.rows), firstDigit + phrase.Digits }
func (g grid) Z(c, r int) float64 { return g.rows[c][r] }
func (g grid) X(c int) float64    { return g.start + float64(c)/Rate }
func (g grid) Y(r int) float64    { return float64(r) }

// greys is a palette from white to black.
type greys struct{}

func (greys) Colors() []color.Color {
	colours := make([]color.Color, 64)
	for i := range colours {
		colours[i] = color.Gray{Y: uint8(255 - 4*i)}
	}
	return colours
}
