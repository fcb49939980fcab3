package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/challenge"
	"github.com/bonafide-id/bonafide/internal/check"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/console"
	"github.com/bonafide-id/bonafide/internal/demo"
	"github.com/bonafide-id/bonafide/internal/media"
	"github.com/bonafide-id/bonafide/internal/protocol/capture"
	"github.com/bonafide-id/bonafide/internal/protocol/faceliveness"
	"github.com/bonafide-id/bonafide/internal/protocol/lipsecure"
	"github.com/bonafide-id/bonafide/internal/protocol/selfie"
	"github.com/bonafide-id/bonafide/internal/server"
	"github.com/bonafide-id/bonafide/internal/site"
	"github.com/bonafide-id/bonafide/internal/store"
)

// Options are what Run needs beside the settings.
type Options struct {
	Store StoreLocation
	// Models is the folder of the fetched models.
	Models   string
	Settings config.Config
	Log      *slog.Logger
	// Out is where the first account's credentials are printed.
	Out io.Writer
	// Fetcher fetches the pictures that are named by URL; nil: one that asks public hosts, as the settings say.
	Fetcher faceliveness.Fetcher
}

// Run serves until ctx is done. It builds the parts from the store up, and takes them down in reverse order.
func Run(ctx context.Context, o Options) (err error) {
	settings := o.Settings
	if err := settings.Validate(); err != nil {
		return err
	}
	limitMemory(settings.Upload.Memory)
	checker, err := Checker(ctx, o.Models, settings.Checks)
	if err != nil {
		return err
	}
	if err := warnOfResearchWeights(o.Log, checker.Models()); err != nil {
		return err
	}
	if !checker.Quality.DetectsOcclusion() {
		o.Log.Warn("covered faces and mouths are not refused: the occlusion model was trained on data for research only, and free-weights-only is set")
	}
	db, err := o.Store.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	checker.Replays = check.NewReplays(db)

	accounts := account.New(db, account.Defaults{
		PictureThreshold:   settings.Checks.PictureThreshold,
		RecordingThreshold: settings.Checks.RecordingThreshold,
		RetentionDays:      settings.Retention.Days,
	}, nil)
	challenges, err := challenge.New(db, challenge.Config{
		Digits: settings.Challenge.Digits, Life: settings.Challenge.Life, Tries: settings.Challenge.Tries,
	})
	if err != nil {
		return err
	}
	if o.Fetcher == nil {
		o.Fetcher = media.NewFetcher(media.FetchOptions{Disabled: settings.Fetch.Off, Hosts: settings.Fetch.Hosts})
	}

	web := server.New(server.Config{
		Listen:  settings.Listen,
		Proxies: settings.Proxies,
		TLSCert: settings.TLS.Cert, TLSKey: settings.TLS.Key,
		PictureBytes: settings.Upload.Picture, RecordingBytes: settings.Upload.Recording, UploadBytes: settings.Upload.Memory,
		Pictures:    server.Pool(settings.Picture),
		Recordings:  server.Pool(settings.Recording),
		StopTimeout: settings.StopTimeout,
	}, o.Log, probes(db, checker)...)
	admitted := web.LimitChecker(checker)
	if err := capture.Built(); err != nil {
		o.Log.Warn("the capture component is not served", "error", err.Error())
	}
	captures := capture.New(accounts, challenges, admitted, nil)
	web.Mount(
		lipsecure.New(accounts, challenges, admitted),
		selfie.New(accounts, admitted),
		faceliveness.New(accounts, admitted, o.Fetcher),
		captures,
	)

	documentation, err := site.New()
	if err != nil {
		return err
	}
	web.MountPages(documentation, site.Paths...)

	if err := mountConsole(web, accounts, settings.ConsolePasswordFile, o.Log); err != nil {
		return err
	}

	listener, err := web.Listen()
	if err != nil {
		return err
	}
	if err := createFirstAccount(ctx, accounts, settings.FirstAccount, localURL(listener.Addr(), settings.TLS), o.Out); err != nil {
		return errors.Join(err, listener.Close())
	}
	if settings.Demo != "" {
		if _, err := accounts.ByName(ctx, settings.Demo); err != nil {
			return errors.Join(fmt.Errorf("demo: there is no account %q, make it with `bonafide key create --account %s`: %w", settings.Demo, settings.Demo, err), listener.Close())
		}
		web.Mount(demo.New(accounts, captures, settings.Demo))
	}
	stopTasks := db.RunTasks(ctx, o.Log, tasks(o.Log, accounts, challenges)...)
	defer stopTasks()
	o.Log.Info("serving", "address", listener.Addr().String(), "confinement", checker.Decoder.Confinement().String())
	return web.Serve(ctx, listener)
}

// limitMemory sets the collector's limit of Go's memory to what docs/operations.md promises for uploads. Otherwise it would allow
// twice what is in use. Who sets GOMEMLIMIT decides.
func limitMemory(uploads int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(programMemory + 3*uploads)
	}
}

// programMemory is what the program takes without uploads, in bytes.
const programMemory = 300 << 20

// mountConsole adds the console where it has a password.
func mountConsole(web *server.Server, accounts *account.Accounts, passwordFile string, log *slog.Logger) error {
	if passwordFile == "" {
		return nil
	}
	text, err := os.ReadFile(passwordFile)
	if err != nil {
		return fmt.Errorf("console-password-file cannot be read: %w", err)
	}
	password, _, _ := strings.Cut(string(text), "\n")
	pages, err := console.New(accounts, strings.TrimRight(password, "\r"), log, nil)
	if err != nil {
		return fmt.Errorf("console-password-file: %w", err)
	}
	web.MountSite(pages, console.Paths...)
	return nil
}

// probes decide whether the server is ready, and tell on /readyz what it runs on.
func probes(db store.Store, checker *check.Checker) []server.Probe {
	return []server.Probe{
		{Name: "store", Check: func(ctx context.Context) (string, error) { return "answers", db.Ping(ctx) }},
		{Name: "models", Check: func(context.Context) (string, error) {
			return describeModels(checker), nil
		}},
		{Name: "decoder_confinement", Check: func(context.Context) (string, error) {
			return checker.Decoder.Confinement().String(), nil
		}},
	}
}

// describeModels returns how many models run, and what is not checked for want of one.
func describeModels(checker *check.Checker) string {
	text := fmt.Sprintf("%d loaded", len(checker.Models()))
	if !checker.Quality.DetectsOcclusion() {
		text += "; covered faces and mouths are not refused (free-weights-only)"
	}
	return text
}

// tasks returns the recurring work. Of all the servers on one store, one does it.
func tasks(log *slog.Logger, accounts *account.Accounts, challenges *challenge.Challenges) []store.Task {
	task := func(name string, every time.Duration, done string, do func(context.Context) (int64, error)) store.Task {
		return store.Task{Name: name, Every: every, Do: func(ctx context.Context) error {
			n, err := do(ctx)
			if n > 0 {
				log.Info(done, "task", name, "count", n)
			}
			return err
		}}
	}
	return []store.Task{
		task("records", time.Hour, "deleted what is past its time", accounts.Sweep),
		task("transactions", time.Hour, "deleted what is past its time", challenges.Sweep),
		task("usage", 24*time.Hour, "added days up to months", accounts.RollUp),
	}
}

// localURL returns where a client on this machine reaches the server.
func localURL(listening net.Addr, tls config.TLS) string {
	scheme := "http"
	if tls.Cert != "" {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(listening.String()) // a TCP address always has both
	if net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// createFirstAccount makes the account on an empty store and prints its credentials with a line to paste for each protocol.
func createFirstAccount(ctx context.Context, accounts *account.Accounts, name, url string, out io.Writer) error {
	if name == "" {
		return nil
	}
	names, err := accounts.Names(ctx)
	if err != nil || len(names) > 0 {
		return err
	}
	c, err := accounts.CreateKey(ctx, name, account.Limits{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `
Account %[1]q was made. Its credentials will not be shown again: save them now.

LipSecure         X-API-Key: %[2]s
selfie liveness   app_id: %[3]s  app_key: %[4]s
face liveness     username: %[5]s  password: %[6]s

Try it (put a picture of a face at selfie.jpg, and a video of yourself saying the phrase at recording.mp4):

curl -X POST %[7]s/challenge -H "X-API-Key: %[2]s"
curl -X POST %[7]s/verifier/TRANSACTION_ID -H "X-API-Key: %[2]s" -F file=@recording.mp4
curl -X POST %[7]s/liveness-verification -H "app_id: %[3]s" -H "app_key: %[4]s" -F selfie=@selfie.jpg -F threshold=0.5
base64 -w0 selfie.jpg | sed 's/.*/{"sessionId":"1","faceImageBase":"&"}/' | curl -X POST %[7]s/api/v1/face/liveness -u %[5]s:%[6]s -H "Content-Type: application/json" -d @-

`, c.Account, c.APIKey, c.AppID, c.AppKey, c.Username, c.Password, url)
	return err
}
