package provision

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// static builds a small static binary with the go command.
func static(t *testing.T, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"hello\") }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", out, source)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS="), more...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return out
}

func roots(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func digest(t *testing.T, i Image) string {
	t.Helper()
	img, err := i.Build()
	if err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

// The same inputs give the same digest, and each of them counts.
func TestImageIsItsInputs(t *testing.T) {
	binary := static(t)
	a := Image{Binary: binary, Roots: roots(t, "one"), Version: "v1"}
	first := digest(t, a)
	b := a
	b.Roots = roots(t, "one") // another file, the same bytes
	if second := digest(t, b); second != first {
		t.Errorf("%s, then %s", first, second)
	}
	for name, other := range map[string]Image{
		"roots":   {Binary: binary, Roots: roots(t, "two"), Version: "v1"},
		"version": {Binary: binary, Roots: a.Roots, Version: "v2"},
	} {
		if digest(t, other) == first {
			t.Errorf("%s does not count", name)
		}
	}
}

// Nobody runs it, there is nothing in it but what it needs, and it says what
// that is.
func TestImageHoldsWhatItNeeds(t *testing.T) {
	img, err := Image{Binary: static(t), Roots: roots(t, "one"), Version: "v1"}.Build()
	if err != nil {
		t.Fatal(err)
	}
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if c.Config.User != "65532:65532" || strings.Join(c.Config.Entrypoint, " ") != "/ostiary" || c.OS != "linux" || c.Architecture != "amd64" {
		t.Errorf("%+v", c.Config)
	}
	files := contents(t, img)
	for _, want := range []string{"ostiary", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/share/sbom/ostiary.spdx.json"} {
		if len(files[want]) == 0 {
			t.Errorf("%s is missing", want)
		}
	}
	if len(files) != 4 {
		t.Errorf("there is more in it: %d files", len(files))
	}
	var parts struct {
		Version  string `json:"spdxVersion"`
		Packages []struct {
			Name string `json:"name"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(files["usr/share/sbom/ostiary.spdx.json"], &parts); err != nil || parts.Version != "SPDX-2.3" || len(parts.Packages) < 2 {
		t.Errorf("%+v, %v", parts, err)
	}
}

func contents(t *testing.T, img v1.Image) map[string][]byte {
	t.Helper()
	layers, err := img.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatal(len(layers), err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	files := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s has a time", h.Name)
		}
		if h.Typeflag == tar.TypeReg {
			if files[h.Name], err = io.ReadAll(tr); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What an empty image cannot run is refused, with what to do.
func TestImageRefusesWhatCannotRun(t *testing.T) {
	text := roots(t, "#!/bin/sh\n")
	for name, c := range map[string]struct{ binary, want string }{
		"a script":      {text, "not a Linux binary"},
		"another arch":  {static(t, "GOARCH=arm64"), "arm64"},
		"a missing one": {filepath.Join(t.TempDir(), "none"), "cannot be read"},
	} {
		if _, err := (Image{Binary: c.binary, Roots: text}).Build(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if shell, err := exec.LookPath("sh"); err == nil { // dynamic on every common Linux
		if _, err := (Image{Binary: shell, Roots: text}).Build(); err == nil || !strings.Contains(err.Error(), "not static") && !strings.Contains(err.Error(), "made of") {
			t.Errorf("a dynamic binary: %v", err)
		}
	}
}

// Debian's registry takes it, once.
func TestPushToARegistry(t *testing.T) {
	server := registryServer(t)
	img, err := Image{Binary: static(t), Roots: roots(t, "one"), Version: "v1"}.Build()
	if err != nil {
		t.Fatal(err)
	}
	counted := &counter{}
	for range 2 {
		got, err := Push(t.Context(), img, server, authn.Anonymous, counted)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.NewDigest(server+"/"+got, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		there, err := remote.Image(ref)
		if err != nil {
			t.Fatal(err)
		}
		if files := contents(t, there); len(files["ostiary"]) == 0 {
			t.Error("what came back is not what was pushed")
		}
	}
	if n := counted.uploads.Load(); n != 2 { // layer and configuration, the first time alone
		t.Errorf("%d uploads", n)
	}
}

// counter counts uploads, which the library makes side by side.
type counter struct{ uploads atomic.Int32 }

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/blobs/uploads/") {
		c.uploads.Add(1)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// registryServer starts Debian's docker-registry on a free port.
func registryServer(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("NOT CHECKED: pushing the image to a registry: docker-registry is not installed (Debian: apt-get install docker-registry)")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	config := filepath.Join(t.TempDir(), "registry.yaml")
	text := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\nlog: {level: error}\n", t.TempDir(), address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "serve", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		if resp, err := http.Get("http://" + address + "/v2/"); err == nil {
			_ = resp.Body.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("docker-registry does not answer")
	return ""
}
