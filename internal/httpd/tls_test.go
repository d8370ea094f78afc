package httpd

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// TestFollowTLS: a new certificate is served to the next client, at most every
// 2 s, and a bad one to nobody.
func TestFollowTLS(t *testing.T) {
	ca, err := pki.LoadOrCreateCA(t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	// Issued before the bubble, whose clock stands elsewhere.
	files := map[string][2][]byte{}
	for _, name := range []string{"one.example", "two.example", "three.example"} {
		cert, err := ca.ServerCertificate(name)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		var chain []byte
		for _, der := range cert.Certificate {
			chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
		}
		files[name] = [2][]byte{chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
	}
	write := func(name string) {
		if err := errors.Join(os.WriteFile(certFile, files[name][0], 0o600), os.WriteFile(keyFile, files[name][1], 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	today := time.Now()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	load := func() (*tls.Config, error) {
		cert, err := Certificate(certFile, keyFile)
		return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}, err
	}
	if _, err := FollowTLS([]string{certFile, keyFile}, load, log); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without files: %v", err)
	}
	write("one.example")
	synctest.Test(t, func(t *testing.T) {
		config, err := FollowTLS([]string{certFile, keyFile}, load, log)
		if err != nil {
			t.Fatal(err)
		}
		serves := func(want string) {
			t.Helper()
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			go func() { _ = tls.Server(far, config).Handshake() }()
			client := tls.Client(near, &tls.Config{RootCAs: pki.Pool(ca.Certificate()), ServerName: want, NextProtos: []string{"http/1.1"}, Time: func() time.Time { return today }})
			if err := client.Handshake(); err != nil {
				t.Errorf("%s: %v", want, err)
			}
		}
		serves("one.example")
		write("two.example")
		serves("one.example") // too soon to look
		time.Sleep(lookAgain)
		serves("two.example")
		if err := os.WriteFile(keyFile, []byte("no key"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lookAgain)
		serves("two.example")
		time.Sleep(lookAgain)
		serves("two.example")
		_ = os.Remove(certFile)
		time.Sleep(lookAgain)
		serves("two.example")
		write("three.example")
		time.Sleep(lookAgain)
		serves("three.example")
	})
	if text := logged.String(); strings.Count(text, "level=ERROR") != 2 || strings.Count(text, "read again") != 2 || strings.Contains(text, "no key") {
		t.Error(text)
	}
}
