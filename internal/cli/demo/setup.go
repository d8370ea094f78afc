package demo

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"

	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/seal"
)

func (w *World) makeDir(dir string) (err error) {
	if dir == "" {
		w.temporary = true
		w.Dir, err = os.MkdirTemp("", "ostiary-demo-")
		return err
	}
	if w.Dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return os.MkdirAll(w.Dir, 0o700)
}

// addressFile remembers every listener's address, so that a demo started again
// from its directory is found where it was: by a client's configuration, and
// by the members, which renew at the authority's address.
const addressFile = "addresses.json"

func (w *World) listen(name string) error {
	before := map[string]string{}
	if data, err := os.ReadFile(filepath.Join(w.Dir, addressFile)); err == nil {
		_ = json.Unmarshal(data, &before) // a damaged file costs the old ports, no more
	}
	ln, err := httpd.Listen(cmp.Or(before[name], "127.0.0.1:0"))
	if err != nil && before[name] != "" {
		ln, err = httpd.Listen("127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	w.listeners[name], w.Addresses[name] = ln, ln.Addr().String()
	return nil
}

func (w *World) rememberAddresses() error {
	data, err := json.Marshal(w.Addresses)
	if err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(w.Dir, addressFile), data, 0o600)
}

// certify gives gateway and inlet certificates for their clients, from the
// rehearsal's authority, which stands for a company's own.
func (w *World) certify() error {
	dir := filepath.Join(w.Dir, "rehearsal")
	ca, err := pki.LoadOrCreateCA(dir, "Ostiary rehearsal CA")
	if err != nil {
		return err
	}
	w.CAFile, w.roots = filepath.Join(dir, "ca.pem"), pki.Pool(ca.Certificate())
	if !w.Emulated { // the model's own certificate is then a public one
		if system, err := x509.SystemCertPool(); err == nil {
			system.AddCert(ca.Certificate())
			w.roots = system
		}
	}
	for _, name := range []string{"gateway", "inlet"} {
		cert, err := ca.ServerCertificate("localhost", "127.0.0.1")
		if err != nil {
			return err
		}
		if err := w.storePair(name, cert); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) storePair(name string, cert tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	err = pki.WriteFile(filepath.Join(w.Dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
	if err != nil {
		return err
	}
	return pki.WriteFile(filepath.Join(w.Dir, name+".pem"), pki.CertificatePEM(cert.Certificate[0]), 0o644)
}

// auditor makes whom prompts and answers are sealed to. Its secret lies where
// the gateway does not look; a real auditor keeps it elsewhere altogether.
func (w *World) auditor() (recipient string, err error) {
	w.AuditorFile = filepath.Join(w.Dir, "auditor.identity")
	if data, err := os.ReadFile(w.AuditorFile); err == nil {
		w.identity, err = seal.ParseIdentity(string(data))
		return w.identity.Recipient().String(), err
	}
	if w.identity, err = seal.NewIdentity(); err != nil {
		return "", err
	}
	text, err := w.identity.Encode()
	if err != nil {
		return "", err
	}
	return w.identity.Recipient().String(), pki.WriteFile(w.AuditorFile, []byte(text.Reveal()+"\n"), 0o600)
}

func (w *World) writeFiles(m model) error {
	recipient, err := w.auditor()
	if err != nil {
		return err
	}
	values := map[string]string{"dir": w.Dir, "callers": m.callers, "workload": m.workload, "backend": m.backend, "people": m.people, "auditor": recipient}
	for name, address := range w.Addresses {
		values[name] = address
	}
	templates := map[string]string{"authority": authorityYAML, "relay": relayYAML, "owner": ownerYAML, "consumer": consumerYAML}
	if w.ChatURL != "" {
		templates["chat"] = chatYAML
	}
	for name, template := range templates {
		if err := write(w.Dir, name, template, values); err != nil {
			return err
		}
	}
	return nil
}
