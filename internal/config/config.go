// Package config decodes a service's YAML configuration strictly and reports
// every mistake at once, each as "file:line:col: what; fix".
//
// It guarantees: nothing is guessed (an unknown or duplicate key, a wrong
// type, a missing key, a missing secret is a problem); nothing is expanded
// (no environment variables, anchors, aliases, merge keys or tags); no value
// of the file is repeated in a problem by this package, so that a secret
// pasted where a reference belongs does not print; the target is written only
// when there is no problem; memory, depth and time are bounded.
//
// It does not guarantee that one run shows everything: text that cannot be
// read (a tab, a control character) hides what depends on it, and the YAML
// library stops at the first error of syntax. What a type's own UnmarshalText
// or Check says is printed as it is said.
//
// The structs belong to the services. A field takes part when it is tagged:
//
//	Listen string `yaml:"listen" doc:"address to listen on" config:"required"`
//
// Supported are strings, bools, integers, floats, time.Duration, any
// encoding.TextUnmarshaler, slices, maps by string, structs and pointers to
// these. A required key must be present, and not empty, wherever the mapping
// around it is present. A struct may have a method
//
//	Check(report func(path, what, fix string))
//
// which is called after decoding with paths relative to the struct, such as
// "backends[0].url". It must not change the struct.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"

	"github.com/ostiary/ostiary/internal/fault"
)

// MaxFileSize bounds a configuration, in bytes.
const MaxFileSize = 1 << 20

// Options changes what is checked. The zero value checks everything.
type Options struct {
	SkipSecrets bool // do not resolve secret references, for a check where the secrets are not
}

// Load reads the file at path and decodes it as Decode does. A file that is
// absent, unreadable or over MaxFileSize is a *fault.Error.
func Load(path string, into any, o Options) error {
	src, err := read(path)
	if err != nil {
		return err
	}
	return Decode(path, src, into, o)
}

// Decode decodes src, one YAML document of at most MaxFileSize bytes, into the
// struct that into points to. Fields that the document does not name keep
// their value; a list or mapping that it names replaces the old one. Mistakes
// in the document are Problems, which name the file as name; into is then
// untouched. A target that cannot be decoded into is an Internal fault.
func Decode(name string, src []byte, into any, o Options) error {
	target, err := targetOf(into)
	if err != nil {
		return err
	}
	if len(src) > MaxFileSize {
		return tooLarge(name)
	}
	root, problems := parse(src)
	if root == nil {
		return problems.finish(name)
	}
	d := decoder{root: root, problems: problems, broken: map[string]bool{}}
	value := reflect.New(target.Type()).Elem()
	value.Set(target)
	d.bind(root, value, "")
	d.check(value, "", 0)
	if !o.SkipSecrets {
		d.secrets(value, "", 0)
	}
	if err := d.problems.finish(name); err != nil {
		return err
	}
	target.Set(value)
	return nil
}

// decoder holds what one Decode has found.
type decoder struct {
	root     *node
	problems Problems
	broken   map[string]bool // paths with a problem: their value means nothing
}

func targetOf(into any) (reflect.Value, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return reflect.Value{}, fault.New(fault.Internal, fmt.Sprintf("config: %T is not a pointer to a struct", into))
	}
	return v.Elem(), supported(v.Type().Elem(), "", nil)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no such configuration file").At(path).Fix("check the path given with --config")
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	src, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(src) > MaxFileSize {
		return nil, tooLarge(path)
	}
	return src, nil
}

func tooLarge(name string) error {
	return fault.New(fault.TooLarge, fmt.Sprintf("configuration over %d bytes", MaxFileSize)).At(name).Fix("split it, or check that it is the right file")
}

// unreadable leaves out of err the path, which the fault names already.
func unreadable(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fault.New(fault.Invalid, "cannot read the configuration").At(path).Fix("check that it is a file this user may read").Because(err)
}
