package pad

import (
	"encoding/json"
	"fmt"

	"github.com/bonafide-id/bonafide/models"
)

// Points are the error rates at several thresholds of one configuration, measured on pictures of people that nothing was
// trained on. They are models/pad_points.json, which training/pad writes.
type Points struct {
	// Configuration is "all weights" or "free weights only".
	Configuration string `json:"configuration"`
	// Pictures says whose cameras they are from: those of training, or others.
	Pictures string  `json:"pictures"`
	Points   []Point `json:"points"`
}

// Point is the error rates at one threshold.
type Point struct {
	Threshold float64 `json:"threshold"`
	// BPCER is the share of bona fide presentations that scored under the threshold. APCER, by attack instrument species, is that
	// of the attacks that did not.
	BPCER Errors            `json:"bpcer"`
	APCER map[string]Errors `json:"apcer"`
}

// Errors are counted pictures.
type Errors struct {
	Count  int `json:"count"`
	Of     int `json:"of"`
	People int `json:"people"`
	// Low and High are the 95% interval of the bootstrap over people, 0 to 1.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// OperatingPoints returns the shipped tables of all configurations.
func OperatingPoints() ([]Points, error) {
	data, err := models.File("pad_points.json")
	if err != nil {
		return nil, err
	}
	var tables []Points
	if err := json.Unmarshal(data, &tables); err != nil {
		return nil, fmt.Errorf("models/pad_points.json: %w", err)
	}
	return tables, nil
}

// String returns a line such as "4.2%  9/216  6 people  2.2% to 7.7%", with tabs for columns.
func (e Errors) String() string {
	return fmt.Sprintf("%.1f%%\t%d/%d\t%d people\t%.1f%% to %.1f%%", 100*float64(e.Count)/float64(e.Of), e.Count, e.Of, e.People, 100*e.Low, 100*e.High)
}
