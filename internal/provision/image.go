package provision

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"io"
	"net/http"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/ostiary/ostiary/internal/fault"
)

// Image is what an image is made of. The same inputs give the same digest.
type Image struct {
	Binary  string // static Linux binary; empty is the running one
	Roots   string // CA certificates in PEM; empty is the system's bundle
	Version string // of the binary, for the labels
}

const (
	repository = "ostiary"
	nobody     = "65532:65532" // as distroless images have it; owns nothing
	maxBinary  = 512 << 20     // bytes
)

// bundles are where Linux distributions keep the CA certificates.
func bundles() []string {
	return []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}
}

// Build makes an OCI image without a container engine: the binary, the CA
// certificates, a list of what the binary is made of (SPDX 2.3), and nobody to
// run as. There is no shell and no package in it.
func (i Image) Build() (v1.Image, error) {
	binary, arch, err := i.binary()
	if err != nil {
		return nil, err
	}
	roots, err := i.roots()
	if err != nil {
		return nil, err
	}
	parts, err := sbom(binary, i.Version)
	if err != nil {
		return nil, err
	}
	layer, err := layerOf([]file{
		{"etc/passwd", 0o644, []byte("root:x:0:0::/:/sbin/nologin\nostiary:x:65532:65532::/:/sbin/nologin\n")},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, roots},
		{"ostiary", 0o755, binary},
		{"usr/share/sbom/ostiary.spdx.json", 0o644, parts},
	})
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1), layer)
	if err != nil {
		return nil, fault.New(fault.Internal, "the image's layer").Because(err)
	}
	return mutate.ConfigFile(img, &v1.ConfigFile{
		Architecture: arch, OS: "linux", Created: v1.Time{Time: epoch()},
		RootFS:  rootFS(img),
		History: []v1.History{{Created: v1.Time{Time: epoch()}, CreatedBy: "ostiary deploy"}},
		Config: v1.Config{
			User: nobody, Entrypoint: []string{"/ostiary"}, WorkingDir: "/",
			Env: []string{"PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
			Labels: map[string]string{
				"org.opencontainers.image.title":    "Ostiary",
				"org.opencontainers.image.version":  i.Version,
				"org.opencontainers.image.licenses": "Apache-2.0",
				"org.opencontainers.image.source":   "https://github.com/ostiary/ostiary",
			},
		},
	})
}

// binary reads it, and refuses one that an empty image cannot run.
func (i Image) binary() (data []byte, arch string, err error) {
	at := i.Binary
	if at == "" {
		if at, err = os.Executable(); err != nil {
			return nil, "", fault.New(fault.Internal, "this program does not find itself").Because(err)
		}
	}
	if data, err = readBounded(at, maxBinary); err != nil {
		return nil, "", err
	}
	const fix = "build with `make production`, and name the file with --binary"
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "not a Linux binary").At(at).Fix(fix)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return nil, "", fault.New(fault.Invalid, "the binary is not static: an image without a system cannot run it").At(at).Fix(fix)
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return data, "amd64", nil
	case elf.EM_AARCH64:
		return nil, "", fault.New(fault.Invalid, "the binary is for arm64, which Container Apps do not run").At(at).Fix(fix)
	}
	return nil, "", fault.New(fault.Invalid, "the binary is not for amd64").At(at).Fix(fix)
}

func (i Image) roots() ([]byte, error) {
	for _, at := range append([]string{i.Roots}, bundles()...) {
		if at == "" {
			continue
		}
		data, err := readBounded(at, 16<<20)
		if err == nil {
			return data, nil
		}
		if at == i.Roots {
			return nil, err
		}
	}
	return nil, fault.New(fault.Invalid, "no bundle of CA certificates on "+runtime.GOOS).Fix("name a PEM file with --roots")
}

func readBounded(at string, limit int64) ([]byte, error) {
	f, err := os.Open(at)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot be read").At(at).Because(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil || int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "cannot be read whole").At(at).Because(err)
	}
	return data, nil
}

// epoch is every file's time: what is in an image does not depend on when it
// was made.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

type file struct {
	path string
	mode int64
	data []byte
}

// layerOf packs files, sorted by path, with their directories.
func layerOf(files []file) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	made := map[string]bool{}
	for _, f := range files {
		for _, dir := range parents(f.path) {
			if made[dir] {
				continue
			}
			made[dir] = true
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: epoch(), Format: tar.FormatUSTAR}); err != nil {
				return nil, err
			}
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.path, Mode: f.mode, Size: int64(len(f.data)), ModTime: epoch(), Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	data := buf.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithCompressionLevel(gzip.BestSpeed), tarball.WithMediaType(types.OCILayer))
}

func parents(p string) []string {
	var all []string
	for dir := path.Dir(p); dir != "." && dir != "/"; dir = path.Dir(dir) {
		all = append([]string{dir}, all...)
	}
	return all
}

func rootFS(img v1.Image) v1.RootFS {
	c, err := img.ConfigFile()
	if err != nil {
		return v1.RootFS{Type: "layers"}
	}
	return c.RootFS
}

// registryOptions let a registry of this machine's own do without TLS.
func registryOptions(server string) []name.Option {
	if host, _, _ := strings.Cut(server, ":"); host == "127.0.0.1" || host == "localhost" {
		return []name.Option{name.Insecure}
	}
	return nil
}

// Push sends the image to a registry, if it is not there, and returns its name
// by digest, without the server: REPOSITORY@sha256:….
func Push(ctx context.Context, img v1.Image, server string, login authn.Authenticator, transport http.RoundTripper) (string, error) {
	digest, err := img.Digest()
	if err != nil {
		return "", fault.New(fault.Internal, "the image's digest").Because(err)
	}
	ref, err := name.NewDigest(server+"/"+repository+"@"+digest.String(), registryOptions(server)...)
	if err != nil {
		return "", fault.New(fault.Invalid, "not a registry").At(server).Because(err)
	}
	with := []remote.Option{remote.WithContext(ctx), remote.WithAuth(login), remote.WithTransport(transport), remote.WithUserAgent("ostiary")}
	if _, err := remote.Head(ref, with...); err == nil {
		return repository + "@" + digest.String(), nil
	}
	if err := remote.Write(ref, img, with...); err != nil {
		return "", fault.New(fault.Unavailable, "the image cannot be pushed").At(server).Because(err).
			Fix("see that the login has AcrPush (new roles take minutes) and that the registry's operators include this address")
	}
	return repository + "@" + digest.String(), nil
}
