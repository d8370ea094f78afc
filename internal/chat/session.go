package chat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Bounds of what strangers and people can make us remember.
const (
	maxSessions  = 20000
	maxPerPerson = 20
	attemptTime  = 15 * time.Minute
	defaultIdle  = 8 * time.Hour
	defaultLife  = 24 * time.Hour
)

// role is what a person may do.
type role int

const (
	nobody role = iota
	user
	admin
)

// person is who has signed in.
type person struct {
	owner  string // stands for the person in the database
	name   string
	groups []string
	role   role
}

// session is a sign-in that holds.
type session struct {
	person
	id      [sha256.Size]byte // of the cookie
	tokens  *tokens
	began   time.Time
	used    time.Time // under the sessions' lock
	allowed *allowed
	refused map[string]bool // models that policy refused; under the sessions' lock
}

// attempt is a sign-in under way. It is kept in the browser that began it, in
// a sealed cookie, so that strangers make us remember nothing. What makes it
// count once is that the code does, and that the cookie goes with its use.
type attempt struct {
	State, Nonce, Verifier string
	Next                   string
	Began                  time.Time
}

// sessions keeps them. What is known of a cookie is its hash, so that a dump
// of memory gives no cookie away; tokens it would.
type sessions struct {
	idle, life time.Duration
	now        func() time.Time
	seal       cipher.AEAD // of attempts; its key is this process's

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

func newSessions(s Session, now func() time.Time) (*sessions, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	all := &sessions{idle: s.Idle, life: s.Life, now: now, seal: seal, all: map[[sha256.Size]byte]*session{}}
	if all.idle == 0 {
		all.idle = defaultIdle
	}
	if all.life == 0 {
		all.life = defaultLife
	}
	return all, nil
}

// random is 256 bits in text.
func random() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// begin makes a session and gives its cookie's value.
func (s *sessions) begin(who person, t *tokens) (cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	var own []*session
	for _, other := range s.all {
		if other.owner == who.owner {
			own = append(own, other)
		}
	}
	slices.SortFunc(own, func(a, b *session) int { return a.used.Compare(b.used) })
	for len(own) >= maxPerPerson {
		delete(s.all, own[0].id)
		own = own[1:]
	}
	cookie = random()
	id := sha256.Sum256([]byte(cookie))
	s.all[id] = &session{person: who, id: id, tokens: t, began: s.now(), used: s.now(), allowed: &allowed{}, refused: map[string]bool{}}
	return cookie
}

// full says whether there is no room for another.
func (s *sessions) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	return len(s.all) >= maxSessions
}

// find gives the session of a cookie, and notes that it is used.
func (s *sessions) find(cookie string) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.all[sha256.Sum256([]byte(cookie))]
	if !ok || !s.holds(v) {
		return nil, false
	}
	v.used = s.now()
	return v, true
}

// alive says whether a session holds still; asking is no use of it.
func (s *sessions) alive(v *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[v.id] == v && s.holds(v)
}

func (s *sessions) holds(v *session) bool {
	now := s.now()
	return now.Sub(v.used) < s.idle && now.Sub(v.began) < s.life
}

func (s *sessions) end(v *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, v.id)
}

// endCookie ends whatever session a cookie is of.
func (s *sessions) endCookie(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(cookie)))
}

// endAll ends a person's.
func (s *sessions) endAll(owner string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, v := range s.all {
		if v.owner == owner {
			delete(s.all, id)
			n++
		}
	}
	return n
}

// count is how many a person has.
func (s *sessions) count() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	n := map[string]int{}
	for _, v := range s.all {
		n[v.owner]++
	}
	return n
}

// refuse notes, and refusal asks, whether policy has refused a model.
func (s *sessions) refuse(v *session, model string, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused {
		v.refused[model] = true
	} else {
		delete(v.refused, model)
	}
}

func (s *sessions) wasRefused(v *session, model string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return v.refused[model]
}

// sweep drops what has ended.
func (s *sessions) sweep() {
	for id, v := range s.all {
		if !s.holds(v) {
			delete(s.all, id)
		}
	}
}

// attempt begins a sign-in, and gives the cookie that binds it to the browser.
func (s *sessions) attempt(next string) (cookie string, a attempt, err error) {
	a = attempt{State: random(), Nonce: random(), Verifier: random(), Next: next, Began: s.now()}
	text, err := json.Marshal(a)
	if err != nil {
		return "", a, err
	}
	return base64.RawURLEncoding.EncodeToString(s.seal.Seal(nil, nil, text, nil)), a, nil //nolint:gosec // this kind makes its nonces itself
}

// redeem opens an attempt.
func (s *sessions) redeem(cookie string) (a attempt, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil || cookie == "" {
		return a, false
	}
	text, err := s.seal.Open(nil, nil, sealed, nil)
	if err != nil || json.Unmarshal(text, &a) != nil {
		return attempt{}, false
	}
	return a, s.now().Sub(a.Began) <= attemptTime
}
