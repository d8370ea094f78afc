package cloud

import (
	"net/http"
	"time"
)

const snapshotTime = "2006-01-02T15:04:05.0000000Z"

func (s *blobs) snapshotBlob(w http.ResponseWriter, c *blobCall) *blobError {
	_, b, refused := s.blob(c)
	if refused == nil {
		refused = conditions(c.Request, &b.stamp)
	}
	if refused == nil {
		refused = b.Lease.allows(c.Header.Get("X-Ms-Lease-Id"), false, "Blob", s.cloud.now())
	}
	if refused != nil {
		return refused
	}
	if s.count(c) >= maxBlobs {
		return &blobError{http.StatusConflict, "SnapshotCountExceeded", "The emulator keeps no more snapshots."}
	}
	at := s.cloud.now().UTC()
	for _, x := range b.Snapshots { // two within the clock's step would be one
		if t, err := time.Parse(snapshotTime, x.Time); err == nil && !at.After(t) {
			at = t.Add(100 * time.Nanosecond)
		}
	}
	x := snapshot{at.Format(snapshotTime), b.stamp, b.content, b.Headers, b.Metadata}
	s.cloud.contents.hold(b.content)
	b.Snapshots = append(b.Snapshots, x)
	w.Header().Set("X-Ms-Snapshot", x.Time)
	return s.done(w, &b.stamp, http.StatusCreated)
}

// deleteBlob deletes a blob, or its snapshots, or one of them.
func (s *blobs) deleteBlob(w http.ResponseWriter, c *blobCall) *blobError {
	k, b, refused := s.blob(c)
	if refused != nil {
		return refused
	}
	if at := c.query.Get("snapshot"); at != "" {
		for i, x := range b.Snapshots {
			if x.Time == at {
				b.Snapshots = append(b.Snapshots[:i:i], b.Snapshots[i+1:]...)
				s.cloud.contents.release(x.content)
				return s.done(w, nil, http.StatusAccepted)
			}
		}
		return noBlob()
	}
	if _, _, refused := s.mutable(c); refused != nil {
		return refused
	}
	switch c.Header.Get("X-Ms-Delete-Snapshots") {
	case "include":
	case "only":
		for _, x := range b.Snapshots {
			s.cloud.contents.release(x.content)
		}
		b.Snapshots = nil
		return s.done(w, nil, http.StatusAccepted)
	case "":
		if len(b.Snapshots) > 0 {
			return &blobError{http.StatusConflict, "SnapshotsPresent", "This operation is not permitted while the blob has snapshots."}
		}
	default:
		return badHeader("x-ms-delete-snapshots")
	}
	s.cloud.contents.release(b.all()...)
	delete(k.Blobs, c.name)
	return s.done(w, nil, http.StatusAccepted)
}
