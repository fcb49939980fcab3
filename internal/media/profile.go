package media

import (
	"encoding/binary"
	"math"
)

// isSRGB tells profiles of sRGB's own numbers, which most pictures have: applying them would cost much and change nothing. What a
// profile is called is not evidence: the names of Display P3 profiles may contain that of sRGB.
func isSRGB(profile []byte) bool {
	const header = 128 // bytes; the data's colour space stands at 16, that of the connection at 20
	if len(profile) < header+4 || string(profile[16:20]) != "RGB " || string(profile[20:24]) != "XYZ " {
		return false
	}
	tags := parseProfileTags(profile)
	if tags["A2B0"] != nil || tags["A2B1"] != nil { // tables, which go before the numbers
		return false
	}
	for name, want := range srgbColumns {
		got, ok := parseXYZ(tags[name])
		for i := range want {
			const rounding = 0.003 // profiles differ in how they adapted the white point
			if !ok || math.Abs(got[i]-want[i]) > rounding {
				return false
			}
		}
	}
	for _, name := range []string{"rTRC", "gTRC", "bTRC"} {
		if !isSRGBCurve(tags[name]) {
			return false
		}
	}
	return true
}

// srgbColumns are the X, Y and Z of sRGB's primaries, adapted to D50.
var srgbColumns = map[string][3]float64{
	"rXYZ": {0.4360, 0.2225, 0.0139}, "gXYZ": {0.3851, 0.7169, 0.0971}, "bXYZ": {0.1431, 0.0606, 0.7139},
}

// parseProfileTags returns the data of an ICC profile's tags by their names (ICC.1, 7.3), without those that do not lie within it.
func parseProfileTags(profile []byte) map[string][]byte {
	const list, entry, most = 128, 12, 100
	tags := map[string][]byte{}
	count := binary.BigEndian.Uint32(profile[list:])
	for at := list + 4; count > 0 && len(tags) < most && at+entry <= len(profile); at, count = at+entry, count-1 {
		start, size := uint64(binary.BigEndian.Uint32(profile[at+4:])), uint64(binary.BigEndian.Uint32(profile[at+8:]))
		if start+size <= uint64(len(profile)) {
			tags[string(profile[at:at+4])] = profile[start : start+size]
		}
	}
	return tags
}

// parseFixed returns a number of 32 bits, the lower half of them after the point.
func parseFixed(data []byte) float64 {
	return float64(int32(binary.BigEndian.Uint32(data))) / (1 << 16)
}

func parseXYZ(tag []byte) (v [3]float64, ok bool) {
	if len(tag) < 20 || string(tag[:4]) != "XYZ " {
		return v, false
	}
	for i := range v {
		v[i] = parseFixed(tag[8+4*i:])
	}
	return v, true
}

// isSRGBCurve reports whether a tone curve, 0..1 to light 0..1, is sRGB's to within half a level of 255.
func isSRGBCurve(tag []byte) bool {
	curve := parseCurve(tag)
	if curve == nil {
		return false
	}
	for level := 15; level <= 255; level += 15 {
		got := sRGBFromLinear(curve(float64(level) / 255))
		if !(math.Abs(got-float64(level)/255) < 0.5/255) {
			return false
		}
	}
	return true
}

// parseCurve returns the function of a curve (ICC.1, 10.6) or parametric curve (10.18); nil for what is neither.
func parseCurve(tag []byte) func(float64) float64 {
	if len(tag) < 12 {
		return nil
	}
	switch kind, n := string(tag[:4]), int(binary.BigEndian.Uint32(tag[8:])); {
	case kind == "para":
		return parseParametricCurve(binary.BigEndian.Uint16(tag[8:]), tag[12:])
	case kind != "curv" || n < 0 || n > (len(tag)-12)/2:
		return nil
	case n == 0:
		return func(v float64) float64 { return v }
	case n == 1:
		gamma := float64(binary.BigEndian.Uint16(tag[12:])) / 256
		return func(v float64) float64 { return math.Pow(v, gamma) }
	default:
		return func(v float64) float64 {
			at := v * float64(n-1)
			first := min(int(at), n-2)
			low, high := binary.BigEndian.Uint16(tag[12+2*first:]), binary.BigEndian.Uint16(tag[14+2*first:])
			return (float64(low) + (at-float64(first))*(float64(high)-float64(low))) / 65535
		}
	}
}

// parseParametricCurve returns a curve of one of the types 0 to 4.
func parseParametricCurve(kind uint16, data []byte) func(float64) float64 {
	counts := []int{1, 3, 4, 5, 7}
	if int(kind) >= len(counts) || len(data) < 4*counts[kind] {
		return nil
	}
	p := [7]float64{1, 1} // g, a, b, c, d, e, f
	for i := range counts[kind] {
		p[i] = parseFixed(data[4*i:])
	}
	g, a, b, c, d, e, f := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	switch kind {
	case 1, 2: // the constant c is added on both sides of -b/a
		c, d, e, f = 0, -b/a, p[3], p[3]
	}
	return func(v float64) float64 {
		if v >= d {
			return math.Pow(a*v+b, g) + e
		}
		return c*v + f
	}
}
