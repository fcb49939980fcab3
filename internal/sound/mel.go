package sound

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// Rate is the number of samples a second that are listened to.
	Rate = 16000
	// Bands is the number of mel bands.
	Bands = 40

	hop    = Rate / 100 // 10 ms from one spectrum to the next
	window = Rate / 40  // 25 ms
	size   = 512        // of the Fourier transform

	minFrequency, maxFrequency = 80.0, 7600.0 // the bands' borders in Hz

	// depth is how far below the loudest band of a recording, as a factor of energy, bands still differ (60 dB). So digital
	// silence becomes a number, and hiss under speech does not count.
	depth = 1e-6
)

// Spectra returns the log-mel spectra of mono samples at 16 kHz, one row of Bands numbers for each whole 10 ms. The mean of each
// band over the recording is subtracted, so that neither level nor microphone matters. Training reads the same rows
// (training/sound/features).
func Spectra(samples []int16) []float32 {
	rows := len(samples) / hop
	energies := make([]float64, rows*Bands)
	transform := fourier.NewFFT(size)
	frame, spectrum := make([]float64, size), make([]complex128, size/2+1)
	var loudest float64
	for row := range rows {
		start := row*hop + hop/2 - window/2
		for i := range window {
			frame[i] = 0
			if k := start + i; k >= 0 && k < len(samples) {
				frame[i] = float64(samples[k]) / 32768 * hann[i]
			}
		}
		transform.Coefficients(spectrum, frame)
		for band, f := range filters {
			var sum float64
			for i, w := range f.weights {
				c := spectrum[f.first+i]
				sum += w * (real(c)*real(c) + imag(c)*imag(c))
			}
			energies[row*Bands+band] = sum
			loudest = max(loudest, sum)
		}
	}
	return normalise(energies, loudest)
}

// normalise takes logarithms and each band's mean out.
func normalise(energies []float64, loudest float64) []float32 {
	floor := max(loudest*depth, 1e-12)
	var mean [Bands]float64
	for i, e := range energies {
		energies[i] = math.Log(e + floor)
		mean[i%Bands] += energies[i]
	}
	out := make([]float32, len(energies))
	for i, e := range energies {
		out[i] = float32(e - mean[i%Bands]*Bands/float64(len(energies)))
	}
	return out
}

// hann is the window of a spectrum (von Hann).
var hann = func() (w [window]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/window)
	}
	return w
}()

// filter weighs the lines of a spectrum, from line first on.
type filter struct {
	first   int
	weights []float64
}

// filters are triangles, evenly spaced on the mel scale of O'Shaughnessy (1987), mel = 1127 ln(1 + Hz/700).
var filters = func() (all [Bands]filter) {
	mel := func(hz float64) float64 { return 1127 * math.Log1p(hz/700) }
	step := (mel(maxFrequency) - mel(minFrequency)) / (Bands + 1)
	for band := range all {
		centre := mel(minFrequency) + step*float64(band+1)
		f := filter{first: -1}
		for line := range size/2 + 1 {
			w := 1 - math.Abs(mel(float64(line)*Rate/size)-centre)/step
			if w <= 0 {
				continue
			}
			if f.first < 0 {
				f.first = line
			}
			f.weights = append(f.weights, w)
		}
		all[band] = f
	}
	return all
}()
