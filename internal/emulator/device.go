package emulator

import (
	"crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	deviceLife = 15 * time.Minute
	maxDevices = 1000 // that wait at one time
)

// device is a device that waits for a person (RFC 8628).
type device struct {
	userCode string
	app      app
	scope    string
	ends     time.Time
	polled   time.Time
	person   string // object id, once somebody has signed in
	declined bool
}

// devices are those that wait, by device code. A restart forgets them.
type devices struct {
	mu    sync.Mutex
	known map[string]*device
}

// sweep forgets devices a while after their time is over, so that a late poll
// still hears why. The caller holds the lock.
func (d *devices) sweep(now time.Time) {
	maps.DeleteFunc(d.known, func(_ string, one *device) bool { return now.After(one.ends.Add(deviceLife)) })
}

// deviceCode begins the device flow (RFC 8628 section 3.1).
func (i *issuer) deviceCode(w http.ResponseWriter, r *http.Request) {
	form, refused := readForm(w, r)
	if refused != nil {
		i.refuse(w, *missingParameter("client_id"))
		return
	}
	client, known := i.appBy(form.Get("client_id"))
	switch {
	case form.Get("client_id") == "":
		i.refuse(w, *missingParameter("client_id"))
		return
	case !known:
		i.refuse(w, *unknownApp(form.Get("client_id"), i.tenant))
		return
	}
	if _, refused := i.targetOf(form.Get("scope")); refused != nil {
		i.refuse(w, *refused)
		return
	}
	code, one := randomName(40), &device{userCode: newUserCode(), app: client, scope: form.Get("scope"), ends: i.now().Add(deviceLife)}
	if !i.wait(code, one) {
		i.refuse(w, *serverError())
		return
	}
	at := i.named(r).base + "/common/oauth2/deviceauth"
	writeJSON(w, http.StatusOK, struct {
		UserCode   string `json:"user_code"`
		DeviceCode string `json:"device_code"`
		URI        string `json:"verification_uri"`
		Expires    int    `json:"expires_in"`
		Interval   int    `json:"interval"`
		Message    string `json:"message"`
	}{one.userCode, code, at, int(deviceLife.Seconds()), int(i.poll.Seconds()),
		fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", at, one.userCode)})
}

func (i *issuer) wait(code string, one *device) bool {
	i.devices.mu.Lock()
	defer i.devices.mu.Unlock()
	i.devices.sweep(i.now())
	if len(i.devices.known) >= maxDevices {
		return false
	}
	if i.devices.known == nil {
		i.devices.known = map[string]*device{}
	}
	i.devices.known[code] = one
	return true
}

// newUserCode is nine letters that are not easily misread or misspelt into a
// word (RFC 8628 section 6.1): 20^9 of them.
func newUserCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	code := make([]byte, 9)
	for at := range code {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(letters)))) // crypto/rand never fails
		code[at] = letters[n.Int64()]
	}
	return string(code)
}

// byDevice is a poll (RFC 8628 section 3.4). A code is good for one answer. One
// second of the interval is forgiven: clocks and networks jitter.
func (i *issuer) byDevice(q grantRequest) (*tokenAnswer, *entraError) {
	client, refused := i.authenticate(q.form, missingAssertion())
	if refused != nil {
		return nil, refused
	}
	if q.form.Get("device_code") == "" {
		return nil, missingParameter("device_code")
	}
	t, refused := i.polled(q.form.Get("device_code"), client)
	if refused != nil {
		return nil, refused
	}
	return i.forPerson(q, client, t)
}

func (i *issuer) polled(code string, client app) (ticket, *entraError) {
	i.devices.mu.Lock()
	defer i.devices.mu.Unlock()
	one, known := i.devices.known[code]
	now := i.now()
	switch {
	case !known || one.app.ClientID != client.ClientID:
		return ticket{}, unknownDevice()
	case now.After(one.ends):
		return ticket{}, expiredDevice()
	case one.declined:
		delete(i.devices.known, code)
		return ticket{}, declinedDevice()
	case one.person != "":
		delete(i.devices.known, code)
		return ticket{Client: client.ClientID, Person: one.person, Scope: one.scope}, nil
	}
	hasty := now.Sub(one.polled) < i.poll-time.Second
	one.polled = now
	if hasty {
		return ticket{}, hastyDevice()
	}
	return ticket{}, pendingDevice()
}

// deviceAuth is the page at which a person types the code, and then says who
// they are.
func (i *issuer) deviceAuth(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		i.pages.refusal(w, i, *malformedForm())
		return
	}
	if r.Method == http.MethodGet {
		i.pages.code(w, r.Form.Get("otc"), "")
		return
	}
	typed := strings.ToUpper(strings.TrimSpace(r.PostForm.Get("code")))
	who, signed := i.personBy(r.PostForm.Get("login"))
	application, ok := i.approve(typed, func(d *device) {
		d.declined = r.PostForm.Has("cancel")
		if signed && !d.declined {
			d.person = who.ObjectID
		}
	})
	switch {
	case !ok:
		i.pages.code(w, typed, "That code did not work. Check the code and try again.")
	case r.PostForm.Has("cancel"):
		i.pages.deviceDone(w, application, false)
	case signed:
		i.remember(w, who)
		i.pages.deviceDone(w, application, true)
	default:
		i.pages.devicePeople(w, application, typed, i.people)
	}
}

// approve changes the device that waits under a user code. A code that was
// answered is of no use any more.
func (i *issuer) approve(userCode string, change func(*device)) (application string, ok bool) {
	i.devices.mu.Lock()
	defer i.devices.mu.Unlock()
	for _, d := range i.devices.known {
		if d.userCode == userCode && !i.now().After(d.ends) && d.person == "" && !d.declined {
			change(d)
			return d.app.Name, true
		}
	}
	return "", false
}
