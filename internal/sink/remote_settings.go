package sink

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/internal/fault"
)

// RemoteSettings is where a ledger is kept whose disk does not outlive its
// machine.
type RemoteSettings struct {
	Postgres *PostgresSettings `yaml:"postgres" doc:"a PostgreSQL database, which takes the keys of kept bodies too"`
	Kafka    *KafkaSettings    `yaml:"kafka" doc:"a topic of Kafka, or an event hub, that keeps what it gets for long enough; a topic of its own"`
	Timeout  time.Duration     `yaml:"timeout" doc:"how long calls wait for a remote that is away before the ledger stops; default 30s"`
}

// Check reports what the types cannot.
func (s *RemoteSettings) Check(report func(path, what, fix string)) {
	if (s.Postgres == nil) == (s.Kafka == nil) {
		report("", "a remote is one of postgres and kafka", "keep one of the two")
	}
	if s.Kafka != nil && s.Kafka.Format != "" {
		report("kafka.format", "blocks of a ledger have one format", "remove it")
	}
	if s.Timeout != 0 && (s.Timeout < time.Second || s.Timeout > 10*time.Minute) {
		report("timeout", "out of range", "write a duration from 1s to 10m")
	}
}

// TakesKeys says whether key files of sealed bodies can be kept there. Without
// that a ledger keeps no sealed bodies: they would outlive their keys. A topic
// takes none, because a key must be destroyed when its subject is forgotten,
// and a record of a topic stays until its time is over.
func (s *RemoteSettings) TakesKeys() bool { return s.Postgres != nil }

func (s *RemoteSettings) timeout() time.Duration {
	if s.Timeout == 0 {
		return DefaultRemoteTimeout
	}
	return s.Timeout
}

// OpenRemote prepares the remote of the ledger in a directory. It connects when
// the ledger is opened. Next is Remote.Configure.
func OpenRemote(s RemoteSettings, dir string, logger *slog.Logger, metrics prometheus.Registerer) (*Remote, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	store, login, err := s.open(logger)
	if err != nil {
		return nil, err
	}
	m, err := newRemoteMetrics(metrics)
	if err != nil {
		return nil, err
	}
	r := newRemote(remoteConfig{dir, s.timeout(), logger, m}, store)
	if k, ok := store.(*kafkaStore); ok {
		k.progress = r.progressed
	}
	if login != nil {
		r.keys = newPostgresKeys(login, s.timeout()/4)
	}
	return r, nil
}

func (s *RemoteSettings) open(logger *slog.Logger) (remoteStore, *postgresLogin, error) {
	step := s.timeout() / 4 // so that a connection that hangs is given up for another in time
	switch {
	case s.Postgres != nil:
		login, err := s.Postgres.open()
		return &postgresStore{postgres{login: login, step: step}}, login, err
	case s.Kafka != nil:
		cfg, err := s.Kafka.config()
		cfg.Logger = logger
		return newKafkaStore(cfg, step), nil, err
	}
	return nil, nil, fault.New(fault.Invalid, "a remote is one of postgres and kafka").Fix("name one of the two")
}
