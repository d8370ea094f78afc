package cloud

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/pki"
)

// load reads a service's index, if there is one.
func load(path string, into any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot read an index of the emulated services").At(path).Because(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fault.New(fault.Invalid, "not an index of the emulated services").At(path).
			Fix("delete the directory to start with nothing").Because(err)
	}
	return nil
}

// save writes it whole and in one step.
func save(path string, index any) error {
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	return pki.WriteFile(path, data, 0o600)
}
