package provision

import (
	"strings"
	"testing"
)

// What authors write into apps and machines does not leave with the evidence;
// what decides does.
func TestBare(t *testing.T) {
	got, err := Bare([]byte(`{"resources":[{"id":"/x","properties":{"publicNetworkAccess":"Disabled","template":{"containers":[
		{"name":"c","image":"i","env":[{"name":"A","value":"hidden"}],"args":["--key=hidden"],"command":["hidden"]}]},
		"siteConfig":{"appSettings":[{"name":"K","value":"hidden"}],"connectionStrings":[{"connectionString":"hidden"}]},
		"osProfile":{"customData":"hidden"},"sharedKey":"hidden","priority":4096}}]}`))
	if err != nil || strings.Contains(string(got), "hidden") {
		t.Errorf("%v %s", err, got)
	}
	for _, kept := range []string{`"publicNetworkAccess":"Disabled"`, `"image":"i"`, `"priority":4096`} {
		if !strings.Contains(string(got), kept) {
			t.Errorf("%s is gone: %s", kept, got)
		}
	}
	if _, err := Bare([]byte("{")); err == nil {
		t.Error("no error")
	}
}
