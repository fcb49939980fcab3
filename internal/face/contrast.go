package face

import "github.com/bonafide-id/bonafide/liveness"

const (
	// minRange is the span of luma, 0..255, between the darkest and the brightest hundredth of a picture, under which
	// the models miss faces.
	minRange = 100
	// maxGain bounds how much a picture is stretched: beyond it there is nothing but noise.
	maxGain = 12
)

// stretchContrast returns the picture itself, or a copy stretched to the full range. It stretches pictures so dark, bright or
// flat that the models would miss a face. That the light is poor is package quality's to say: it needs the face for that.
func stretchContrast(p *liveness.Picture) *liveness.Picture {
	low, high := lumaRange(p)
	if high-low >= minRange || high <= low {
		return p
	}
	gain := min(235/float64(high-low), maxGain)
	var table [256]byte
	for v := range table {
		table[v] = byte(min(max(float64(v-low)*gain, 0), 255))
	}
	out := liveness.NewPicture(p.Width, p.Height)
	for i, v := range p.Pixels {
		out.Pixels[i] = table[v]
	}
	return out
}

// lumaRange returns the luma that a hundredth of the pixels is below, and that a hundredth is above, of some ten thousand pixels.
func lumaRange(p *liveness.Picture) (low, high int) {
	var count [256]int
	pixels := len(p.Pixels) / 3
	step, n := max(pixels/10000, 1), 0
	for i := 0; i < pixels; i += step {
		r, g, b := int(p.Pixels[3*i]), int(p.Pixels[3*i+1]), int(p.Pixels[3*i+2])
		count[(299*r+587*g+114*b)/1000]++
		n++
	}
	low, high = 0, 255
	for sum := count[low]; sum <= n/100 && low < 255; sum += count[low] {
		low++
	}
	for sum := count[high]; sum <= n/100 && high > 0; sum += count[high] {
		high--
	}
	return low, high
}
