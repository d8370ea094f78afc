package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/ledger"
)

// Config says what a server is.
type Config struct {
	Directory string   // required; made if missing, with mode 0700. Its own, on a disk that the logs' keepers do not have
	Logs      []string // public keys of the logs that are watched, as in checkpoint.pub
	Name      string   // of the key made at the first start; empty makes one up

	Logger  *slog.Logger          // nil means none
	Metrics prometheus.Registerer // nil means none
	Now     func() time.Time      // nil means time.Now
}

// Server is a witness. Its handler may be called from any goroutine.
type Server struct {
	log     *slog.Logger
	signer  signer
	logs    map[string]*watched // by the log's name
	places  map[string]*watched // by the hash of it
	lock    io.Closer
	results *prometheus.CounterVec
	sizes   *prometheus.GaugeVec
}

// New opens a witness's directory, or makes a witness in it. A directory that
// another process has is fault.Conflict.
func New(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Directory == "" || len(cfg.Logs) == 0 {
		return nil, fault.New(fault.Invalid, "a witness needs a directory and a log to watch").Fix("name both")
	}
	if err := os.MkdirAll(cfg.Directory, 0o700); err != nil {
		return nil, unavailable("cannot make the witness's directory", cfg.Directory, err)
	}
	lock, err := ledger.Lock(cfg.Directory)
	if fault.KindOf(err) == fault.Conflict {
		return nil, fault.New(fault.Conflict, "another process is the witness of this directory").At(cfg.Directory).
			Fix("stop that process, or give this one a directory of its own")
	}
	if err != nil {
		return nil, err
	}
	s := &Server{log: cfg.Logger, lock: lock, logs: map[string]*watched{}, places: map[string]*watched{}}
	s.measure(cfg.Metrics)
	if err := s.open(cfg); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(cfg Config) (err error) {
	if s.signer, err = openKey(cfg.Directory, cfg.Name, cfg.Now); err != nil {
		return err
	}
	for i, text := range cfg.Logs {
		w, err := openWatched(cfg.Directory, strings.TrimSpace(text), s.signer)
		if err != nil {
			return err
		}
		if s.logs[w.verifier.Name()] != nil {
			return fault.New(fault.Invalid, "a log is named twice").At(fmt.Sprintf("logs[%d]", i)).Fix("name each log once, by one key")
		}
		s.logs[w.verifier.Name()], s.places[place(w.verifier)] = w, w
		s.sizes.WithLabelValues(w.verifier.Name()).Set(float64(w.size))
	}
	return nil
}

func (s *Server) measure(metrics prometheus.Registerer) {
	s.results = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ostiary_witness_requests_total", Help: "Checkpoints handed in, by what became of them.",
	}, []string{"result"})
	s.sizes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ostiary_witness_entries", Help: "Entries that the newest cosigned checkpoint of a log covers.",
	}, []string{"log"})
	if metrics != nil {
		metrics.MustRegister(s.results, s.sizes)
	}
}

// Key is the witness's public key, for those who check its cosignatures.
func (s *Server) Key() string { return s.signer.String() }

// Close gives up the directory.
func (s *Server) Close() error { return s.lock.Close() }

// Handler serves the protocol below the root. It needs no authentication of
// its own: a checkpoint counts by the log's signature, and an answer holds
// nothing but a checkpoint that the log signed for everybody.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+addPath, s.add)
	mux.HandleFunc("GET /{place}"+latestPath, s.latest)
	return mux
}

// refusalError is an answer other than 200.
type refusalError struct {
	status int
	result string // for the metric
	text   string
}

func (r refusalError) Error() string { return r.text }

func (s *Server) add(w http.ResponseWriter, r *http.Request) {
	line, err := s.handle(http.MaxBytesReader(w, r.Body, maxRequest))
	var no refusalError
	switch {
	case err == nil:
		s.results.WithLabelValues("cosigned").Inc()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(line) // a client that left asks again
		return
	case !errors.As(err, &no):
		s.log.Error("a checkpoint could not be kept, and is not cosigned", "error", err)
		no = refusalError{http.StatusInternalServerError, "failed", "the checkpoint could not be kept"}
	}
	s.results.WithLabelValues(no.result).Inc()
	if no.status == http.StatusConflict {
		w.Header().Set("Content-Type", sizeType)
		w.WriteHeader(no.status)
		_, _ = fmt.Fprintln(w, no.text)
		return
	}
	http.Error(w, no.text, no.status)
}

// handle checks one request in the order that the protocol gives, and returns
// the cosignature's line.
func (s *Server) handle(body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, refusalError{http.StatusBadRequest, "malformed", "the request cannot be read, or is too large"}
	}
	a, err := parseAddition(data)
	if err != nil {
		return nil, refusalError{http.StatusBadRequest, "malformed", err.Error()}
	}
	name, _, _ := strings.Cut(string(a.note), "\n")
	log := s.logs[name]
	if log == nil {
		return nil, refusalError{http.StatusNotFound, "unknown", "this witness does not watch that log"}
	}
	c, err := ledger.OpenCheckpoint(a.note, log.verifier)
	switch {
	case unsigned(err):
		return nil, refusalError{http.StatusForbidden, "unsigned", "the checkpoint is not signed by the log's key"}
	case err != nil:
		return nil, refusalError{http.StatusBadRequest, "malformed", "not a checkpoint"}
	case a.old > c.Size:
		return nil, refusalError{http.StatusBadRequest, "malformed", "the old size is over the checkpoint's"}
	}
	return s.cosign(log, c, a)
}

func unsigned(err error) bool {
	_, nobody := errors.AsType[*note.UnverifiedNoteError](err)
	_, falsely := errors.AsType[*note.InvalidSignatureError](err)
	return nobody || falsely
}

// cosign holds a signed checkpoint to the one before, and keeps it.
func (s *Server) cosign(log *watched, c ledger.Checkpoint, a addition) ([]byte, error) {
	log.mu.Lock()
	defer log.mu.Unlock()
	if a.old != log.size {
		return nil, refusalError{http.StatusConflict, "behind", fmt.Sprint(log.size)}
	}
	if err := extends(c, log.size, log.root, a.proof); err != nil {
		// The note may show that the log's key signed two histories.
		keepErr := writeDurable(filepath.Join(log.dir, refusedName), a.note, 0o644)
		s.log.Error("a log handed in a checkpoint that does not extend the one before; it is kept", "log", log.verifier.Name(),
			"have", log.size, "offered", c.Size, "file", filepath.Join(log.dir, refusedName), "error", keepErr)
		return nil, refusalError{http.StatusUnprocessableEntity, "refused", err.Error()}
	}
	cosigned, err := note.Sign(&note.Note{Text: c.Text}, s.signer)
	if err != nil {
		return nil, err
	}
	line := cosigned[len(c.Text)+1:]
	kept, err := note.Sign(&note.Note{Text: c.Text, Sigs: []note.Signature{c.Log}})
	if err != nil {
		return nil, err
	}
	if err := log.remember(c, append(kept, line...)); err != nil {
		return nil, err
	}
	s.sizes.WithLabelValues(log.verifier.Name()).Set(float64(c.Size))
	return line, nil
}

func (s *Server) latest(w http.ResponseWriter, r *http.Request) {
	log := s.places[r.PathValue("place")]
	if log == nil {
		http.Error(w, "this witness does not watch that log", http.StatusNotFound)
		return
	}
	log.mu.Lock()
	msg := log.note
	log.mu.Unlock()
	if msg == nil {
		http.Error(w, "no checkpoint of this log yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(msg)
}
