package evaluate

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Charts are drawn for black and white: lines differ by their dashes, and colours only help. Sizes are such that a
// chart as wide as a phone still has letters that can be read.
const (
	chartWidth   = 340 // points, as all lengths here
	chartHeight  = 300
	legendHeight = 13 // of one entry
	smallWidth   = 200
	smallHeight  = 120
	nameLetters  = 40 // longer names are cut in a legend
)

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// series is one line of a chart, from its samples; the first of a chart is drawn strongest.
type series struct {
	name    string
	samples []sample
}

// detChart returns the detection error tradeoff on normal-deviate axes (Martin et al. 1997): accepted negatives across, rejected
// positives upwards. Each series that has both has a line, with a dot at a threshold above 0.
func detChart(accepted, rejected string, all []series, threshold float64) template.HTML {
	p := newPlot(accepted, rejected)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Min, axis.Max, axis.Scale, axis.Tick.Marker = detMin, detMax, normalDeviate{}, detTicks
	}
	p.Add(grid(), equalErrors())
	legend := newLegend()
	for i, s := range all {
		points := newCurve(s.samples, nil).points()
		if points == nil {
			continue
		}
		line := &plotter.Line{LineStyle: style(i), XYs: detLine(points)}
		p.Add(line)
		if threshold > 0 {
			p.Add(pointMark(detPoint(errorRatesAt(s.samples, threshold)), line.Color))
		}
		legend.Add(shortNumber(s.name), line)
	}
	return renderPlot(p, legend, len(all), chartWidth, chartHeight)
}

// The axes of a DET chart end here; what lies beyond is drawn at the end.
const detMin, detMax = 0.001, 0.99

var detTicks = plot.ConstantTicks{
	{Value: 0.001, Label: "0.1"}, {Value: 0.005}, {Value: 0.01, Label: "1"}, {Value: 0.02, Label: "2"},
	{Value: 0.05, Label: "5"}, {Value: 0.1, Label: "10"}, {Value: 0.2, Label: "20"}, {Value: 0.4, Label: "40"},
	{Value: 0.6, Label: "60"}, {Value: 0.8, Label: "80"}, {Value: 0.9, Label: "90"}, {Value: 0.95, Label: "95"},
	{Value: 0.99, Label: "99"},
}

// normalDeviate is the scale on which errors of normally distributed scores lie on straight lines.
type normalDeviate struct{}

// Normalize implements plot.Normalizer.
func (normalDeviate) Normalize(least, most, x float64) float64 {
	return (deviate(x) - deviate(least)) / (deviate(most) - deviate(least))
}

// deviate returns the quantile function of the standard normal distribution.
func deviate(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

func detPoint(e errorPoint) plotter.XY {
	inside := func(rate float64) float64 { return min(max(rate, detMin), detMax) }
	return plotter.XY{X: inside(e.accepted), Y: inside(e.rejected)}
}

// detLine leaves out points that are nearer to the last than can be seen.
func detLine(points []errorPoint) plotter.XYs {
	const apart = 0.004 // of an axis
	scale := func(rate float64) float64 { return normalDeviate{}.Normalize(detMin, detMax, rate) }
	var line plotter.XYs
	for i, e := range points {
		next := detPoint(e)
		if i > 0 && i < len(points)-1 {
			last := line[len(line)-1]
			if math.Hypot(scale(next.X)-scale(last.X), scale(next.Y)-scale(last.Y)) < apart {
				continue
			}
		}
		line = append(line, next)
	}
	return line
}

// errorRatesAt returns the error rates of samples of both kinds at a threshold.
func errorRatesAt(samples []sample, threshold float64) errorPoint {
	positives, negatives := split(samples, func(s sample) bool { return s.positive })
	return errorPoint{
		accepted: 1 - shareBelow(negatives, threshold),
		rejected: shareBelow(positives, threshold),
	}
}

func shareBelow(samples []sample, threshold float64) float64 {
	below, _ := split(samples, func(s sample) bool { return s.score < threshold })
	return float64(len(below)) / float64(len(samples))
}

// thresholdChart returns the error rates against the threshold, 0 to 1. They are the share of positives below it and, of each
// series of negatives, at or above it.
func thresholdChart(positives series, negatives []series, threshold float64) template.HTML {
	p := newPlot("threshold", "errors (%)")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = scoreTicks, percentTicks
	p.Add(grid())
	legend := newLegend()
	entries := 0
	for i, s := range append([]series{positives}, negatives...) {
		if len(s.samples) == 0 {
			continue
		}
		line := &plotter.Line{LineStyle: style(i), StepStyle: plotter.PreStep, XYs: belowLine(s.samples, i > 0)}
		p.Add(line)
		legend.Add(shortNumber(s.name), line)
		entries++
	}
	if threshold > 0 {
		p.Add(verticalLine(threshold))
	}
	return renderPlot(p, legend, entries, chartWidth, chartHeight)
}

// belowLine returns the share of the samples whose score is below each threshold, or, turned over, at or above it. Between
// two scores it is what it is at the higher.
func belowLine(samples []sample, over bool) plotter.XYs {
	const apart = 0.002 // nearer points cannot be seen
	scores := slices.Sorted(slices.Values(column(samples, func(s sample) float64 { return s.score })))
	share := func(below int) float64 {
		if over {
			below = len(scores) - below
		}
		return float64(below) / float64(len(scores))
	}
	line := plotter.XYs{{X: 0, Y: share(0)}}
	for i, score := range scores {
		last := line[len(line)-1]
		if i > 0 && score == scores[i-1] || score-last.X < apart && math.Abs(share(i)-last.Y) < apart {
			continue
		}
		line = append(line, plotter.XY{X: score, Y: share(i)})
	}
	return append(line, plotter.XY{X: 1, Y: share(len(scores))})
}

// histogram returns how the scores, 0 to 1, of some samples are spread, in percent of them.
func histogram(samples []sample, threshold float64) template.HTML {
	const count = 20
	p := newPlot("", "%")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = scoreTicks, percentTicks
	bars := &plotter.Histogram{Width: 1. / count, FillColor: color.Gray{170}, LineStyle: draw.LineStyle{Color: color.Black, Width: vg.Points(0.5)}}
	for i := range count {
		in, _ := split(samples, func(s sample) bool { return min(int(s.score*count), count-1) == i })
		if len(in) > 0 {
			bars.Bins = append(bars.Bins, plotter.HistogramBin{
				Min: float64(i) / count, Max: float64(i+1) / count, Weight: float64(len(in)) / float64(len(samples))})
		}
	}
	p.Add(bars)
	if threshold > 0 {
		p.Add(verticalLine(threshold))
	}
	return renderPlot(p, plot.NewLegend(), 0, smallWidth, smallHeight)
}

// reliabilityChart returns each bin's share of positives, with its interval, against its mean score. Right scores lie on the
// diagonal.
func reliabilityChart(r Reliability, positive string) template.HTML {
	p := newPlot("mean score", "share "+positive+" (%)")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.X.Tick.Marker, p.Y.Tick.Marker = scoreTicks, percentTicks
	intervals := &plotter.YErrorBars{LineStyle: thinLine(color.Black), CapWidth: vg.Points(5)}
	line := &plotter.Line{LineStyle: style(0)}
	p.Add(grid(), equalErrors())
	for _, b := range r.Bins {
		point := plotter.XY{X: b.Score, Y: b.Share}
		line.XYs, intervals.XYs = append(line.XYs, point), append(intervals.XYs, point)
		intervals.YErrors = append(intervals.YErrors, struct{ Low, High float64 }{b.Share - b.Interval95.Low, b.Interval95.High - b.Share})
		p.Add(pointMark(point, color.Black))
	}
	p.Add(intervals, line)
	return renderPlot(p, plot.NewLegend(), 0, chartWidth, chartHeight)
}

func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Padding, p.Y.Padding = 0, 0
	return p
}

func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.Left, l.Top = true, true
	l.TextStyle.Font.Size = vg.Points(10)
	l.ThumbnailWidth = vg.Points(40)
	l.Padding = vg.Points(4)
	return l
}

func grid() *plotter.Grid {
	light := draw.LineStyle{Color: color.Gray{200}, Width: vg.Points(0.4)}
	return &plotter.Grid{Vertical: light, Horizontal: light}
}

func thinLine(c color.Color) draw.LineStyle { return draw.LineStyle{Color: c, Width: vg.Points(0.6)} }

// equalErrors returns the diagonal.
func equalErrors() *plotter.Line {
	l := &plotter.Line{LineStyle: thinLine(color.Gray{128})}
	for i := range 101 {
		x := min(max(float64(i)/100, detMin), detMax)
		l.XYs = append(l.XYs, plotter.XY{X: x, Y: x})
	}
	return l
}

// verticalLine marks a threshold.
func verticalLine(x float64) *plotter.Line {
	l := &plotter.Line{LineStyle: thinLine(color.Black), XYs: plotter.XYs{{X: x, Y: 0}, {X: x, Y: 1}}}
	l.Dashes = plotutil.Dashes(2)
	return l
}

func pointMark(at plotter.XY, c color.Color) *plotter.Scatter {
	return &plotter.Scatter{XYs: plotter.XYs{at}, GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(3.5), Shape: draw.CircleGlyph{}}}
}

// style returns that of a chart's i-th line.
func style(i int) draw.LineStyle {
	if i == 0 {
		return draw.LineStyle{Color: color.Black, Width: vg.Points(2)}
	}
	return draw.LineStyle{Color: plotutil.DarkColors[i%len(plotutil.DarkColors)], Width: vg.Points(1.3), Dashes: plotutil.Dashes(i)}
}

var scoreTicks, percentTicks = tenthTicks(func(v float64) string { return fmt.Sprintf("%.1f", v) }),
	tenthTicks(func(v float64) string { return fmt.Sprintf("%.0f", 100*v) })

// tenthTicks returns ticks from 0 to 1, every second one with a label.
func tenthTicks(label func(float64) string) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i := range 11 {
		tick := plot.Tick{Value: float64(i) / 10}
		if i%2 == 0 {
			tick.Label = label(tick.Value)
		}
		ticks = append(ticks, tick)
	}
	return ticks
}

func shortNumber(name string) string {
	if letters := []rune(name); len(letters) > nameLetters {
		return string(letters[:nameLetters-1]) + "…"
	}
	return name
}

// renderPlot draws a plot and, below it, its legend, as an SVG element.
func renderPlot(p *plot.Plot, legend plot.Legend, entries int, width, height vg.Length) template.HTML {
	below := vg.Length(entries) * legendHeight
	canvas := vgsvg.New(width, height+below)
	whole := draw.New(canvas)
	p.Draw(draw.Crop(whole, 0, -vg.Points(6), below, -vg.Points(6)))
	legend.Draw(draw.Crop(whole, vg.Points(10), 0, 0, -height))
	var out bytes.Buffer
	canvas.WriteTo(&out) // fails only where the buffer does, which never does
	// Before the element stands an XML declaration, which has no place in HTML. Texts were escaped by the canvas.
	_, element, _ := bytes.Cut(out.Bytes(), []byte("<svg"))
	return template.HTML("<svg" + string(element))
}
