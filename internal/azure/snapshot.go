package azure

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

const (
	version = 1

	maxFile = maxTotal + 64<<20 // bytes of a file: the answers, and what stands around them
)

// Format is what stands under "format" at the head of a saved snapshot.
const Format = "ostiary-azure-snapshot"

// Snapshot is an estate as it was read. See the package comment for its form
// as a file.
type Snapshot struct {
	Taken         time.Time         // when the reading began
	Endpoint      string            // of ARM
	Subscriptions []Subscription    // asked for or listed, by id
	APIVersions   map[string]string // by type
	Unregistered  []string          // lists that are empty because their provider is not registered
	Resources     []json.RawMessage // as ARM returned each
	Unreadable    []Gap
}

// Subscription is one of a snapshot's. Name is empty where it was not seen.
type Subscription struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Gap is something that could not be read.
type Gap struct {
	ID      string // the scope: a subscription, a list in one, or a path below a resource
	Type    string // empty for a whole subscription
	Status  int    // of HTTP; 200 where the answer was not usable
	Code    string // ARM's, or one of the package comment
	Message string // ARM's, at most 500 bytes
}

// gapElement is a Gap in the file. The error stands first, so that a reader
// knows at once that this is no resource.
type gapElement struct {
	Error *gapError `json:"error"`
	ID    string    `json:"id"`
	Type  string    `json:"type,omitempty"`
}

type gapError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

type header struct {
	Format        string            `json:"format"`
	Version       int               `json:"version"`
	Taken         time.Time         `json:"taken"`
	Endpoint      string            `json:"endpoint"`
	Subscriptions []Subscription    `json:"subscriptions"`
	APIVersions   map[string]string `json:"apiVersions"`
	Unregistered  []string          `json:"unregistered"`
}

// gather takes what the nodes hold, each id once.
func (s *Snapshot) gather(nodes []*node) {
	seen := map[string]bool{}
	var walk func(*node)
	walk = func(n *node) {
		for _, raw := range n.items {
			var i struct {
				ID string `json:"id"`
			}
			_ = json.Unmarshal(raw, &i) // it has an id, or would not be here
			if id := strings.ToLower(i.ID); !seen[id] {
				seen[id] = true
				s.Resources = append(s.Resources, raw)
			}
		}
		s.Unreadable = append(s.Unreadable, n.gaps...)
		if n.unregistered != "" {
			s.Unregistered = append(s.Unregistered, n.unregistered)
		}
		for _, k := range n.below {
			walk(k)
		}
	}
	for _, n := range nodes {
		walk(n)
	}
}

// JSON is the snapshot as a file holds it.
func (s Snapshot) JSON() ([]byte, error) {
	head, err := json.MarshalIndent(header{
		Format, version, s.Taken, s.Endpoint, s.Subscriptions, s.APIVersions, s.Unregistered,
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(head, []byte("\n}")))
	b.WriteString(",\n  \"resources\": [")
	separator := "\n"
	for _, raw := range s.Resources {
		b.WriteString(separator)
		b.Write(raw)
		separator = ",\n"
	}
	for _, g := range s.Unreadable {
		raw, err := json.Marshal(gapElement{&gapError{g.Code, g.Message, g.Status}, g.ID, g.Type})
		if err != nil {
			return nil, err
		}
		b.WriteString(separator)
		b.Write(raw)
		separator = ",\n"
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), nil
}

// Listed are the types that were asked for and not refused, sorted: of these the
// snapshot has all, so that a type without a resource is known to have none.
func (s Snapshot) Listed() []string {
	var all []string
	for typ := range s.APIVersions {
		refused := func(g Gap) bool { return g.Type == "" || strings.EqualFold(g.Type, typ) }
		if !slices.ContainsFunc(s.Unreadable, refused) {
			all = append(all, typ)
		}
	}
	slices.Sort(all)
	return all
}

// WriteFile saves the snapshot, whole or not at all, readable by its owner
// alone: it names everything that is there, and how it is guarded.
func (s Snapshot) WriteFile(path string) error {
	data, err := s.JSON()
	if err != nil {
		return fault.New(fault.Internal, "the snapshot cannot be written as JSON").Because(err)
	}
	if err := pki.WriteFile(path, data, 0o600); err != nil {
		return fault.New(fault.Unavailable, "the snapshot could not be saved").At(path).
			Fix("check the directory and its free space").Because(err)
	}
	return nil
}

// ReadFile loads what WriteFile saved. Errors are faults: NotFound, TooLarge
// over 320 MiB, Invalid for another Format or a later version.
func ReadFile(path string) (Snapshot, error) {
	f, err := os.Open(path)
	if err != nil {
		return Snapshot{}, fault.New(fault.NotFound, "the snapshot cannot be opened").At(path).Because(err)
	}
	defer func() { _ = f.Close() }()
	tooLarge := fault.New(fault.TooLarge, "the snapshot is larger than 320 MiB").At(path)
	if info, err := f.Stat(); err == nil && info.Size() > maxFile {
		return Snapshot{}, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1)) // a pipe has no size
	if err != nil {
		return Snapshot{}, fault.New(fault.Unavailable, "the snapshot cannot be read").At(path).Because(err)
	}
	if len(data) > maxFile {
		return Snapshot{}, tooLarge
	}
	s, err := Parse(data)
	if err != nil {
		return Snapshot{}, fault.New(fault.Invalid, "not a snapshot of ostiary's").At(path).
			Fix("save one with ostiary verify --live --save").Because(err)
	}
	return s, nil
}

// Parse reads a snapshot as JSON writes it. Its errors say what is wrong with
// the text; the caller knows where it came from.
func Parse(data []byte) (Snapshot, error) {
	var file struct {
		header
		Resources []json.RawMessage `json:"resources"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return Snapshot{}, err
	}
	switch {
	case file.Format != Format:
		return Snapshot{}, fault.New(fault.Invalid, `its format is not "`+Format+`"`)
	case file.Version != version:
		return Snapshot{}, fault.New(fault.Invalid, "its version is not 1").Fix("read it with the release that wrote it")
	}
	h := file.header
	s := Snapshot{Taken: h.Taken, Endpoint: h.Endpoint, Subscriptions: h.Subscriptions, APIVersions: h.APIVersions, Unregistered: h.Unregistered}
	for _, raw := range file.Resources {
		// Most resources need not be decoded to see that they are no gap.
		maybe := bytes.Contains(raw, []byte(`"error"`)) // as JSON writes it
		var g gapElement
		if maybe && json.Unmarshal(raw, &g) == nil && g.Error != nil {
			s.Unreadable = append(s.Unreadable, Gap{ID: g.ID, Type: g.Type, Status: g.Error.Status, Code: g.Error.Code, Message: g.Error.Message})
			continue
		}
		s.Resources = append(s.Resources, raw)
	}
	return s, nil
}
