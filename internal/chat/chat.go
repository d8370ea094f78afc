package chat

import (
	"cmp"
	"context"
	"embed"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/chat/render"
	"github.com/ostiary/ostiary/internal/pki"
)

// Config is what a chat needs beside its settings.
type Config struct {
	Settings Settings
	Logger   *slog.Logger          // nil means none
	Metrics  prometheus.Registerer // nil means none
	Now      func() time.Time      // nil means time.Now
}

// Chat is the service.
type Chat struct {
	s        Settings
	log      *slog.Logger
	now      func() time.Time
	secure   bool // browsers come over TLS
	store    store
	provider *provider
	sessions *sessions
	render   *render.Renderer
	texts    texts
	pages    pages
	assets   assets
	gateway  *http.Client
	runs     *runs
	metrics  *metrics
	ending   context.Context // of the answers being written
	stop     context.CancelCauseFunc
	writing  sync.WaitGroup
}

//go:embed text/*.json page/*.html assets/*
var files embed.FS

// firstByte is how long the gateway may take to begin an answer.
const firstByte = 5 * time.Minute

// New opens the database. It does not reach the login service yet. Errors are
// faults.
func New(cfg Config) (*Chat, error) {
	c := &Chat{s: cfg.Settings, log: cfg.Logger, now: cfg.Now, render: render.New()}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.s.URL = strings.TrimRight(c.s.URL, "/")
	c.s.Gateway.URL = strings.TrimRight(c.s.Gateway.URL, "/")
	c.s.History = cmp.Or(c.s.History, defaultHistory)
	c.secure = strings.HasPrefix(c.s.URL, "https:")
	var err error
	if c.sessions, err = newSessions(c.s.Session, c.now); err != nil {
		return nil, err
	}
	c.runs = newRuns()
	c.metrics = newMetrics(cfg.Metrics, func() float64 { return float64(len(c.sessions.count())) })
	c.ending, c.stop = context.WithCancelCause(context.Background())
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, c.open()
}

// load reads what is embedded and what the settings name.
func (c *Chat) load() (err error) {
	if c.texts, err = loadTexts(files); err != nil {
		return err
	}
	if c.pages, err = loadPages(files); err != nil {
		return err
	}
	if c.assets, err = loadAssets(files); err != nil {
		return err
	}
	roots, err := pki.ReadPool(c.s.Gateway.CA)
	if err != nil {
		return err
	}
	c.gateway = gatewayClient(roots)
	c.provider, err = newProvider(c.s.SignIn, c.s.URL, c.now)
	return err
}

func (c *Chat) open() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var s *sqlStore
	var err error
	if c.s.Store.SQLite != "" {
		s, err = openSQLite(ctx, c.s.Store.SQLite)
	} else {
		s, err = openPostgres(ctx, c.s.Store.Postgres)
	}
	if err != nil {
		return err
	}
	c.store = s
	return nil
}

// Run ends the answers that are being written when ctx ends, and waits until
// they are stored.
func (c *Chat) Run(ctx context.Context) error {
	<-ctx.Done()
	c.stop(errRestart)
	c.writing.Wait()
	return nil
}

// Ready says whether conversations can be kept.
func (c *Chat) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.store.ping(ctx)
}

// Close ends all answers and closes the database.
func (c *Chat) Close() error {
	c.stop(errRestart)
	c.writing.Wait()
	return c.store.close()
}

// model finds an offered one; the first where the name is not among them.
func (c *Chat) model(v *session, name string) (Model, bool) {
	all := c.offered(v)
	for _, m := range all {
		if m.Name == name {
			return m, true
		}
	}
	if len(all) == 0 {
		return Model{}, false
	}
	return all[0], name == ""
}
