package estate

import (
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/internal/fault"
)

// readAll reads a document within the bound. It asks for memory once where
// the reader tells its length.
func readAll(r io.Reader, o Options) (string, error) {
	var b strings.Builder
	if n := length(r); n > 0 {
		b.Grow(int(min(n, o.bytes()) + 1))
	}
	n, err := copyAll(&b, io.LimitReader(r, o.bytes()+1))
	if err != nil {
		return "", fault.New(fault.Unavailable, "the document could not be read").Because(err)
	}
	if n > o.bytes() {
		return "", fault.New(fault.TooLarge, "the document is longer than the bound of "+size(o.bytes())).
			Fix("read one subscription at a time, or raise the bound")
	}
	return b.String(), nil
}

func length(r io.Reader) int64 {
	switch r := r.(type) {
	case interface{ Len() int }: // bytes.Reader, strings.Reader
		return int64(r.Len())
	case interface{ Stat() (fs.FileInfo, error) }: // os.File
		if info, err := r.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// copyAll is io.Copy that grows b by doubling: a long document without a
// known length is moved few times.
func copyAll(b *strings.Builder, r io.Reader) (int64, error) {
	buf := make([]byte, 1<<18)
	for {
		n, err := r.Read(buf)
		if n > b.Cap()-b.Len() {
			b.Grow(max(n, b.Cap()))
		}
		b.Write(buf[:n])
		if err == io.EOF {
			return int64(b.Len()), nil
		}
		if err != nil {
			return int64(b.Len()), err
		}
	}
}

func size(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
