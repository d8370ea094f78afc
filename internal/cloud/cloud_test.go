package cloud

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/arm"
	"github.com/ostiary/ostiary/internal/secret"
)

const (
	group    = "/subscriptions/s/resourceGroups/rg/providers/"
	vaultID  = group + "Microsoft.KeyVault/vaults/sample-vault"
	storeID  = group + "Microsoft.Storage/storageAccounts/samplestore"
	imagesID = group + "Microsoft.ContainerRegistry/registries/SampleImages"
	storeKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	tenant   = "0b5f1a4e-6d1c-4c8e-9a52-3f7d2e9c1b60"
)

// manager is a Resource Manager of three resources whose documents and roles a
// test may change.
type manager struct {
	resources map[string]*arm.Resource
	roles     map[string]bool // "object id, action"
	changed   chan struct{}
}

func (m *manager) Changed() <-chan struct{} { return m.changed }

// change does something to the resources and says so.
func (m *manager) change(do func(map[string]*arm.Resource)) {
	do(m.resources)
	before := m.changed
	m.changed = make(chan struct{})
	close(before)
}

func (m *manager) Get(id string) (arm.Resource, bool) {
	for _, r := range m.resources {
		if strings.EqualFold(r.ID, id) {
			return *r, true
		}
	}
	return arm.Resource{}, false
}

func (m *manager) List(typ string) (all []arm.Resource) {
	for _, r := range m.resources {
		if strings.EqualFold(r.Type, typ) {
			all = append(all, *r)
		}
	}
	return all
}

func (m *manager) Keys(string) [2]secret.String {
	return [2]secret.String{secret.New(storeKey), secret.New("unused")}
}

func (m *manager) MayDo(objectID, action string, data bool, _ string) bool {
	return m.roles[objectID+" "+action] || m.roles[objectID+" *"] && !data || m.roles[objectID+" **"]
}

// properties is the properties of one resource, to change.
func (m *manager) properties(id string) map[string]any {
	p, _ := m.resources[id].Body["properties"].(map[string]any)
	return p
}

func document(t *testing.T, text string) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// estate is a Cloud, its manager and its clock.
type estate struct {
	*Cloud
	manager *manager
	time    time.Time
	dir     string
}

func open(t *testing.T) *estate {
	t.Helper()
	e := &estate{time: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), dir: t.TempDir()}
	e.manager = &manager{
		resources: map[string]*arm.Resource{
			vaultID:  {ID: vaultID, Type: vaultType, Name: "sample-vault", Location: "eastus", Body: document(t, `{"properties":{"enableRbacAuthorization":true,"softDeleteRetentionInDays":7}}`)},
			storeID:  {ID: storeID, Type: storageType, Name: "samplestore", Body: document(t, `{"properties":{}}`)},
			imagesID: {ID: imagesID, Type: registryType, Name: "SampleImages", Body: document(t, `{"properties":{}}`)},
		},
		roles: map[string]bool{"owner **": true}, changed: make(chan struct{}),
	}
	e.reopen(t)
	return e
}

// reopen starts the services again on the same directory.
func (e *estate) reopen(t *testing.T) {
	t.Helper()
	c, err := New(Config{
		ARM: e.manager, Dir: e.dir, Tenant: tenant, Now: func() time.Time { return e.time },
		// A token is "OBJECT AUDIENCE".
		Verify: func(token string) (Caller, bool) {
			object, audience, ok := strings.Cut(token, "@")
			return Caller{ObjectID: object, AppID: "app-" + object, Issuer: "https://sts.windows.net/" + tenant + "/", Audience: []string{audience}}, ok
		},
		People: func() []Principal {
			return []Principal{
				{ObjectID: "person-1", Kind: "user", Name: "Sample Person One", SignIn: "one@sample.example"},
				{ObjectID: "group-1", Kind: "group", Name: "Sample Group", Members: []string{"person-1"}},
				{ObjectID: "principal-1", Kind: "servicePrincipal", Name: "sample-app", AppID: "app-1"},
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Cloud = c
}

// call is one request; header lines are "Name: value".
func (e *estate) call(o Origin, method, url, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r.WithContext(WithOrigin(r.Context(), o)))
	return w
}

func inside() Origin { return Origin{Private: true} }

func bearer(object, audience string) string {
	return "Authorization: Bearer " + object + "@" + audience
}

func want(t *testing.T, w *httptest.ResponseRecorder, status int, parts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	for _, part := range parts {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("no %q in %s", part, w.Body)
		}
	}
}

func TestAdmission(t *testing.T) {
	from := func(a string) Origin { return Origin{Address: netip.MustParseAddr(a)} }
	subnet := group + "Microsoft.Network/virtualNetworks/v/subnets/s"
	for _, c := range []struct {
		name, properties string
		origin           Origin
		want             Admission
	}{
		{"nothing said is open", `{}`, Origin{}, Admitted},
		{"disabled", `{"publicNetworkAccess":"Disabled"}`, from("203.0.113.7"), PublicOff},
		{"disabled, in any case", `{"publicnetworkaccess":"disabled"}`, from("203.0.113.7"), PublicOff},
		{"secured by a perimeter", `{"publicNetworkAccess":"SecuredByPerimeter"}`, from("203.0.113.7"), PublicOff},
		{"disabled, by endpoint", `{"publicNetworkAccess":"Disabled"}`, inside(), Admitted},
		{"rules without deny", `{"networkAcls":{"ipRules":[{"value":"198.51.100.1"}]}}`, from("203.0.113.7"), Admitted},
		{"address in a rule", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.7"}]}}`, from("203.0.113.7"), Admitted},
		{"mapped address in a rule", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.7"}]}}`, from("::ffff:203.0.113.7"), Admitted},
		{"address in a prefix", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.0/29"}]}}`, from("203.0.113.7"), Admitted},
		{"address in no prefix", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.0/29"}]}}`, from("203.0.113.8"), NotInRules},
		{"a rule that is none", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"x"},7]}}`, from("203.0.113.8"), NotInRules},
		{"an address that nobody knows", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"0.0.0.0/0"}]}}`, Origin{}, NotInRules},
		{"a registry's name for it", `{"networkRuleSet":{"defaultAction":"Deny","ipRules":[{"action":"Allow","value":"203.0.113.7"}]}}`, from("203.0.113.8"), NotInRules},
		{"a subnet in a rule", `{"networkAcls":{"defaultAction":"Deny","virtualNetworkRules":[{"id":"` + strings.ToUpper(subnet) + `"}]}}`, Origin{Subnet: subnet}, Admitted},
		{"a subnet hides the address", `{"networkAcls":{"defaultAction":"Deny","ipRules":[{"value":"203.0.113.7"}]}}`, Origin{Subnet: subnet, Address: netip.MustParseAddr("203.0.113.7")}, NotInRules},
	} {
		if got := Admit(document(t, `{"properties":`+c.properties+`}`), c.origin); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestUnknownHostsAreNobodys(t *testing.T) {
	e := open(t)
	for _, url := range []string{"https://other.vault.azure.net/", "https://other.blob.core.windows.net/", "https://other.azurecr.io/v2/", "https://example.com/"} {
		want(t, e.call(Origin{}, "GET", url, ""), http.StatusMisdirectedRequest, "emulated Azure")
	}
}

// What a crash left behind goes at the next start; what is referred to stays.
func TestSweep(t *testing.T) {
	e := open(t)
	kept, err := e.contents.take(strings.NewReader("kept"))
	if err != nil {
		t.Fatal(err)
	}
	lost, err := e.contents.take(strings.NewReader("lost"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.contents.sweep([]content{kept}); err != nil {
		t.Fatal(err)
	}
	e.contents.release(lost)
	if _, err := os.Stat(filepath.Join(e.dir, "contents", kept.Digest)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(e.dir, "contents", lost.Digest)); err == nil {
		t.Error("still there")
	}
	if kept.MD5 != "TYtghPPRZ7dsrGaiKpG+Ag==" {
		t.Error(kept.MD5)
	}
}
