package ledger

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/ostiary/ostiary/internal/fault"
)

// keys are what signs a log's checkpoints, and the log's identity.
type keys struct {
	id       logID
	signer   note.Signer
	verifier string // in the encoding of package note
}

// createKeys makes a log's identity. The key file is the first file of a log.
func createKeys(fsys FS, dir string) (keys, error) {
	var id logID
	_, _ = rand.Read(id[:]) // never fails
	private, public, err := note.GenerateKey(rand.Reader, originPrefix+id.String())
	if err != nil {
		return keys{}, err
	}
	text := private + "\n" + public + "\n"
	if err := install(fsys, dir, keyName, []byte(text)); err != nil {
		return keys{}, unavailable("cannot make the log's key", join(dir, keyName), err)
	}
	// The log's name in the directory above must last as well.
	if err := fsys.SyncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return keys{}, unavailable("cannot make the log's directory durable", dir, err)
	}
	return parseKeys(text)
}

func readKeys(fsys FS, dir string) (keys, error) {
	path := join(dir, keyName)
	data, err := fsys.ReadFile(path, 0, maxCheckpoint)
	if err != nil {
		return keys{}, unavailable("cannot read the log's key", path, err)
	}
	k, err := parseKeys(string(data))
	if err != nil {
		return keys{}, fault.New(fault.Invalid, "the log's key cannot be used").At(path).Fix("restore the file from a copy").Because(err)
	}
	return k, nil
}

// readVerifier reads the public key of a log.
func readVerifier(fsys FS, dir string) (text string, id logID, err error) {
	path := join(dir, verifierName)
	data, err := fsys.ReadFile(path, 0, maxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return "", id, fault.New(fault.NotFound, "no log here: its public key is missing").At(path).
			Fix("name the directory of a log, or restore the file")
	}
	if err != nil {
		return "", id, unavailable("cannot read the log's public key", path, err)
	}
	text = strings.TrimSuffix(string(data), "\n")
	if _, id, err = parseVerifier(text); err != nil {
		return "", id, fault.New(fault.Invalid, "the log's public key cannot be used").At(path).
			Fix("restore the file from a copy").Because(err)
	}
	return text, id, nil
}

// warnIfShared warns about key files that others can read. It is no refusal:
// some mounted file systems know no modes.
func warnIfShared(log *slog.Logger, dir string, files ...fs.DirEntry) {
	for _, e := range files {
		if e == nil {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
			log.Warn("others than the owner can read this key; chmod 600 it", "file", join(dir, e.Name()))
		}
	}
}

// parseKeys reads a key file: the private key on one line, the public one on
// the next. Its errors quote nothing.
func parseKeys(text string) (keys, error) {
	private, rest, _ := strings.Cut(text, "\n")
	public, _, _ := strings.Cut(rest, "\n")
	signer, err := note.NewSigner(private)
	if err != nil {
		return keys{}, fault.New(fault.Invalid, "not a key file of a log")
	}
	v, id, err := parseVerifier(public)
	if err != nil || v.Name() != signer.Name() || v.KeyHash() != signer.KeyHash() {
		return keys{}, fault.New(fault.Invalid, "the two keys of the key file do not belong together")
	}
	return keys{id: id, signer: signer, verifier: public}, nil
}

// parseVerifier reads a public key and the id of its log.
func parseVerifier(text string) (note.Verifier, logID, error) {
	var id logID
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, id, fault.New(fault.Invalid, "not the public key of a log").Because(err)
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(v.Name(), originPrefix))
	if err != nil || len(raw) != len(id) || v.Name() != originPrefix+logID(raw).String() {
		return nil, id, fault.New(fault.Invalid, "the public key names no log")
	}
	return v, logID(raw), nil
}
