package membership

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/revocation"
)

// The files of a member's directory.
const (
	keyFile    = "member.key" // ECDSA P-256, PKCS #8, mode 0600
	certFile   = "member.pem"
	rootsFile  = "roots.pem"
	originFile = "authority.json"

	revocationsFile = "revocations.json" // the newest list seen; its time is when it was last confirmed
)

// origin is where the certificate came from and is renewed.
type origin struct {
	Authority string `json:"authority"`
	Project   string `json:"project"`
	Pin       string `json:"pin"` // hex
}

// Member is an enrolled node: pki.Credentials from a directory, kept fresh by
// Run.
type Member struct {
	dir    string
	id     pki.ID
	origin origin
	pin    [32]byte
	keeper *revocation.Keeper
	log    *slog.Logger
	now    func() time.Time

	writing sync.Mutex // held while the directory is read or written
	state   atomic.Pointer[state]
}

type state struct {
	key   *ecdsa.PrivateKey
	cert  tls.Certificate
	roots *x509.CertPool
	due   time.Time // for renewal, by our clock
}

// Enroll redeems a ticket for the node whose directory is dir. The key is
// stored before the ticket is sent: when the answer is lost, calling Enroll
// again gives the same member.
func Enroll(ctx context.Context, ticket Ticket, dir string) (pki.ID, error) {
	if _, err := os.Stat(filepath.Join(dir, certFile)); err == nil {
		return pki.ID{}, fault.New(fault.Conflict, "this directory belongs to a member already").At(dir).
			Fix("enroll into another directory, or remove this one first")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return pki.ID{}, err
	}
	key, err := loadOrMakeKey(filepath.Join(dir, keyFile))
	if err != nil {
		return pki.ID{}, err
	}
	request, err := pki.Request(key)
	if err != nil {
		return pki.ID{}, err
	}
	var answer Membership
	err = post(ctx, client(ticket.Pin, ticket.Project, nil), ticket.Authority, EnrollPath,
		EnrollRequest{Code: ticket.Code.Reveal(), Request: request}, &answer)
	if err != nil {
		return pki.ID{}, err
	}
	id, err := pki.ParseID(answer.ID)
	if err != nil || id.Project != ticket.Project {
		return pki.ID{}, fault.New(fault.Upstream, "the authority's answer names another project").Because(err)
	}
	from, err := json.Marshal(origin{ticket.Authority, ticket.Project, hex.EncodeToString(ticket.Pin[:])})
	if err != nil {
		return pki.ID{}, err
	}
	if err := pki.WriteFile(filepath.Join(dir, originFile), from, 0o644); err != nil {
		return pki.ID{}, err
	}
	return id, store(dir, answer, key, ticket.Pin)
}

func loadOrMakeKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := pki.ReadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, pki.WriteKey(path, key)
}

// store checks an answer against our key and the pin before any file changes;
// the certificate comes last, for it says that the rest is there.
func store(dir string, answer Membership, key *ecdsa.PrivateKey, pin [32]byte) error {
	odd := fault.New(fault.Upstream, "the authority's answer does not fit this member")
	leaf, err := x509.ParseCertificate(answer.Certificate)
	if err != nil {
		return odd.Because(err)
	}
	if public, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(key.Public()) {
		return odd
	}
	var roots []byte
	pinned := false
	for _, der := range answer.Roots {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			return odd.Because(err)
		}
		pinned = pinned || pki.Fingerprint(root) == pin
		roots = append(roots, pki.CertificatePEM(der)...)
	}
	if !pinned {
		return odd
	}
	if err := pki.WriteFile(filepath.Join(dir, rootsFile), roots, 0o644); err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(dir, certFile), pki.CertificatePEM(answer.Certificate), 0o644)
}

// Load reads an enrolled member's directory. A nil logger discards.
func Load(dir string, log *slog.Logger) (*Member, error) {
	missing := fault.New(fault.Invalid, "no member lives in this directory").At(dir).
		Fix("enroll it with `ostiary portal enroll --dir " + dir + "` and a ticket")
	raw, err := os.ReadFile(filepath.Join(dir, originFile))
	if err != nil {
		return nil, missing.Because(err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Member{dir: dir, log: log, now: time.Now}
	if err := json.Unmarshal(raw, &m.origin); err != nil {
		return nil, missing.Because(err)
	}
	pin, err := hex.DecodeString(m.origin.Pin)
	if err != nil || len(pin) != sha256.Size {
		return nil, missing.Because(errors.New("authority.json has no proper pin"))
	}
	m.pin = [32]byte(pin)
	if err := m.reload(); err != nil {
		return nil, missing.Because(err)
	}
	root, err := m.root()
	if err != nil {
		return nil, missing.Because(err)
	}
	m.keeper = revocation.New(revocation.Config{
		Path: filepath.Join(dir, revocationsFile), Root: root, Since: m.received(m.state.Load().cert.Leaf), Logger: log,
	})
	return m, nil
}

// reload reads key, certificate and roots, and puts them in use together.
func (m *Member) reload() error {
	m.writing.Lock()
	defer m.writing.Unlock()
	if err := settleRotation(m.dir); err != nil {
		return err
	}
	key, err := pki.ReadKey(filepath.Join(m.dir, keyFile))
	if err != nil {
		return err
	}
	certs, err := readCertificates(filepath.Join(m.dir, certFile))
	if err != nil {
		return err
	}
	roots, err := readCertificates(filepath.Join(m.dir, rootsFile))
	if err != nil {
		return err
	}
	id, _, err := pki.MemberOf(certs[0])
	if err != nil {
		return err
	}
	if m.state.Load() == nil {
		m.id = id
	}
	if m.id != id {
		return fault.New(fault.Upstream, "the renewed certificate names another member: "+id.String())
	}
	m.state.Store(&state{
		key:   key,
		cert:  tls.Certificate{Certificate: [][]byte{certs[0].Raw}, PrivateKey: key, Leaf: certs[0]},
		roots: pki.Pool(roots...),
		due:   m.dueAt(certs[0], key),
	})
	return nil
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return pki.ParseCertificates(data)
}

// root is the one that the ticket pinned.
func (m *Member) root() (*x509.Certificate, error) {
	roots, err := readCertificates(filepath.Join(m.dir, rootsFile))
	if err != nil {
		return nil, err
	}
	for _, root := range roots {
		if pki.Fingerprint(root) == m.pin {
			return root, nil
		}
	}
	return nil, errors.New("roots.pem lacks the root that the ticket pinned")
}

// ID is the member's name.
func (m *Member) ID() pki.ID { return m.id }

// Attributes are those of the current certificate.
func (m *Member) Attributes() map[string]string {
	_, attributes, err := pki.MemberOf(m.state.Load().cert.Leaf)
	if err != nil {
		return nil // reload has parsed it already
	}
	return attributes
}

// Certificate is the current certificate.
func (m *Member) Certificate() (*tls.Certificate, error) { return &m.state.Load().cert, nil }

// Expires is when the current certificate ends.
func (m *Member) Expires() time.Time { return m.state.Load().cert.Leaf.NotAfter }

// Roots are the authorities whose members we accept.
func (m *Member) Roots() *x509.CertPool { return m.state.Load().roots }

// Standing says who has been revoked.
func (m *Member) Standing() pki.Standing { return m.keeper }

// Revocations is what we know of revocations.
func (m *Member) Revocations() revocation.State { return m.keeper.State() }

// SetMaxAge says how long after the authority's last word members are still
// trusted; 0 means a day.
func (m *Member) SetMaxAge(d time.Duration) { m.keeper.SetMaxAge(d) }
