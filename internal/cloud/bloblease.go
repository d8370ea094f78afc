package cloud

import (
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// lease is the lock that a blob or container can be under. The zero value is
// available.
//
// https://learn.microsoft.com/rest/api/storageservices/lease-blob
type lease struct {
	ID       string    `json:"id,omitempty"`
	Duration int       `json:"duration,omitempty"` // seconds; -1 is for ever
	Until    time.Time `json:"until,omitzero"`     // of a finite lease, or of the time that breaking takes
	Breaking bool      `json:"breaking,omitempty"`
}

// Lease states as Azure's headers spell them.
const (
	leaseAvailable = "available"
	leaseLeased    = "leased"
	leaseExpired   = "expired"
	leaseBreaking  = "breaking"
	leaseBroken    = "broken"
)

func (l *lease) state(now time.Time) string {
	over := !l.Until.IsZero() && !now.Before(l.Until)
	switch {
	case l.ID == "":
		return leaseAvailable
	case l.Breaking && over:
		return leaseBroken
	case l.Breaking:
		return leaseBreaking
	case over:
		return leaseExpired
	}
	return leaseLeased
}

// locks says whether a write needs the lease's id now.
func (l *lease) locks(now time.Time) bool {
	s := l.state(now)
	return s == leaseLeased || s == leaseBreaking
}

// set writes the lease's headers.
func (l *lease) set(h http.Header, now time.Time) {
	h.Set("X-Ms-Lease-State", l.state(now))
	h.Set("X-Ms-Lease-Status", l.status(now))
	if l.state(now) == leaseLeased {
		h.Set("X-Ms-Lease-Duration", l.kind())
	}
}

func (l *lease) status(now time.Time) string {
	if l.locks(now) {
		return "locked"
	}
	return "unlocked"
}

func (l *lease) kind() string {
	if l.Duration < 0 {
		return "infinite"
	}
	return "fixed"
}

// allows checks a write (or a read that names a lease) against the lease.
// what is "Blob" or "Container", as the codes spell it.
func (l *lease) allows(given string, write bool, what string, now time.Time) *blobError {
	switch {
	case l.locks(now) && given == "" && write:
		return &blobError{http.StatusPreconditionFailed, "LeaseIdMissing", "There is currently a lease on the " + lower(what) + " and no lease ID was specified in the request."}
	case given == "":
		return nil
	case !l.locks(now):
		code := "LeaseNotPresentWith" + what + "Operation"
		if l.ID != "" {
			return &blobError{http.StatusPreconditionFailed, "LeaseLost", "A lease ID was specified, but the lease for the " + lower(what) + " has expired."}
		}
		return &blobError{http.StatusPreconditionFailed, code, "There is currently no lease on the " + lower(what) + "."}
	case given != l.ID:
		return &blobError{http.StatusPreconditionFailed, "LeaseIdMismatchWith" + what + "Operation", "The lease ID specified did not match the lease ID for the " + lower(what) + "."}
	}
	return nil
}

func lower(what string) string {
	if what == "Container" {
		return "container"
	}
	return "blob"
}

var leaseGUID = regexp.MustCompile(`(?i)^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$`)

// act does what x-ms-lease-action asks, and gives the status of success.
func (l *lease) act(h, out http.Header, what string, now time.Time) (int, *blobError) {
	given, proposed := h.Get("X-Ms-Lease-Id"), h.Get("X-Ms-Proposed-Lease-Id")
	for name, id := range map[string]string{"x-ms-lease-id": given, "x-ms-proposed-lease-id": proposed} {
		if id != "" && !leaseGUID.MatchString(id) {
			return 0, badHeader(name)
		}
	}
	action := h.Get("X-Ms-Lease-Action")
	switch action {
	case "acquire":
		return l.acquire(h, out, proposed, now)
	case "break":
		return l.breakUp(h, out, now)
	case "renew", "release", "change":
	default:
		return 0, badHeader("x-ms-lease-action")
	}
	if given == "" {
		return 0, &blobError{http.StatusBadRequest, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified: x-ms-lease-id."}
	}
	if refused := l.mine(action, given, proposed, what, now); refused != nil {
		return 0, refused
	}
	switch action {
	case "renew":
		l.Breaking = false
		l.run(now)
		out.Set("X-Ms-Lease-Id", l.ID)
	case "release":
		*l = lease{}
	case "change":
		if proposed == "" {
			return 0, badHeader("x-ms-proposed-lease-id")
		}
		l.ID = proposed
		out.Set("X-Ms-Lease-Id", l.ID)
	}
	return http.StatusOK, nil
}

// mine checks the id against the lease for renew, release and change.
func (l *lease) mine(action, given, proposed, what string, now time.Time) *blobError {
	state := l.state(now)
	switch {
	case state == leaseAvailable:
		return &blobError{http.StatusConflict, "LeaseNotPresentWithLeaseOperation", "There is currently no lease on the " + lower(what) + "."}
	case given != l.ID && (action != "change" || proposed != l.ID):
		return &blobError{http.StatusConflict, "LeaseIdMismatchWithLeaseOperation", "The lease ID specified did not match the lease ID for the " + lower(what) + "."}
	case action == "renew" && (state == leaseBreaking || state == leaseBroken):
		return &blobError{http.StatusConflict, "LeaseIsBrokenAndCannotBeRenewed", "The lease ID matched, but the lease has been broken explicitly and cannot be renewed."}
	case action == "change" && state != leaseLeased:
		return &blobError{http.StatusConflict, "LeaseIsBreakingAndCannotBeChanged", "The lease ID matched, but the lease is not active and cannot be changed."}
	}
	return nil
}

// run starts a lease's time anew.
func (l *lease) run(now time.Time) {
	l.Until = time.Time{}
	if l.Duration > 0 {
		l.Until = now.Add(time.Duration(l.Duration) * time.Second)
	}
}

func (l *lease) acquire(h, out http.Header, proposed string, now time.Time) (int, *blobError) {
	duration, err := strconv.Atoi(h.Get("X-Ms-Lease-Duration"))
	if err != nil || duration != -1 && (duration < 15 || duration > 60) {
		return 0, badHeader("x-ms-lease-duration")
	}
	switch l.state(now) {
	case leaseBreaking:
		return 0, &blobError{http.StatusConflict, "LeaseIsBreakingAndCannotBeAcquired", "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken."}
	case leaseLeased:
		if proposed == "" || proposed != l.ID {
			return 0, &blobError{http.StatusConflict, "LeaseAlreadyPresent", "There is already a lease present."}
		}
	}
	if proposed == "" {
		proposed = randomGUID()
	}
	*l = lease{ID: proposed, Duration: duration}
	l.run(now)
	out.Set("X-Ms-Lease-Id", l.ID)
	return http.StatusCreated, nil
}

// breakUp ends a lease at once where it is infinite and no period is given, and
// else after the shorter of the period and what is left.
func (l *lease) breakUp(h, out http.Header, now time.Time) (int, *blobError) {
	period := -1
	if v := h.Get("X-Ms-Lease-Break-Period"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > 60 {
			return 0, badHeader("x-ms-lease-break-period")
		}
		period = n
	}
	state := l.state(now)
	if state == leaseAvailable {
		return 0, &blobError{http.StatusConflict, "LeaseNotPresentWithLeaseOperation", "There is currently no lease on the blob."}
	}
	left := time.Duration(0)
	if state == leaseLeased || state == leaseBreaking {
		if !l.Until.IsZero() {
			left = l.Until.Sub(now)
		}
		asked := time.Duration(period) * time.Second
		if period >= 0 && (l.Until.IsZero() || asked < left) {
			left = asked
		}
	}
	l.Breaking, l.Until = true, now.Add(left)
	out.Set("X-Ms-Lease-Time", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	return http.StatusAccepted, nil
}

func (s *blobs) leaseBlob(w http.ResponseWriter, c *blobCall) *blobError {
	_, b, refused := s.blob(c)
	if refused != nil {
		return refused
	}
	if refused := conditions(c.Request, &b.stamp); refused != nil {
		return refused
	}
	return s.leased(w, c, &b.Lease, &b.stamp, "Blob")
}

func (s *blobs) leaseContainer(w http.ResponseWriter, c *blobCall) *blobError {
	k, refused := s.container(c, c.container)
	if refused != nil {
		return refused
	}
	return s.leased(w, c, &k.Lease, &k.stamp, "Container")
}

func (s *blobs) leased(w http.ResponseWriter, c *blobCall, l *lease, t *stamp, what string) *blobError {
	status, refused := l.act(c.Header, w.Header(), what, s.cloud.now())
	if refused != nil {
		return refused
	}
	if refused := s.save(); refused != nil {
		return refused
	}
	t.set(w.Header())
	w.WriteHeader(status)
	return nil
}
