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
	// replyTime is how long before and after a digit was due the mouth may still be saying it.
	replyEarly, replyLate = 300 * time.Millisecond, 1500 * time.Millisecond
	minFollowed           = 0.5 // share of the digits
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

// promptsFollowedGate notes on each digit when it was due and measures which share of them the mouth said in that time. It is
// evidence only: the times of the mouth are the best fit, which is rough where a digit is not seen well.
func promptsFollowedGate(digits []liveness.Digit, prompted []time.Duration) liveness.Gate {
	said := 0
	for i := range digits {
		due := prompted[i].Seconds()
		digits[i].Due = &due
		end := due
		if i+1 < len(prompted) {
			end = prompted[i+1].Seconds()
		}
		if digits[i].End >= due-replyEarly.Seconds() && digits[i].Start <= end+replyLate.Seconds() {
			said++
		}
	}
	return liveness.AtLeast("prompts_followed", share(said, len(digits)), minFollowed, "", "")
}
