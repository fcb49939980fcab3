package app

import (
	"log/slog"
	"slices"

	"github.com/bonafide-id/bonafide/liveness"
	"github.com/bonafide-id/bonafide/models"
)

// warnOfResearchWeights logs one warning if weights are in use that were trained on data for research only. The operator's own
// weights are not: their hashes are not the manifest's.
func warnOfResearchWeights(log *slog.Logger, used []liveness.ModelRef) error {
	manifest, err := models.Read()
	if err != nil {
		return err
	}
	var names []string
	for _, e := range manifest.Models {
		inUse := slices.ContainsFunc(used, func(ref liveness.ModelRef) bool { return ref.SHA256 == e.SHA256 })
		if inUse && e.Terms == models.ResearchData {
			names = append(names, e.ID)
		}
	}
	if len(names) > 0 {
		log.Warn("weights are in use that were trained on data for research only: if you may not use such weights, set free-weights-only, or train them on your own pictures (training/README.md) and set own-models",
			"models", names)
	}
	return nil
}
