package edits

// parameters of a registration: the shift across and down, the four of an affine map, and the light's offset and gain.
const registrationSize = 8

// registration brings crops into the place and the light of a reference crop, by the upper face (Gauss-Newton, inverse compositional;
// Baker and Matthews 2004). What is left of a still picture that moves, grows, turns or tilts as a whole is its noise.
type registration struct {
	reference *crop
	mean      float64 // of the reference's upper face
	// step has for each pixel of the upper face what it adds to each parameter.
	step [][registrationSize]float64
}

// middleOfCrop is the place of the middle, in pixels.
const middleOfCrop = (cropSide - 1) / 2.0

func newRegistration(reference *crop) *registration {
	r := &registration{reference: reference}
	for _, i := range upperFace {
		r.mean += float64(reference[i]) / float64(len(upperFace))
	}
	var normal [registrationSize][registrationSize]float64
	rows := make([][registrationSize]float64, len(upperFace))
	for k, i := range upperFace {
		gx, gy := float64(reference[i+1]-reference[i-1])/2, float64(reference[i+cropSide]-reference[i-cropSide])/2
		x, y := (float64(i%cropSide)-middleOfCrop)/cropSide, (float64(i/cropSide)-middleOfCrop)/cropSide
		rows[k] = [registrationSize]float64{gx, gy, gx * x, gx * y, gy * x, gy * y, 1, (float64(reference[i]) - r.mean) / 32}
		for a, u := range rows[k] {
			for b, v := range rows[k] {
				normal[a][b] += u * v
			}
		}
	}
	for a := range normal {
		normal[a][a] += 1e-3 * float64(len(rows))
	}
	inverse := invert(normal)
	r.step = make([][registrationSize]float64, len(rows))
	for k, row := range rows {
		for a := range inverse {
			for b, v := range row {
				r.step[k][a] += inverse[a][b] * v
			}
		}
	}
	return r
}

// invert returns the inverse of a positive definite matrix (Gauss-Jordan).
func invert(m [registrationSize][registrationSize]float64) (inverse [registrationSize][registrationSize]float64) {
	for a := range inverse {
		inverse[a][a] = 1
	}
	for a := range m {
		pivot := m[a][a]
		for b := range m {
			m[a][b] /= pivot
			inverse[a][b] /= pivot
		}
		for c := range m {
			factor := m[c][a]
			if c == a || factor == 0 {
				continue
			}
			for b := range m {
				m[c][b] -= factor * m[a][b]
				inverse[c][b] -= factor * inverse[a][b]
			}
		}
	}
	return inverse
}

// plane is an affine map about the middle of a crop: (x, y) goes to (a x + b y + c, d x + e y + f).
type plane struct{ a, b, c, d, e, f float64 }

// after returns the map that does other first.
func (p plane) after(o plane) plane {
	return plane{
		a: p.a*o.a + p.b*o.d, b: p.a*o.b + p.b*o.e, c: p.a*o.c + p.b*o.f + p.c,
		d: p.d*o.a + p.e*o.d, e: p.d*o.b + p.e*o.e, f: p.d*o.c + p.e*o.f + p.f,
	}
}

func (p plane) inverse() plane {
	det := p.a*p.e - p.b*p.d
	if det < 0.1 { // a map that folds or crushes a face is none
		return plane{a: 1, e: 1}
	}
	q := plane{a: p.e / det, b: -p.b / det, d: -p.d / det, e: p.a / det}
	q.c, q.f = -(q.a*p.c + q.b*p.f), -(q.d*p.c + q.e*p.f)
	return q
}

func (p plane) sample(c *crop, i int) float64 {
	x, y := float64(i%cropSide)-middleOfCrop, float64(i/cropSide)-middleOfCrop
	return float64(between(c[:], cropSide, p.a*x+p.b*y+p.c+middleOfCrop, p.d*x+p.e*y+p.f+middleOfCrop))
}

// registrationSteps is how often a crop's place is improved.
const registrationSteps = 6

// apply returns the crop in the reference's place and light.
func (r *registration) apply(c *crop) (out crop) {
	at := plane{a: 1, e: 1}
	for range registrationSteps {
		d := r.fit(c, at)
		at = at.after(plane{a: 1 + d[2]/cropSide, b: d[3] / cropSide, c: d[0], d: d[4] / cropSide, e: 1 + d[5]/cropSide, f: d[1]}.inverse())
	}
	light := r.fit(c, at)
	for i := range out {
		out[i] = float32(at.sample(c, i) - light[6] - light[7]*(float64(r.reference[i])-r.mean)/32)
	}
	return out
}

// fit returns by how much the parameters are off.
func (r *registration) fit(c *crop, at plane) (d [registrationSize]float64) {
	for k, i := range upperFace {
		off := at.sample(c, i) - float64(r.reference[i])
		for a := range d {
			d[a] += r.step[k][a] * off
		}
	}
	return d
}

// placeAll brings all crops into the place and the light of the middle one.
func placeAll(crops []crop) []crop {
	if len(crops) == 0 {
		return nil
	}
	r := newRegistration(&crops[len(crops)/2])
	placed := make([]crop, len(crops))
	for i := range crops {
		placed[i] = r.apply(&crops[i])
	}
	return placed
}
