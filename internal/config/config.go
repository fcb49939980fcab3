// Package config reads and validates every setting of the program. It does not apply them. A setting has one name in three
// places: the flag --picture-workers, the environment's BONAFIDE_PICTURE_WORKERS, and in the file "picture-workers" or "workers"
// under "picture". A flag wins over the environment, the environment over the file, the file over the default.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Config is what `bonafide serve` runs on. The commands that only check or evaluate use Models and Checks.
type Config struct {
	Listen string `default:":8080" placeholder:"ADDRESS" help:"Address to serve on."`

	Proxies []netip.Prefix `placeholder:"NETWORK" help:"Networks of reverse proxies whose X-Forwarded-For is trusted, such as 10.0.0.0/8."`

	TLS       TLS       `embed:"" prefix:"tls-"`
	Upload    Upload    `embed:"" prefix:"upload-"`
	Picture   Pool      `embed:"" prefix:"picture-" set:"what=pictures"`
	Recording Pool      `embed:"" prefix:"recording-" set:"what=recordings"`
	Challenge Challenge `embed:"" prefix:"challenge-"`
	Fetch     Fetch     `embed:"" prefix:"fetch-"`
	Retention Retention `embed:"" prefix:"retention-"`
	Checks    Checks    `embed:""`

	Demo                string        `placeholder:"NAME" help:"Serve the demo page at /demo; its visitors run checks on this account and see the evidence."`
	ConsolePasswordFile string        `placeholder:"FILE" help:"Serve the operator console at /console; the password is the file's first line."`
	FirstAccount        string        `placeholder:"NAME" help:"On an empty store, create this account and print its credentials once."`
	StopTimeout         time.Duration `default:"75s" help:"Maximum time that a stop waits for running requests; the longest takes recording-wait and 60 seconds."`
}

// TLS serves HTTPS directly when both files are given.
type TLS struct {
	Cert string `placeholder:"FILE" help:"Certificate chain (PEM) to serve HTTPS with."`
	Key  string `placeholder:"FILE" help:"Private key (PEM) of the certificate."`
}

// Upload limits what is read of a request's body, in bytes.
type Upload struct {
	Picture   int64 `default:"15728640" placeholder:"BYTES" help:"Maximum size of a picture request, in bytes."`
	Recording int64 `default:"52428800" placeholder:"BYTES" help:"Maximum size of a recording request, in bytes."`
	Memory    int64 `default:"268435456" placeholder:"BYTES" help:"Memory for uploads in progress, in bytes; more get 503."`
}

// Pool bounds the checks of one kind: Workers run at the same time, Queue more wait, each at most Wait; the rest are refused.
type Pool struct {
	Workers int           `default:"0" help:"Number of ${what} checked at the same time (0: one for each core)."`
	Queue   int           `default:"24" help:"Maximum number of ${what} in the queue; more get 503."`
	Wait    time.Duration `default:"10s" help:"Maximum time that one of the ${what} waits in the queue."`
}

// Challenge shapes the LipSecure transactions.
type Challenge struct {
	Digits int           `default:"6" help:"Digits in a challenge phrase, 4 to 12."`
	Life   time.Duration `default:"5m" help:"Time until a transaction expires."`
	Tries  int           `default:"3" help:"Tries of a transaction: recordings that end in a user error."`
}

// Fetch governs pictures that are given as a URL.
type Fetch struct {
	Off   bool     `help:"Refuse pictures given as a URL."`
	Hosts []string `placeholder:"HOST" help:"Fetch from these hosts only (default: any public host)."`
}

// Retention says how long the records of verdicts are kept.
type Retention struct {
	Days int `default:"30" help:"Days until the record of a check is deleted; media is never stored."`
}

// Checks are the thresholds and limits of the checks themselves.
type Checks struct {
	PictureThreshold        float64       `default:"0.5" help:"Score at and above which a picture is live, 0 to 1; a request or an account may override it."`
	RecordingThreshold      float64       `default:"0.98" help:"Score at and above which the outcome of a recording is live, 0 to 1."`
	VideoMaxDuration        time.Duration `default:"30s" help:"Maximum length of a recording."`
	VideoTimeout            time.Duration `default:"30s" help:"Maximum processor time to decode a recording, in whole seconds, at most 60."`
	VideoMemory             int64         `default:"1073741824" placeholder:"BYTES" help:"Maximum memory of the decoder process, in bytes."`
	VideoRequireConfinement bool          `help:"Refuse to start unless the decoder process is fully confined."`
	RefuseEdits             bool          `help:"Experimental: refuse recordings that look edited or were checked before; without it they are only reported."`
	FreeWeightsOnly         bool          `help:"Do not use weights trained on research-only data."`
	OwnModels               string        `placeholder:"FOLDER" help:"Folder of your own trained models (lips.onnx, lips.json, …), used instead of the built-in ones."`
}

// Validate returns all errors together, each naming the setting and what it must be.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, _, err := net.SplitHostPort(c.Listen)
	fault(err != nil, "listen is %q: give HOST:PORT or :PORT", c.Listen)
	fault((c.TLS.Cert == "") != (c.TLS.Key == ""), "tls-cert and tls-key go together: give both or neither")
	fault(c.Upload.Picture < 1<<10, "upload-picture is %d bytes: give at least 1024", c.Upload.Picture)
	fault(c.Upload.Recording < 1<<10, "upload-recording is %d bytes: give at least 1024", c.Upload.Recording)
	fault(c.Upload.Memory < max(c.Upload.Picture, c.Upload.Recording), "upload-memory is %d bytes: give at least the larger of upload-picture and upload-recording", c.Upload.Memory)
	faults = append(faults, c.Picture.errors("picture")...)
	faults = append(faults, c.Recording.errors("recording")...)
	fault(c.Challenge.Digits < 4 || c.Challenge.Digits > 12, "challenge-digits is %d: give 4 to 12", c.Challenge.Digits)
	fault(c.Challenge.Life < 10*time.Second || c.Challenge.Life > 24*time.Hour, "challenge-life is %s: give 10s to 24h", c.Challenge.Life)
	fault(c.Challenge.Tries < 1 || c.Challenge.Tries > 20, "challenge-tries is %d: give 1 to 20", c.Challenge.Tries)
	fault(c.Retention.Days < 0 || c.Retention.Days > 3650, "retention-days is %d: give 0 to 3650", c.Retention.Days)
	fault(c.StopTimeout <= 0, "stop-timeout is %s: give more than 0", c.StopTimeout)
	if err := c.Checks.Validate(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (p Pool) errors(name string) (faults []error) {
	if p.Workers < 0 || p.Workers > 1024 {
		faults = append(faults, fmt.Errorf("%s-workers is %d: give 0 (one for each core) to 1024", name, p.Workers))
	}
	if p.Queue < 0 || p.Queue > 100_000 {
		faults = append(faults, fmt.Errorf("%s-queue is %d: give 0 to 100000", name, p.Queue))
	}
	if p.Wait <= 0 {
		faults = append(faults, fmt.Errorf("%s-wait is %s: give more than 0", name, p.Wait))
	}
	return faults
}

// Validate returns all errors of the checks' settings together.
func (c Checks) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!(c.PictureThreshold >= 0 && c.PictureThreshold <= 1), "picture-threshold is %g: give 0 to 1", c.PictureThreshold)
	fault(!(c.RecordingThreshold >= 0 && c.RecordingThreshold <= 1), "recording-threshold is %g: give 0 to 1", c.RecordingThreshold)
	fault(c.VideoMaxDuration < time.Second || c.VideoMaxDuration > 10*time.Minute, "video-max-duration is %s: give 1s to 10m", c.VideoMaxDuration)
	fault(c.VideoTimeout < time.Second || c.VideoTimeout > time.Minute, "video-timeout is %s: give 1s to 60s, the longest that a check may take", c.VideoTimeout)
	fault(c.VideoMemory < 256<<20, "video-memory is %d bytes: give at least 268435456", c.VideoMemory)
	return errors.Join(faults...)
}
