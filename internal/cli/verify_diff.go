package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/posture"
	"github.com/ostiary/ostiary/internal/report"
)

type diffCmd struct {
	Old  string `arg:"" help:"Report of --format json."`
	New  string `arg:"" help:"Report of --format json."`
	JSON bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (*diffCmd) Help() string {
	return `The exit code is 1 if somebody reaches the model now who did not before, or if the
verdict became worse.

Example:
  ostiary verify diff monday.json tuesday.json`
}

// Run compares two reports.
func (c *diffCmd) Run(env *node.Env) error {
	before, err := readReport(c.Old)
	if err != nil {
		return err
	}
	after, err := readReport(c.New)
	if err != nil {
		return err
	}
	change := report.Diff(before, after)
	if c.JSON {
		err = change.JSON(env.Out)
	} else {
		err = change.Table(env.Out, report.Options{Color: isTerminal(env.Out)})
	}
	if err != nil {
		return err
	}
	if opened(change) || worse(before.Verdict, after.Verdict) {
		return fault.New(fault.No, "the model is less private than it was")
	}
	return nil
}

func readReport(path string) (posture.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return posture.Report{}, fault.New(fault.Invalid, "cannot read the report").Because(err)
	}
	defer func() { _ = f.Close() }()
	return report.Read(f)
}

// opened says whether somebody gets through who did not.
func opened(c report.Change) bool {
	return slices.ContainsFunc(c.Reach, func(d report.Door) bool {
		return slices.ContainsFunc(d.Places, func(p report.Place) bool { return len(p.Opened) > 0 })
	})
}

func worse(before, after posture.Verdict) bool {
	order := []posture.Verdict{posture.Private, posture.Undecided, posture.Open}
	return slices.Index(order, after) > slices.Index(order, before)
}

type explainCmd struct {
	Check string `arg:"" optional:"" help:"Id of the check; without it, all are listed."`
	JSON  bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (*explainCmd) Help() string {
	return `Example:
  ostiary verify explain endpoint-subnet-binds`
}

// Run prints one check, or the list.
func (c *explainCmd) Run(env *node.Env) error {
	all := slices.Concat(posture.Checks(), looked())
	if c.Check != "" {
		i := slices.IndexFunc(all, func(k posture.Check) bool { return k.ID == c.Check })
		if i < 0 {
			return fault.New(fault.NotFound, "no such check").At(c.Check).Fix("list them with `ostiary verify explain`")
		}
		all = all[i : i+1]
	}
	if c.JSON {
		return json.NewEncoder(env.Out).Encode(all)
	}
	for _, k := range all {
		if c.Check == "" {
			_, _ = fmt.Fprintf(env.Out, "%-24s %-7s %s\n", k.ID, k.Level, k.Title)
			continue
		}
		_, _ = fmt.Fprintf(env.Out, "%s (%s): %s\n\nlooks at   %s\nabsent     %s\nwhy        %s\nlike       %s\n",
			k.ID, k.Level, k.Title, k.Looks, orNone(k.Default), k.Why, orNone(strings.Join(slices.Concat(k.Equal.Checkov, k.Equal.Policy, k.Equal.PSRule, k.Equal.Prowler, k.Equal.Azqr), ", ")))
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
