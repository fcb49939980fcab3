package check

import (
	"time"

	"github.com/bonafide-id/bonafide/liveness"
)

// The limits of when digits were shown. The capture component shows one a second (web/capture/src/prompts.ts). A busy phone is
// late by some tenths, a page in the background by many seconds.
const (
	minPromptStep = 500 * time.Millisecond
	maxPromptStep = 3 * time.Second
	// readingTolerance is by how much the times of the mouth may be off: they are the best fit.
	readingTolerance = 300 * time.Millisecond
	// maxReaction is the longest that somebody who sees a digit appear may take to say it: about half a second is usual.
	maxReaction = 1200 * time.Millisecond
	minKept     = 0.7 // share of the digits that must be said while they were due
)

// promptGates holds the times at which digits were shown against each other and against the recording's length. A phrase of
// another length than the prompts' is the caller's fault, which has no gate.
func promptGates(prompted []time.Duration, recorded time.Duration) []liveness.Gate {
	if len(prompted) == 0 {
		return nil
	}
	gates := []liveness.Gate{
		liveness.AtLeast("prompts_begin", prompted[0].Seconds(), 0, "s", liveness.UnevenPrompts),
		liveness.AtMost("prompts_end", (prompted[len(prompted)-1] + minDigitTime).Seconds(), recorded.Seconds(), "s", liveness.VideoTooShort),
	}
	if len(prompted) == 1 {
		return gates
	}
	shortest, longest := prompted[1]-prompted[0], prompted[1]-prompted[0]
	for i := 2; i < len(prompted); i++ {
		shortest, longest = min(shortest, prompted[i]-prompted[i-1]), max(longest, prompted[i]-prompted[i-1])
	}
	return append(gates,
		liveness.AtLeast("prompts_shortest_step", shortest.Seconds(), minPromptStep.Seconds(), "s", liveness.UnevenPrompts),
		liveness.AtMost("prompts_longest_step", longest.Seconds(), maxPromptStep.Seconds(), "s", liveness.UnevenPrompts))
}

// promptsKept notes on each digit when it was due, and measures which share of them the mouth said in that time. The time is from
// when a digit is shown until the next one is, and later by this person's reaction time.
func promptsKept(digits []liveness.Digit, prompted []time.Duration) []liveness.Gate {
	reaction, delay := reactionOf(digits, prompted)
	tolerance, said := readingTolerance.Seconds(), 0
	for i := range digits {
		due := prompted[i].Seconds()
		digits[i].Due = &due
		end := due + shownFor(prompted, i).Seconds()
		if middle := (digits[i].Start + digits[i].End) / 2; middle >= due-tolerance && middle <= end+reaction+tolerance {
			said++
		}
	}
	return []liveness.Gate{
		liveness.AtMost("prompts_reaction", delay, maxReaction.Seconds(), "s", ""),
		liveness.AtLeast("prompts_followed", share(said, len(digits)), minKept, "", liveness.PromptsNotKept),
	}
}

// reactionOf returns the middle delay, in seconds, from when a digit is shown until the mouth begins to say it. The first value is
// limited to what a person may take, the second is not.
func reactionOf(digits []liveness.Digit, prompted []time.Duration) (reaction, delay float64) {
	delays := make([]float64, len(digits))
	for i, d := range digits {
		delays[i] = d.Start - prompted[i].Seconds()
	}
	delay = median(delays)
	return min(max(delay, 0), maxReaction.Seconds()), delay
}

// shownFor returns how long a digit was shown; the last one as long as the one before.
func shownFor(prompted []time.Duration, i int) time.Duration {
	switch n := len(prompted); {
	case i+1 < n:
		return prompted[i+1] - prompted[i]
	case n > 1:
		return prompted[n-1] - prompted[n-2]
	}
	return maxPromptStep
}
