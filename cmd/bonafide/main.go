// Command bonafide serves face-liveness checks and runs them from the command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/bonafide-id/bonafide/internal/account"
	"github.com/bonafide-id/bonafide/internal/app"
	"github.com/bonafide-id/bonafide/internal/config"
	"github.com/bonafide-id/bonafide/internal/media"
)

// cli is the whole command line; a command's Run has the work.
type cli struct {
	Config   string `placeholder:"FILE" help:"YAML file of settings."`
	Data     string `default:"data" placeholder:"FOLDER" help:"Folder of the embedded store."`
	Store    string `placeholder:"URL" help:"PostgreSQL for the store, as postgres://USER:PASSWORD@HOST/DATABASE (default: the embedded store)."`
	Models   string `placeholder:"FOLDER" help:"Folder of the fetched models (default: models beside this program)."`
	LogLevel string `default:"info" enum:"debug,info,warn,error" help:"Lowest level to log: debug, info, warn, error."`

	Serve     serveCommand     `cmd:"" help:"Serve the three protocols."`
	Check     checkCommand     `cmd:"" help:"Check pictures or a recording and print every gate."`
	Eval      evalCommand      `cmd:"" help:"Measure error rates on labelled sets."`
	Threshold thresholdCommand `cmd:"" help:"Find the threshold that keeps an error rate on labelled pictures."`
	Bench     benchCommand     `cmd:"" help:"Time the checks, part by part."`
	Key       keyCommand       `cmd:"" help:"Create, list and revoke the keys of accounts."`
	Account   accountCommand   `cmd:"" help:"List accounts and override server settings for them."`
	Usage     usageCommand     `cmd:"" help:"Print the checks of each day, account and protocol."`
	Erase     eraseCommand     `cmd:"" help:"Erase the records of a session, a transaction or a request."`
	Stores    storeCommand     `cmd:"" name:"store" help:"Move the embedded store into PostgreSQL."`
	Model     modelsCommand    `cmd:"" name:"models" help:"List, fetch and verify the models."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// storeLocation returns where the store is, and whether to make one where there is none.
func (c *cli) storeLocation(create bool) app.StoreLocation {
	return app.StoreLocation{URL: c.Store, Data: c.Data, Create: create}
}

// terminal is where a command reads from and prints to.
type terminal struct {
	out, err io.Writer
}

func main() {
	media.RunIfDecoderProcess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], terminal{os.Stdout, os.Stderr}))
}

// run returns the exit status: 0 done, 1 failed, 2 the words of the command line or the settings are off.
func run(ctx context.Context, args []string, t terminal) int {
	var line cli
	exit := -1
	parser, err := kong.New(&line,
		kong.Name("bonafide"),
		kong.Description("Is a live person here, now, responding to us? A self-hosted face-liveness server."),
		kong.DefaultEnvars("BONAFIDE"),
		kong.Vars{"protocols": strings.ReplaceAll(joinOrDash(account.Protocols), ",", ", ")},
		kong.Writers(t.out, t.err),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(t),
	)
	if err != nil {
		panic(err) // the tags above are wrong: a fault of this program, found by any test
	}
	source, err := config.File(configPath(args))
	if err == nil {
		err = source.Validate(parser.Model)
	}
	if err != nil {
		return fail(t, err, 2)
	}
	if err := kong.Resolvers(source).Apply(parser); err != nil {
		return fail(t, err, 2)
	}
	command, err := parser.Parse(args)
	if exit >= 0 { // --help was asked for and printed
		return exit
	}
	if err != nil {
		return fail(t, err, 2)
	}
	if err := command.Run(&line); err != nil {
		var usage usageError
		if errors.As(err, &usage) {
			return fail(t, err, 2)
		}
		return fail(t, err, 1)
	}
	return 0
}

// usageError is a fault of the words or settings that were given.
type usageError struct{ error }

func fail(t terminal, err error, code int) int {
	fmt.Fprintln(t.err, "bonafide:", err)
	return code
}

// configPath finds --config before the rest is parsed, since every other flag may take its value from that file.
func configPath(args []string) string {
	const flag = "--config"
	for i, arg := range args {
		if arg == flag && i+1 < len(args) {
			return args[i+1]
		}
		if len(arg) > len(flag) && arg[:len(flag)+1] == flag+"=" {
			return arg[len(flag)+1:]
		}
	}
	return os.Getenv("BONAFIDE_CONFIG")
}
