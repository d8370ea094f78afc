package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// A file of gateway keys holds one key a line, as JSON. It is only ever
// replaced whole, so a reader sees the old keys or the new ones.
const (
	maxKeyFile  = 4 << 20 // bytes
	maxFileKeys = 10_000
	maxKeyName  = 128 // bytes
)

// ReadKeys reads a file of gateway keys. Names and hashes are distinct, and
// nobody but its owner may write it. Errors are faults of kind Invalid, or
// NotFound where there is no such file.
func ReadKeys(path string) ([]Key, error) {
	keys, _, err := readKeys(path)
	return keys, err
}

func readKeys(path string) ([]Key, fs.FileInfo, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fault.New(fault.NotFound, "there is no such file of gateway keys").At(path).
			Fix("make it with `ostiary key create --keys-file`")
	}
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "the file of gateway keys cannot be read").At(path).Because(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil, fault.New(fault.Invalid, "the file of gateway keys is no file").At(path).Because(err)
	}
	if writable(info) {
		return nil, nil, fault.New(fault.Invalid, "others than its owner may write the file of gateway keys").At(path).Fix("chmod 600 " + path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "the file of gateway keys cannot be read").At(path).Because(err)
	}
	keys, err := parseKeys(data, path)
	return keys, info, err
}

// parseKeys is strict: an unknown field may be a narrowing that this version
// would not apply. It quotes nothing of the file.
func parseKeys(data []byte, path string) ([]Key, error) {
	bad := func(line int, what string) error {
		return fault.New(fault.Invalid, what).At(fmt.Sprintf("%s:%d", path, line)).Fix("restore the file; `ostiary key` alone writes it")
	}
	if len(data) > maxKeyFile {
		return nil, fault.New(fault.TooLarge, "the file of gateway keys is over 4 MiB").At(path)
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return nil, fault.New(fault.Invalid, "the file of gateway keys is cut").At(path).Fix("restore the file; `ostiary key` alone writes it")
	}
	var keys []Key
	names, hashes := map[string]bool{}, map[string]bool{}
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if len(keys) == maxFileKeys {
			return nil, bad(line, "more than 10,000 gateway keys")
		}
		k, err := parseKey(text)
		if err != nil {
			return nil, bad(line, err.Error())
		}
		hash := strings.ToLower(k.Hash)
		if names[k.Name] || hashes[hash] {
			return nil, bad(line, "two gateway keys with one name or one hash")
		}
		names[k.Name], hashes[hash] = true, true
		keys = append(keys, k)
	}
	return keys, nil
}

func parseKey(text []byte) (k Key, err error) {
	if _, err := object(text); err != nil {
		return k, errors.New("not a gateway key in JSON")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&k) != nil {
		return k, errors.New("not a gateway key in JSON")
	}
	return k, k.whole()
}

// whole says what a key lacks.
func (k *Key) whole() error {
	switch _, ok := k.sum(); {
	case k.Name == "" || len(k.Name) > maxKeyName || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("a gateway key without a name of 1 to 128 bytes")
	case k.Workload == "":
		return errors.New("a gateway key without a workload")
	case !ok:
		return errors.New("a gateway key without a SHA-256")
	}
	_, err := k.Principal()
	return err
}

// ChangeKeys replaces the keys of a file by what change makes of them. A file
// that is not there holds none, and is made. The change is durable when
// ChangeKeys returns, and other processes that change the file wait; where the
// system has no flock they do not.
func ChangeKeys(path string, change func([]Key) ([]Key, error)) error {
	unlock, err := lockDirectory(filepath.Dir(path))
	if err != nil {
		return fault.New(fault.Unavailable, "the directory of the gateway keys cannot be locked").At(filepath.Dir(path)).Because(err)
	}
	defer unlock()
	keys, old, err := readKeys(path)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if keys, err = change(keys); err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range keys {
		if err := keys[i].whole(); err != nil {
			return fault.New(fault.Invalid, err.Error()).At(keys[i].Name)
		}
		if err := enc.Encode(&keys[i]); err != nil {
			return err
		}
	}
	if _, err := parseKeys(b.Bytes(), path); err != nil { // what the gateway would refuse is not written
		return err
	}
	if err := replaceFile(path, b.Bytes(), old); err != nil {
		return fault.New(fault.Unavailable, "the file of gateway keys cannot be written").At(path).Because(err)
	}
	return nil
}

// replaceFile writes beside path, syncs, renames, and syncs the directory. The
// owner of the old file, nil for none, owns the new one, where we may say so:
// root may make a key for a gateway that is not root.
func replaceFile(path string, data []byte, old fs.FileInfo) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where the rename succeeded
	_, err = f.Write(data)
	if err == nil && old != nil {
		err = inherit(f, old)
	}
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDirectory(dir)
}
