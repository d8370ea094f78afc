package emulator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// maxSeed bounds a file of resources, in bytes.
const maxSeed = 64 << 20

// seedVersion is the api-version that a seed's resources are put with; the
// Resource Manager takes any.
const seedVersion = "2025-01-01"

var subscriptionPart = regexp.MustCompile(`(?i)/subscriptions/[^/"]+`)

// seedResource is one element of the file.
type seedResource struct {
	id   string
	typ  string
	body map[string]any
}

// seed puts the resources of a file through the Resource Manager's own door.
// One may need another: what is refused is tried again until nothing moves.
func (w *world) seed(path string) error {
	all, err := w.readSeed(path)
	if err != nil {
		return err
	}
	if err := w.seedGroups(all); err != nil {
		return fault.New(fault.Invalid, "a resource group of the seed cannot be made").At(path).Because(err)
	}
	for len(all) > 0 {
		var left []seedResource
		var why error
		for _, r := range all {
			body, err := json.Marshal(r.body)
			if err == nil {
				err = w.arm.Put(context.Background(), r.id, seedVersion, body)
			}
			if err != nil {
				left, why = append(left, r), cmp.Or(why, err)
			}
		}
		if len(left) == len(all) {
			return fault.New(fault.Invalid, "the seed holds what the Resource Manager refuses: "+why.Error()).At(path).
				Fix("mend the resource, or leave it out")
		}
		all = left
	}
	return nil
}

// readSeed reads the file: an array, or an object with one under resources or
// value. What Azure makes by itself is left to be made again.
func (w *world) readSeed(path string) ([]seedResource, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the seed").At(path).Because(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxSeed+1))
	if err != nil || len(data) > maxSeed {
		return nil, fault.New(fault.TooLarge, "the seed cannot be read, or is over 64 MiB").At(path).Because(err)
	}
	data = subscriptionPart.ReplaceAll(data, []byte("/subscriptions/"+w.settings.Subscription))
	var file struct {
		Resources []map[string]any `json:"resources"`
		Value     []map[string]any `json:"value"`
	}
	list := &file.Resources
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '[' {
		err = json.Unmarshal(data, list)
	} else {
		err = json.Unmarshal(data, &file)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "the seed is no list of resources").At(path).Because(err)
	}
	var out []seedResource
	for _, body := range slices.Concat(file.Resources, file.Value) {
		id, _ := body["id"].(string)
		typ, _ := body["type"].(string)
		if id == "" || made(body, typ) {
			continue
		}
		for _, k := range []string{"id", "name", "type", "etag", "systemData"} {
			delete(body, k)
		}
		out = append(out, seedResource{id, typ, body})
	}
	return out, nil
}

// made says whether Azure makes the resource itself: an interface of a private
// endpoint, the account's side of one, roles that are built in.
func made(body map[string]any, typ string) bool {
	if _, refused := body["error"]; refused {
		return true
	}
	properties, _ := body["properties"].(map[string]any)
	switch t := strings.ToLower(typ); t {
	case "microsoft.network/networkinterfaces":
		return properties["privateEndpoint"] != nil
	case "microsoft.authorization/roledefinitions":
		return properties["type"] == "BuiltInRole"
	case "microsoft.resources/resourcegroups", "microsoft.resources/subscriptions", "":
		return true
	default:
		return strings.HasSuffix(t, "/privateendpointconnections")
	}
}

// seedGroups makes the resource groups that the ids name.
func (w *world) seedGroups(all []seedResource) error {
	for _, r := range all {
		parts := strings.SplitN(strings.Trim(r.id, "/"), "/", 5)
		if len(parts) < 4 || !strings.EqualFold(parts[2], "resourceGroups") {
			continue
		}
		location, _ := r.body["location"].(string)
		id := "/" + strings.Join(parts[:4], "/")
		if _, there := w.arm.Get(id); there {
			continue
		}
		body, err := json.Marshal(map[string]string{"location": cmp.Or(location, "eastus")})
		if err != nil {
			return err
		}
		if err := w.arm.Put(context.Background(), id, seedVersion, body); err != nil {
			return err
		}
	}
	return nil
}
