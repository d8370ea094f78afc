package witness

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/ostiary/ostiary/internal/ledger"
)

const zeroHash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func TestParseAddition(t *testing.T) {
	for text, want := range map[string]*addition{
		"old 0\n\nnote": {0, nil, []byte("note")},
		"old 20852014\n" + zeroHash + "\n" + zeroHash + "\n\nnote\n\nmore": {20852014, tlog.TreeProof{{}, {}}, []byte("note\n\nmore")},
		"old 4611686018427387903\n\n":                                      {1<<62 - 1, nil, []byte{}},
		"":                                                                 nil,
		"old 0\n":                                                          nil,
		"old 0":                                                            nil,
		"old\n\nnote":                                                      nil,
		"old 00\n\nnote":                                                   nil,
		"old +1\n\nnote":                                                   nil,
		"old -1\n\nnote":                                                   nil,
		"old 1 \n\nnote":                                                   nil,
		"old 4611686018427387904\n\nnote":                                  nil,
		"old 1\r\n\r\nnote":                                                nil,
		"new 1\n\nnote":                                                    nil,
		"old 1\nAAAA\n\nnote":                                              nil,
		"old 1\n" + zeroHash + "\nnote":                                    nil,
		"old 1\n" + strings.Replace(zeroHash, "A=", "B=", 1) + "\n\nnote": nil, // not canonical base64
		"old 1\n" + strings.Repeat(zeroHash+"\n", maxProof+1) + "\nnote":  nil,
	} {
		a, err := parseAddition([]byte(text))
		switch {
		case want == nil && err == nil:
			t.Errorf("%.60q was accepted", text)
		case want != nil && (err != nil || string(a.encode()) != string(want.encode()) || string(a.encode()) != text):
			t.Errorf("%.60q: %+v, %v", text, a, err)
		}
	}
	full := "old 1\n" + strings.Repeat(zeroHash+"\n", maxProof) + "\nnote"
	if a, err := parseAddition([]byte(full)); err != nil || len(a.proof) != maxProof {
		t.Errorf("63 hashes: %v", err)
	}
}

func FuzzParseAddition(f *testing.F) {
	f.Add([]byte("old 0\n\nnote"))
	f.Add([]byte("old 5\n" + zeroHash + "\n\nexample.com/log\n6\n" + zeroHash + "\n\n— example.com/log AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseAddition(data)
		if err == nil && !bytes.Equal(a.encode(), data) {
			t.Errorf("%q comes back as %q", data, a.encode())
		}
	})
}

func TestExtends(t *testing.T) {
	leaves := []tlog.Hash{tlog.RecordHash([]byte("a")), tlog.RecordHash([]byte("b"))}
	two := ledger.Checkpoint{Size: 2, Root: tlog.NodeHash(leaves[0], leaves[1])}
	empty := sha256.Sum256(nil)
	for i, c := range []struct {
		c     ledger.Checkpoint
		old   uint64
		root  tlog.Hash
		proof tlog.TreeProof
		want  bool
	}{
		{two, 0, tlog.Hash{}, nil, true},
		{two, 0, tlog.Hash{}, tlog.TreeProof{leaves[0]}, false}, // from nothing nothing is to be proven
		{two, 1, leaves[0], tlog.TreeProof{leaves[1]}, true},
		{two, 1, leaves[0], nil, false},
		{two, 1, leaves[1], tlog.TreeProof{leaves[1]}, false},
		{two, 1, leaves[0], tlog.TreeProof{leaves[0]}, false},
		{two, 2, two.Root, nil, true},
		{two, 2, two.Root, tlog.TreeProof{leaves[0]}, false},
		{two, 2, leaves[0], nil, false}, // same size, another root
		{two, 3, two.Root, nil, false},
		{ledger.Checkpoint{Root: empty}, 0, tlog.Hash{}, nil, true},
		{ledger.Checkpoint{Root: leaves[0]}, 0, tlog.Hash{}, nil, false},
	} {
		if got := extends(c.c, c.old, c.root, c.proof) == nil; got != c.want {
			t.Errorf("%d: %t", i, got)
		}
	}
}
