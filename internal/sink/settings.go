package sink

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ostiary/ostiary/internal/config"
	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/login"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// Settings is one sink of a ledger.
type Settings struct {
	Name   string          `yaml:"name" config:"required" doc:"its name in logs and metrics, and of its cursor: lower-case letters, digits and hyphens"`
	SQLite *SQLiteSettings `yaml:"sqlite" doc:"a database in one file, which ledger query reads"`
	Kafka  *KafkaSettings  `yaml:"kafka" doc:"a topic of Kafka, or an event hub"`
	Bodies BodyMode        `yaml:"bodies" doc:"what it gets of bodies that the ledger keeps: none, sealed (for auditors) or clear; default none"`

	BatchEntries int           `yaml:"batch_entries" doc:"calls written together at most; default 500"`
	BatchWait    time.Duration `yaml:"batch_wait" doc:"how long a call waits for others; default 1s"`
	NoOutcome    time.Duration `yaml:"no_outcome_after" doc:"how long a call may be under way before it is delivered without its outcome; default 6h"`
}

// SQLiteSettings is a database.
type SQLiteSettings struct {
	File string `yaml:"file" config:"required" doc:"the file; made if missing, readable by its owner alone"`
}

// KafkaSettings is a topic.
type KafkaSettings struct {
	Brokers []string `yaml:"brokers" config:"required" doc:"host:port; of Event Hubs NAMESPACE.servicebus.windows.net:9093"`
	Topic   string   `yaml:"topic" config:"required" doc:"the topic, or the event hub; it must be there"`

	Plaintext bool   `yaml:"plaintext" doc:"speak without TLS: only to a broker on loopback, or without login on a network that you trust"`
	CA        string `yaml:"ca" doc:"PEM file of the only authority trusted for the brokers; default the system's"`

	ConnectionString secret.Ref              `yaml:"connection_string" doc:"of Event Hubs: env:NAME or file:PATH"`
	User             string                  `yaml:"user" doc:"for SASL PLAIN"`
	Password         secret.Ref              `yaml:"password" doc:"for SASL PLAIN: env:NAME or file:PATH"`
	Entra            *login.ServicePrincipal `yaml:"entra" doc:"a service principal with a secret"`
	ManagedIdentity  *login.ManagedIdentity  `yaml:"managed_identity" doc:"the identity of the host; {} for the system-assigned one"`
	WorkloadIdentity *login.WorkloadIdentity `yaml:"workload_identity" doc:"federated identity of a Kubernetes pod; {} reads the AZURE_ variables"`
	Scope            string                  `yaml:"scope" doc:"scope of Entra tokens; default https://HOST/.default of the first broker"`

	MaxMessage config.Size `yaml:"max_message" doc:"bytes of a message at most, of what the broker takes; a longer entry is split; default 1000000"`
	Format     Format      `yaml:"format" doc:"ostiary, or seed: the eight fields of the usual API Management policy; default ostiary"`
}

const maxMaxMessage = 256 << 20 // bytes

// sinkName is also part of a file's name.
var sinkName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Check reports what the types cannot.
func (s *Settings) Check(report func(path, what, fix string)) {
	if s.Name != "" && !sinkName.MatchString(s.Name) {
		report("name", "not a name", "write up to 40 lower-case letters, digits and hyphens")
	}
	if (s.SQLite == nil) == (s.Kafka == nil) {
		report("", "a sink is one of sqlite and kafka", "keep one of the two, and make another sink for the other")
	}
	if !slices.Contains([]BodyMode{"", BodiesNone, BodiesSealed, BodiesClear}, s.Bodies) {
		report("bodies", "unknown", "write none, sealed or clear")
	}
	if s.Bodies == BodiesSealed && s.Kafka != nil && s.Kafka.Format == FormatSeed {
		report("bodies", "the seed's format has no place for sealed bodies", "write none or clear, or another format")
	}
	if s.BatchEntries < 0 || s.BatchEntries > 10_000 {
		report("batch_entries", "out of range", "write a number from 1 to 10000")
	}
	if s.BatchWait < 0 || s.BatchWait > time.Minute {
		report("batch_wait", "out of range", "write a duration up to 1m")
	}
	if s.NoOutcome < 0 {
		report("no_outcome_after", "negative", "write a duration such as 6h")
	}
}

// Check reports what the types cannot.
func (s *KafkaSettings) Check(report func(path, what, fix string)) {
	loopback := true
	for i, broker := range s.Brokers {
		host, port, err := net.SplitHostPort(broker)
		if err != nil || host == "" || port == "" {
			report(fmt.Sprintf("brokers[%d]", i), "not host:port", "write for example broker:9093")
		}
		ip := net.ParseIP(host)
		loopback = loopback && (host == "localhost" || ip != nil && ip.IsLoopback())
	}
	switch n := s.logins(); {
	case n > 1:
		report("", "more than one login", "keep one of connection_string, password, entra, managed_identity and workload_identity")
	case n == 1 && s.Plaintext && !loopback:
		report("plaintext", "a credential would cross the network in clear", "remove it, so that TLS is used")
	}
	if (s.User == "") != s.Password.IsZero() {
		report("user", "user and password go together", "write both or neither")
	}
	if s.Format != "" && s.Format != FormatOstiary && s.Format != FormatSeed {
		report("format", "unknown", "write ostiary or seed")
	}
	if s.MaxMessage != 0 && (s.MaxMessage < minMessage || s.MaxMessage > maxMaxMessage) {
		report("max_message", "out of range", "write 16KiB to 256MiB")
	}
}

func (s *KafkaSettings) logins() int {
	n := s.login().Count()
	for _, there := range []bool{
		!s.ConnectionString.IsZero(), !s.Password.IsZero(),
	} {
		if there {
			n++
		}
	}
	return n
}

// CheckNames reports sinks of one name; the paths are relative to the section
// that has the list.
func CheckNames(sinks []Settings, report func(path, what, fix string)) {
	seen := map[string]bool{}
	for i, s := range sinks {
		if s.Name != "" && seen[s.Name] {
			report(fmt.Sprintf("sinks[%d].name", i), "another sink has this name", "give each sink its own")
		}
		seen[s.Name] = true
	}
}

// Set is the sinks of one log.
type Set struct {
	shippers     []*Shipper
	destinations []Destination
}

// FromSettings opens the sinks of a log; none is no error. It connects to
// nothing yet, but a database that cannot be used is a fault. A nil logger or
// registerer means none.
func FromSettings(sinks []Settings, source Source, logger *slog.Logger, metrics prometheus.Registerer) (*Set, error) {
	set := &Set{}
	for _, s := range sinks {
		if err := set.add(s, source, logger, metrics); err != nil {
			_ = set.Close()
			return nil, err
		}
	}
	return set, nil
}

func (set *Set) add(s Settings, source Source, logger *slog.Logger, metrics prometheus.Registerer) error {
	to, err := s.destination(source.Directory, logger)
	if err != nil {
		return err
	}
	set.destinations = append(set.destinations, to)
	shipper, err := New(Config{
		Name: s.Name, Source: source, Destination: to, Bodies: s.Bodies,
		BatchEntries: s.BatchEntries, BatchWait: s.BatchWait, NoOutcome: s.NoOutcome,
		Logger: logger, Metrics: metrics,
	})
	set.shippers = append(set.shippers, shipper)
	return err
}

func (s *Settings) destination(dir string, logger *slog.Logger) (Destination, error) {
	if s.SQLite != nil {
		return OpenSQLite(s.SQLite.File)
	}
	k := s.Kafka
	if k == nil {
		return nil, fault.New(fault.Invalid, "a sink is one of sqlite and kafka").At(s.Name)
	}
	cfg, err := k.config()
	if err != nil {
		return nil, err
	}
	cfg.Logger, cfg.Cursor = logger, filepath.Join(dir, "sink-"+s.Name+".cursor")
	return NewKafka(cfg)
}

// config resolves the secrets and reads the files that the settings name.
func (s *KafkaSettings) config() (cfg KafkaConfig, err error) {
	cfg = KafkaConfig{Brokers: s.Brokers, Topic: s.Topic, MaxMessage: int(s.MaxMessage), Format: s.Format}
	if cfg.SASL, err = s.mechanism(); err != nil || s.Plaintext {
		return cfg, err
	}
	roots, err := pki.ReadPool(s.CA)
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	return cfg, err
}

// Run delivers until ctx ends, and then for some seconds what is there
// already. It returns nil.
func (set *Set) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, s := range set.shippers {
		group.Go(func() error { return s.Run(ctx) })
	}
	return group.Wait()
}

// Needs is the lowest entry of the log that a sink still needs: retention must
// keep it and all after it. Without a sink it is the largest number.
func (set *Set) Needs() uint64 {
	needs := ^uint64(0)
	for _, s := range set.shippers {
		needs = min(needs, s.Needs())
	}
	return needs
}

// Close closes the destinations. Run has ended.
func (set *Set) Close() error {
	var first error
	for _, d := range set.destinations {
		if err := d.Close(); first == nil {
			first = err
		}
	}
	return first
}
