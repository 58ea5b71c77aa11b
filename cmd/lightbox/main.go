// Command lightbox is the hub: it reads what imaging departments produce and serves it as FHIR R4. This package holds the
// commands and the wiring, and is the only place that knows concrete stores, the environment and signals.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"lightbox/bench"
)

// version is stated by `lightbox version` and the CapabilityStatement.
const version = "0.1.0"

// Exit codes of every command.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitRefused = 3 // done, and some input was refused
)

// garbage is how much of it, in percent of what lives, is let be: a hub keeps little in memory and makes much that soon is none.
const garbage = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(p.Run(ctx, os.Args[1:]))
}

// program is one run of the command, so that a test can start the real thing.
type program struct {
	Stdout io.Writer
	Stderr io.Writer
}

type cli struct {
	Demo    demoCommand    `cmd:"" help:"Start a whole hub on embedded parts, with a synthetic city in it. The place to begin."`
	Serve   serveCommand   `cmd:"" help:"Serve FHIR R4 under OIDC."`
	Ingest  ingestCommand  `cmd:"" help:"Take DICOM files, HL7 v2 messages, folders and ZIPs into a hub's archive and database."`
	Sync    syncCommand    `cmd:"" help:"Read another archive into the hub: all that it has, then what is new."`
	Map     mapCommand     `cmd:"" help:"Print the FHIR that DICOM files and HL7 v2 messages become, without any store."`
	Reindex reindexCommand `cmd:"" help:"Complete the index of search parameters whose definition has changed."`
	Queue   queueCommand   `cmd:"" help:"Show what was refused and what is to be built; retry or discard."`
	Study   studyCommand   `cmd:"" help:"Tell the life of a study: who sent what, what became of it, and why an object is not to be seen."`
	Merge   mergeCommand   `cmd:"" help:"Make two records of one person one, or take that back."`
	Matches matchesCommand `cmd:"" help:"Patients that may be one person: list, decide."`
	Link    linkCommand    `cmd:"" help:"Who the subjects of other houses' issuers are here: list, add, remove."`
	Audit   auditCommand   `cmd:"" help:"Verify the record of who saw and did what."`
	Purge   purgeCommand   `cmd:"" help:"Remove resources for good, with every version of them."`
	Synth   synthCommand   `cmd:"" help:"Draw the synthetic city's DICOM files into a folder."`
	Token   tokenCommand   `cmd:"" help:"Sign an access token of a running demo's issuer, for trying things out."`
	Bench   benchCommand   `cmd:"" help:"Measure a hub on a synthetic city of any size, each figure beside its limit."`

	Conformance conformanceCommand `cmd:"" help:"Print the conformance statement for DICOM or HL7 v2."`
	Version     versionCommand     `cmd:"" help:"Print the version."`

	Config kong.ConfigFlag `placeholder:"FILE" help:"JSON file with the same names as the flags."`
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(p *program) error {
	_, err := fmt.Fprintln(p.Stdout, "lightbox", version)
	return err
}

// refused is the error of a command that did its work and refused some of its input.
var errRefused = errors.New("some input was refused")

// Run runs one command line and returns its exit code.
func (p *program) Run(ctx context.Context, args []string) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("lightbox"),
		kong.Description("Lightbox maps DICOM archives and reports to FHIR R4 and serves it under OIDC and SMART access control."),
		kong.DefaultEnvars("LIGHTBOX"),
		kong.Configuration(kong.JSON),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(p),
		kong.Vars{"figures": strings.Join(bench.Names(), ", ")},
	)
	if err != nil {
		panic(err) // the table of commands is wrong
	}
	command, err := parser.Parse(args)
	if exit >= 0 {
		return exit // --help has printed
	}
	if err != nil {
		fmt.Fprintf(p.Stderr, "lightbox: %v\nTry 'lightbox --help'.\n", err)
		return exitUsage
	}
	switch err := command.Run(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitRefused
	default:
		fmt.Fprintf(p.Stderr, "lightbox: %v\n", err)
		return exitFailure
	}
}
