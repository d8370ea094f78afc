package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/cli/node"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/ledger"
	"github.com/ostiary/ostiary/internal/witness"
)

// ledgerWitnessCmd is `ledger witness`.
type ledgerWitnessCmd struct {
	Serve witnessServeCmd `cmd:"" help:"Be a witness: cosign the checkpoints of logs, and refuse a past that changed."`
	Push  witnessPushCmd  `cmd:"" help:"Take a log's latest checkpoint to a witness, once."`
}

type witnessServeCmd struct {
	Listen         string   `required:"" placeholder:"ADDR" help:"Address and port; without a certificate, loopback or unix:PATH only."`
	Dir            string   `required:"" placeholder:"DIR" help:"Keeps the witness's key and what it cosigned; on a disk that the logs' keepers do not have."`
	Log            []string `required:"" placeholder:"KEY|FILE" sep:"none" help:"Public key of a log to watch, or its checkpoint.pub; may be repeated."`
	Name           string   `help:"Name of the key that the first start makes; without it one is made up."`
	TLSCertificate string   `name:"tls-certificate" placeholder:"FILE" help:"PEM file with the certificate chain."`
	TLSKey         string   `name:"tls-key" placeholder:"FILE" help:"PEM file with its private key."`
	Admin          string   `placeholder:"ADDR" help:"Private listener for /healthz, /readyz and /metrics; default none."`
}

// Help is shown by --help.
func (*witnessServeCmd) Help() string {
	return `Speaks the protocol of C2SP's tlog-witness. It asks nobody who they are: a
checkpoint counts by its log's signature. Its own public key is printed at the
start and lies in witness.pub.

Example:
  ostiary ledger witness serve --listen 127.0.0.1:8444 --dir /srv/witness --log checkpoint.pub`
}

// Run serves until interrupted.
func (c *witnessServeCmd) Run(env *node.Env) error {
	config, err := c.tls()
	if err != nil {
		return err
	}
	logs := make([]string, 0, len(c.Log))
	for _, text := range c.Log {
		key, err := keyText(text)
		if err != nil {
			return err
		}
		logs = append(logs, key)
	}
	reg := node.Registry()
	s, err := witness.New(witness.Config{Directory: c.Dir, Logs: logs, Name: c.Name, Logger: env.Log, Metrics: reg})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	ln, err := httpd.Listen(c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	if _, err := fmt.Fprintln(env.Out, s.Key()); err != nil {
		return err
	}
	env.Log.Info("witness serves", "listen", ln.Addr().String(), "logs", len(logs))
	return node.Tasks(env.Ctx, node.ServeAdmin(c.Admin, reg, func() error { return nil }, env.Log),
		func(ctx context.Context) error { return httpd.Serve(ctx, ln, s.Handler(), config, env.Log) })
}

// tls reads the certificate; nil without one, on a private address.
func (c *witnessServeCmd) tls() (*tls.Config, error) {
	if c.TLSCertificate == "" && c.TLSKey == "" {
		if !loopback(c.Listen) {
			return nil, fault.New(fault.Invalid, "plain HTTP is for this machine only").At(c.Listen).
				Fix("add --tls-certificate and --tls-key, or listen on loopback")
		}
		return nil, nil //nolint:nilnil // plain HTTP
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCertificate, c.TLSKey)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the witness's certificate").At(c.TLSCertificate).Because(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}, nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return strings.HasPrefix(address, "unix:") || err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

type witnessPushCmd struct {
	Dir string `arg:"" help:"The log's directory."`
	To  string `required:"" placeholder:"DIR|URL" help:"The witness: its address, or a directory that gets dated copies."`
	Key string `placeholder:"KEY|FILE" help:"Public key of the witness at an address, or its witness.pub."`
	CA  string `name:"ca" placeholder:"FILE" help:"PEM file of the authorities to trust in place of the system's."`
}

// Help is shown by --help.
func (*witnessPushCmd) Help() string {
	return `A gateway does this by itself, if its configuration names a witness. The
cosigned checkpoint is kept beside the log. The exit code is 1 if the witness
refuses: then the log is not what it was.

Examples:
  ostiary ledger witness push /var/lib/ostiary/authority/issuance --to https://witness.example --key witness.pub
  ostiary ledger witness push /var/lib/ostiary/ledger --to /mnt/append-only/checkpoints`
}

// Run pushes once.
func (c *witnessPushCmd) Run(env *node.Env, quiet QuietLog) error {
	target := witness.Target{CA: c.CA}
	if remote(c.To) {
		key, err := keyText(c.Key)
		if err != nil {
			return err
		}
		target.URL, target.Key = c.To, key
	} else {
		target.Directory = c.To
	}
	size, err := witness.Push(env.Ctx, c.Dir, target, quiet())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Out, "%s has a checkpoint over %d entries\n", c.To, size)
	return err
}

// witnessFlags say what else a log is held to.
type witnessFlags struct {
	Witness    []string `placeholder:"FILE|DIR|URL" sep:"none" help:"Hold the log to what a witness has: a checkpoint's file, a directory of copies, or an address; may be repeated."`
	WitnessKey []string `placeholder:"KEY|FILE" sep:"none" help:"Public key of a witness, or its witness.pub: its cosignature is demanded of files and addresses; without --witness, of the checkpoint kept beside the log. May be repeated."`
	WitnessCA  string   `name:"witness-ca" placeholder:"FILE" help:"PEM file of the authorities to trust for addresses in place of the system's."`
}

// cosigned is a valid cosignature that was found.
type cosigned struct {
	Witness string    `json:"witness"`
	Entries uint64    `json:"entries"`
	Time    time.Time `json:"time"`
}

func (c cosigned) String() string {
	return fmt.Sprintf("cosigned by %s: %d entries at %s", c.Witness, c.Entries, c.Time.Format(time.RFC3339))
}

// evidence is what witnesses have of one log.
type evidence struct {
	log      note.Verifier
	keys     []note.Verifier
	against  []ledger.Witnessed
	cosigned []cosigned
	notes    []string
}

// collect asks every witness. A witness that cannot be asked is an error, not
// an answer.
func (f *witnessFlags) collect(ctx context.Context, dir string) (*evidence, error) {
	log, err := ledger.Verifier(dir)
	if err != nil {
		return nil, err
	}
	e := &evidence{log: log}
	for _, text := range f.WitnessKey {
		key, err := witnessKey(text)
		if err != nil {
			return nil, err
		}
		e.keys = append(e.keys, key)
	}
	for _, w := range f.Witness {
		if err := e.ask(ctx, w, f.WitnessCA); err != nil {
			return nil, err
		}
	}
	if len(f.Witness) > 0 {
		return e, nil
	}
	for _, key := range e.keys {
		name := ledger.WitnessedFile(key)
		msg, err := readBounded(dir+string(os.PathSeparator)+name, ledger.MaxCheckpoint)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		e.demand(name, msg, key)
	}
	return e, nil
}

func (e *evidence) ask(ctx context.Context, from, ca string) error {
	if remote(from) {
		w, err := witness.Target{URL: from, CA: ca}.Reader()
		if err != nil {
			return err
		}
		msg, err := w.Latest(ctx, e.log)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		e.demand(from, msg, e.keys...)
		return nil
	}
	info, err := os.Stat(from)
	if err != nil {
		return fault.New(fault.Invalid, "cannot read what the witness has").At(from).Because(err)
	}
	if !info.IsDir() {
		msg, err := readBounded(from, ledger.MaxCheckpoint)
		if err == nil {
			e.demand(from, msg, e.keys...)
		}
		return err
	}
	return e.copies(from)
}

// copies takes up every copy in a directory: of several the first that the log
// does not fit narrows down where it was changed.
func (e *evidence) copies(from string) error {
	d, err := witness.NewDirectory(from)
	if err != nil {
		return err
	}
	all, skipped, err := d.Copies(e.log)
	if err != nil {
		return err
	}
	if skipped > 0 {
		e.notes = append(e.notes, fmt.Sprintf("%s: %d files there are not signed by this log's key, and count for nothing", from, skipped))
	}
	if len(all) == 0 {
		e.against = append(e.against, ledger.Witnessed{From: from})
	}
	for _, msg := range all {
		e.against = append(e.against, ledger.Witnessed{From: from, Note: msg})
	}
	return nil
}

// demand takes up one checkpoint, and wants a cosignature by one of the keys,
// if there are any.
func (e *evidence) demand(from string, msg []byte, keys ...note.Verifier) {
	w := ledger.Witnessed{From: from, Note: msg}
	if msg != nil && len(keys) > 0 {
		c, err := ledger.OpenCheckpoint(msg, e.log, keys...)
		if err == nil && len(c.Witnesses) == 0 {
			w.Err = errors.New("what it has is not cosigned by the given key")
		}
		if _, falsely := errors.AsType[*note.InvalidSignatureError](err); falsely {
			w.Err = err
		}
		for _, sig := range c.Witnesses {
			e.cosigned = append(e.cosigned, cosigned{sig.Name, c.Size, witness.Time(sig)})
		}
	}
	e.against = append(e.against, w)
}

func remote(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

// keyText is a public key written out, or the line of its file.
func keyText(text string) (string, error) {
	if _, err := note.NewVerifier(text); err == nil {
		return text, nil
	}
	if _, err := witness.ParseKey(text); err == nil {
		return text, nil
	}
	if text == "" {
		return "", fault.New(fault.Invalid, "a public key is missing").Fix("give the key or its file")
	}
	data, err := readBounded(text, 1<<10)
	if err != nil {
		return "", fault.New(fault.Invalid, "neither a public key nor a file with one").At(text).Because(err)
	}
	return strings.TrimSpace(string(data)), nil
}

func witnessKey(text string) (note.Verifier, error) {
	key, err := keyText(text)
	if err != nil {
		return nil, err
	}
	return witness.ParseKey(key)
}

func logKey(text string) (note.Verifier, error) {
	key, err := keyText(text)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "not the public key of a log").At(text).Fix("it is the line of checkpoint.pub").Because(err)
	}
	return v, nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(http.MaxBytesReader(nil, f, limit))
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the file, or it is too large").At(path).Because(err)
	}
	return data, nil
}
