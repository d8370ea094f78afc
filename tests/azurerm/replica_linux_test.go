//go:build azurerm

package azurerm_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	registry "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// nobody is the user of the image.
const nobody = "65532"

// appResource is what the Resource Manager has of an app, as far as its one
// replica is made of it.
type appResource struct {
	Properties struct {
		Configuration struct {
			Secrets []struct{ Name, KeyVaultURL string }
		}
		Template struct {
			InitContainers, Containers []container
		}
	}
}

type container struct {
	Name, Image  string
	Args         []string
	Env          []struct{ Name, Value string }
	VolumeMounts []struct{ VolumeName, MountPath string }
}

// replica runs an app's containers: the files of its image, a network of its
// own at the app's place, secrets as files, those of the vault read as the app
// and from its network. A container's own limits and the ingress are not there.
func (w *world) replica(group, name string, x *wire) {
	w.t.Helper()
	const version = "?api-version=2025-01-01"
	id := "/subscriptions/SUBSCRIPTION/resourceGroups/" + group + "/providers/Microsoft.App/containerApps/" + name
	var app appResource
	var plain struct {
		Value []struct{ Name, Value string }
	}
	for answer, into := range map[string]any{w.arm("GET", id+version, ""): &app, w.arm("POST", id+"/listSecrets"+version, ""): &plain} {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			w.t.Fatal(err, answer)
		}
	}
	root := w.t.TempDir()
	w.image(root, app.Properties.Template.Containers[0].Image, x)
	for _, dir := range []string{"etc/ostiary", "var/lib/ostiary", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
			w.t.Fatal(err)
		}
	}
	put := func(file, text string) {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	put("etc/resolv.conf", "nameserver "+platformDNS+"\n")
	for _, s := range plain.Value {
		put("etc/ostiary/"+s.Name, s.Value)
	}
	for _, s := range app.Properties.Configuration.Secrets {
		if s.KeyVaultURL != "" {
			put("etc/ostiary/"+s.Name, w.redeemed(name, s.KeyVaultURL))
		}
	}
	if out, err := exec.Command("chown", "-R", nobody+":"+nobody, filepath.Join(root, "etc"), filepath.Join(root, "var")).CombinedOutput(); err != nil {
		w.t.Fatal(err, string(out))
	}
	endpoint := x.identityInside()
	command := func(c container) *exec.Cmd {
		run := exec.Command("ip", append([]string{"netns", "exec", x.machine, "chroot", "--userspec=" + nobody + ":" + nobody, root, "/ostiary"}, c.Args...)...)
		run.Env = []string{"PATH=/:/usr/sbin:/usr/bin:/sbin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "IDENTITY_ENDPOINT=" + endpoint, "IDENTITY_HEADER=" + x.at.IdentityHeader}
		for _, v := range c.Env {
			run.Env = append(run.Env, v.Name+"="+v.Value)
		}
		return run
	}
	for _, c := range app.Properties.Template.InitContainers {
		if code, out := w.run(command(c)); code != 0 {
			w.t.Fatalf("%s ends with %d: %s", c.Name, code, out)
		}
	}
	for _, c := range app.Properties.Template.Containers {
		w.startCommand(c.Name+" serves", command(c))
	}
}

// image lays out the app's file system: the image that `ostiary deploy` pushed,
// pulled from the app's place with the app's identity, and the roots of trust of
// the emulated Azure, which stand for those of the world.
func (w *world) image(root, name string, x *wire) {
	w.t.Helper()
	ref, err := registry.NewDigest(name)
	if err != nil {
		w.t.Fatal(err)
	}
	pem, err := os.ReadFile(x.r.CA)
	if err != nil {
		w.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(pem)
	there := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword(x.at.Place, "-"), Host: x.r.Places}),
		TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
	}
	w.t.Cleanup(there.CloseIdleConnections)
	server := ref.RegistryStr()
	var login struct {
		Token string `json:"refresh_token"`
	}
	form := url.Values{"grant_type": {"access_token"}, "service": {server}, "access_token": {x.token("https://containerregistry.azure.net")}}
	resp, err := (&http.Client{Transport: there}).PostForm("https://"+server+"/oauth2/exchange", form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&login); err != nil || login.Token == "" {
		w.t.Fatalf("the registry does not take the app's identity: %s %v", resp.Status, err)
	}
	img, err := remote.Image(ref, remote.WithTransport(there), remote.WithAuth(&authn.Basic{Username: "00000000-0000-0000-0000-000000000000", Password: login.Token}))
	if err != nil {
		w.t.Fatal(err)
	}
	files := mutate.Extract(img)
	defer files.Close()
	unpack := exec.Command("tar", "-x", "-C", root)
	unpack.Stdin = files
	if out, err := unpack.CombinedOutput(); err != nil {
		w.t.Fatal(err, string(out))
	}
	if err := os.WriteFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), pem, 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		w.t.Fatal(err)
	}
}

// token is of the place's identity.
func (x *wire) token(resource string) string {
	x.t.Helper()
	req, err := http.NewRequest(http.MethodGet, x.at.IdentityEndpoint+"?api-version=2019-08-01&resource="+url.QueryEscape(resource), nil)
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("X-IDENTITY-HEADER", x.at.IdentityHeader)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Token == "" {
		x.t.Fatalf("%s has no token of %s: %s %v", x.at.Place, resource, resp.Status, err)
	}
	return got.Token
}

// identityInside brings the place's identity endpoint into its namespace, where
// Container Apps have it on loopback, too.
func (x *wire) identityInside() string {
	x.t.Helper()
	to, err := url.Parse(x.at.IdentityEndpoint)
	if err != nil || to.Host == "" {
		x.t.Fatal("the app has no identity: ", x.at.IdentityEndpoint)
	}
	var ln net.Listener
	x.in(x.machine, func() (err error) {
		ln, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	x.t.Cleanup(func() { ln.Close() })
	go accept(ln, func(c net.Conn) {
		there, err := net.DialTimeout("tcp", to.Host, 5*time.Second)
		if err != nil {
			return
		}
		defer there.Close()
		both(c, there, io.Reader(there))
	})
	return strings.Replace(x.at.IdentityEndpoint, to.Host, ln.Addr().String(), 1)
}
