package cloud

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// A real client pushes an image and an index of images, and pulls what it
// pushed, signed in as docker is after "az acr login".
func TestPushAndPullByAClient(t *testing.T) {
	e := open(t)
	e.mayPush("builder")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.ServeHTTP(w, r.WithContext(WithOrigin(r.Context(), inside())))
	}))
	defer server.Close()
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialTLSContext: func(_ context.Context, network, _ string) (net.Conn, error) {
			return tls.Dial(network, server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		},
	}
	options := []remote.Option{
		remote.WithContext(t.Context()), remote.WithTransport(transport),
		remote.WithAuth(&authn.Basic{Username: tokenUser, Password: e.refresh(t, "builder")}),
	}
	image, err := random.Image(64<<10, 3)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("sampleimages.azurecr.io/team/ostiary:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image, options...); err != nil {
		t.Fatal(err)
	}
	e.reopen(t) // the signing key of tokens ends with the process
	options[2] = remote.WithAuth(&authn.Basic{Username: tokenUser, Password: e.refresh(t, "builder")})
	pulled, err := remote.Image(tag, options...)
	if err != nil {
		t.Fatal(err)
	}
	wanted, _ := image.Digest()
	if got, err := pulled.Digest(); err != nil || got != wanted {
		t.Errorf("%v, %v: not %v", got, err, wanted)
	}
	layers, err := pulled.Layers()
	if err != nil || len(layers) != 3 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			t.Fatal(err)
		}
		if d, _ := l.Digest(); d.Hex != hex.EncodeToString(sum.Sum(nil)) {
			t.Errorf("a layer of other bytes than %v", d)
		}
	}
	index, err := random.Index(4<<10, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag.Context().Tag("index"), index, options...); err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag.Context().Registry.Repo("team", "copy").Tag("v1"), pulled, options...); err != nil {
		t.Fatal(err) // layers are mounted, not sent again
	}
	tags, err := remote.List(tag.Context(), options...)
	if err != nil || strings.Join(tags, " ") != "index v1" {
		t.Errorf("%v, %v", tags, err)
	}
	if err := remote.Delete(tag, options...); err == nil {
		t.Error("AcrPush deletes nothing")
	}
	e.manager.roles["builder "+registryType+"/artifacts/delete"] = true
	if err := remote.Delete(tag, options...); err != nil {
		t.Error(err)
	}
	if _, err := remote.Image(tag, options...); err == nil {
		t.Error("deleted, and still there")
	}
}
