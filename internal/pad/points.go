package pad

import (
	"encoding/json"
	"fmt"

	"github.com/bonafide-id/bonafide/models"
)

// Points are the error rates by threshold of one configuration on one kind of cameras. They are models/pad_points.json, which
// training/pad writes.
type Points struct {
	// Configuration is "all weights" or "free weights only".
	Configuration string `json:"configuration"`
	// Cameras is NewCameras or KnownCameras.
	Cameras string `json:"cameras"`
	// Thresholds rise from just over 0 to just under 1.
	Thresholds []float64 `json:"thresholds"`
	BPCER      Rates     `json:"bpcer"`
	// APCER has a row for each kind of attack, then one for all attacks, AllAttacks.
	APCER []Rates `json:"apcer"`
}

const (
	NewCameras   = "new cameras"   // of recorders that were held out
	KnownCameras = "known cameras" // of recorders that were trained on, other recordings and people
	AllAttacks   = "all attacks"
)

// Rates are one error rate at each threshold: the mean over recorders, of the share of each recorder's pictures.
type Rates struct {
	// Species is the kind of attack; empty for the BPCER.
	Species   string    `json:"species,omitempty"`
	Pictures  int       `json:"pictures"`
	Recorders int       `json:"recorders"`
	Rates     []float64 `json:"rates"`
	// Low and High are the 95% interval of the bootstrap over recorders, 0 to 1.
	Low  []float64 `json:"low"`
	High []float64 `json:"high"`
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

// Between returns a rate at any threshold, 0 to 1, with its interval, on straight lines between the table's.
func (p Points) Between(r Rates, threshold float64) (rate, low, high float64) {
	last := len(p.Thresholds) - 1
	i := 0
	for i < last && p.Thresholds[i+1] < threshold {
		i++
	}
	j := min(i+1, last)
	var share float64
	if j > i {
		share = min(max((threshold-p.Thresholds[i])/(p.Thresholds[j]-p.Thresholds[i]), 0), 1)
	}
	at := func(values []float64) float64 { return values[i] + share*(values[j]-values[i]) }
	return at(r.Rates), at(r.Low), at(r.High)
}
