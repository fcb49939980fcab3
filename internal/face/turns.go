package face

// maxKnown bounds how many looks at a person are compared with one another.
const maxKnown = 128

// others returns the number of looks that show one and the same other person than most looks do. Each look is a unit embedding. Looks
// that resemble nobody, as on a frame that was blurred or dissolves into another, do not count together.
func others(looks [][]float32) (most int) {
	main := commonLook(looks)
	var rest [][]float32
	for _, look := range looks {
		if similarity(main, look) < samePerson {
			rest = append(rest, look)
		}
	}
	if len(rest) == 0 {
		return 0
	}
	other := commonLook(rest)
	for _, look := range rest {
		if similarity(other, look) >= samePerson {
			most++
		}
	}
	return most
}

// commonLook returns the look that shows the same person as most of all do; the first where there are several, nil without one.
func commonLook(all [][]float32) (chosen []float32) {
	best := -1
	for _, look := range all {
		count := 0
		for _, other := range all {
			if similarity(look, other) >= samePerson {
				count++
			}
		}
		if count > best {
			chosen, best = look, count
		}
	}
	return chosen
}
