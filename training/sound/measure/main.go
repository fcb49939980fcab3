// Command measure gives training the server's own features. Each line of its standard input is JSON. It has log posteriors of the
// sound (50 rows of 42 a second), of the lips (25 rows a second) if any, and phrases. For each it writes a line with the features
// of each phrase, the heard digits, and the seconds of speech.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/bonafide-id/bonafide/internal/sound"
)

type request struct {
	Sound   []float32 `json:"sound"`
	Lips    []float32 `json:"lips"`
	Phrases []string  `json:"phrases"`
}

type answer struct {
	Phrases []sound.Measures `json:"phrases"`
	Heard   []sound.Digit    `json:"heard"`
	Speech  float64          `json:"speech"`
}

func main() {
	parameters := flag.String("parameters", "models/sound.json", "weights of the posteriors; the calibration is not used")
	flag.Parse()
	file, err := os.ReadFile(*parameters)
	if err == nil {
		err = run(file, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(file []byte, in io.Reader, out io.Writer) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		measures, digits, speech, err := sound.Measure(file, r.Sound, sound.Mouth{Posteriors: r.Lips}, r.Phrases)
		if err != nil {
			return err
		}
		if err := encoder.Encode(answer{Phrases: measures, Heard: digits, Speech: speech.Seconds()}); err != nil {
			return err
		}
	}
}
