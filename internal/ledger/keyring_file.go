package ledger

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/seal"
)

// A key file holds an epoch's key of one subject, wrapped to auditors.
// Integers are little-endian (docs/ledger.md says the same):
//
//	 0   8  magic 89 'OSTKEY' 0a
//	 8   4  version, 1
//	12   4  zero
//	16  16  log id
//	32  16  subject's pseudonym
//	48  16  id of the key
//	64   8  start of the epoch, in seconds since 1970
//	72   …  the wraps, 1184 bytes each
//	 …   4  CRC32C of all before
//
// A wrap is bound to bytes 0–71.
const (
	keyMagic    = "\x89OSTKEY\n"
	keyFileHead = 72
	maxKeyFile  = keyFileHead + seal.MaxRecipients*2048 + trailer

	keysName  = "keys" // the directory of key files: one directory a subject
	keySuffix = ".key"
	keyTime   = "20060102T150405Z"
)

// keyFile is one, as it is stored.
type keyFile struct {
	log     logID
	subject pseudonym
	key     seal.KeyID
	start   time.Time
	wraps   []byte
}

var errKeyFile = errors.New("not a key file, or damaged")

func (f keyFile) head() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, keyFileHead), keyMagic...)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, 0)
	b = append(append(append(b, f.log[:]...), f.subject[:]...), f.key[:]...)
	return le.AppendUint64(b, uint64(max(f.start.Unix(), 0)))
}

func (f keyFile) encode() []byte { return withCRC(append(f.head(), f.wraps...)) }

// parseKeyFile reads a key file strictly: encode gives back what it accepts.
func parseKeyFile(data []byte) (keyFile, error) {
	le := binary.LittleEndian
	if len(data) < keyFileHead+trailer || string(data[:8]) != keyMagic || !sealed(data) {
		return keyFile{}, errKeyFile
	}
	start := le.Uint64(data[64:])
	if le.Uint32(data[8:]) != 1 || le.Uint32(data[12:]) != 0 || start > maxKeyTime {
		return keyFile{}, errKeyFile
	}
	f := keyFile{
		log: logID(data[16:]), subject: pseudonym(data[32:]), key: seal.KeyID(data[48:]),
		start: time.Unix(int64(start), 0).UTC(), wraps: data[keyFileHead : len(data)-trailer],
	}
	if _, err := seal.Recipients(f.wraps); err != nil {
		return keyFile{}, errKeyFile
	}
	return f, nil
}

const maxKeyTime = 253402300799 // the end of the year 9999, in seconds

// name sorts by epoch. Keys of one epoch differ in their ids.
func (f keyFile) name() string {
	return f.start.UTC().Format(keyTime) + "-" + f.key.String() + keySuffix
}

// readKeyFile finds the file of a key.
func readKeyFile(fsys FS, dir string, subject pseudonym, id seal.KeyID) (keyFile, error) {
	return findKeyFile(fsys, subjectDir(dir, subject), subject, id)
}

// findKeyFile looks in a directory for the file of a key; fs.ErrNotExist says
// that there is none.
func findKeyFile(fsys FS, dir string, subject pseudonym, id seal.KeyID) (keyFile, error) {
	files, err := fsys.ReadDir(dir)
	if err != nil {
		return keyFile{}, err
	}
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), id.String()+keySuffix) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		data, err := fsys.ReadFile(path, 0, maxKeyFile)
		if err != nil {
			return keyFile{}, err
		}
		f, err := parseKeyFile(data)
		if err == nil && (f.subject != subject || f.key != id) {
			err = errKeyFile
		}
		if err != nil {
			return keyFile{}, fault.New(fault.Unavailable, "the file of the body's key cannot be used").At(path).
				Fix("restore the file from a copy").Because(err)
		}
		return f, nil
	}
	return keyFile{}, fs.ErrNotExist
}

// open unwraps the key.
func (f keyFile) open(i seal.Identity) (*seal.Key, error) {
	key, err := seal.Unwrap(f.wraps, f.head(), i)
	if err == nil && key.ID() != f.key {
		err = seal.ErrDamaged
	}
	return key, err
}
