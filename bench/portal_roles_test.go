package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

const eventSize = 256 // bytes, about an event of a streamed answer

// serveTarget does what a connection's first nine bytes ask: echo, send, take,
// or write events that say when they were written.
func serveTarget(address string) {
	each(address, func(conn net.Conn) {
		var head [9]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint64(head[1:])
		switch head[0] {
		case 'e':
			buf := make([]byte, 4096)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				_, _ = conn.Write(buf[:n])
			}
		case 'd':
			buf := make([]byte, 256<<10)
			for range n / uint64(len(buf)) {
				if _, err := conn.Write(buf); err != nil {
					return
				}
			}
		case 'u':
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(conn, int64(n)), make([]byte, 256<<10))
			_, _ = conn.Write(head[:1])
		case 's':
			for range n {
				time.Sleep(eventPause)
				event := binary.BigEndian.AppendUint64(make([]byte, 0, eventSize), uint64(time.Now().UnixNano()))
				_, _ = conn.Write(event[:eventSize])
			}
		}
	})
}

// serveHop copies every connection to another address and back.
func serveHop(address, target string) {
	each(address, func(conn net.Conn) {
		next, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer func() { _ = next.Close() }()
		var both sync.WaitGroup
		forward := func(dst, src *net.TCPConn) {
			_, _ = io.Copy(dst, src)
			_ = dst.CloseWrite()
		}
		both.Go(func() { forward(next.(*net.TCPConn), conn.(*net.TCPConn)) })
		both.Go(func() { forward(conn.(*net.TCPConn), next.(*net.TCPConn)) })
		both.Wait()
	})
}

func each(address string, serve func(net.Conn)) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer func() { _ = conn.Close() }()
			serve(conn)
		}()
	}
}

// newCertificate writes a key and a certificate of its own into one file.
func newCertificate(b *testing.B, path string) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...)
	if err := os.WriteFile(path, both, 0o600); err != nil {
		b.Fatal(err)
	}
}
