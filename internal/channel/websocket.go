package channel

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it, as a checksum
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/ostiary/ostiary/internal/fault"
)

// The WebSocket (RFC 6455) that carries a leg where only HTTP passes. It is a
// stream of bytes: where messages and frames begin and end means nothing. The
// leg's TLS is inside, so nothing here is trusted or secret.
const (
	webProtocol  = "http/1.1"
	socketPath   = "/ostiary-leg"
	socketName   = "ostiary-leg.1"                        // Sec-WebSocket-Protocol
	socketGUID   = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 section 1.3
	maxSocket    = 16 << 20                               // bytes in one frame that we take
	socketHeader = 14                                     // bytes in the longest header of a frame
)

// The opcodes of section 5.2.
const (
	opMore   = 0
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// upgradeClient asks for a WebSocket on a connection that speaks HTTPS.
func upgradeClient(ctx context.Context, conn net.Conn, host string, pool *Pool) (net.Conn, error) {
	defer deadlineOf(ctx, conn)()
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails, crypto/rand says
	key := base64.StdEncoding.EncodeToString(nonce)
	_, err := io.WriteString(conn, "GET "+socketPath+" HTTP/1.1\r\nHost: "+host+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: "+socketName+"\r\nSec-WebSocket-Key: "+key+"\r\n\r\n")
	if err != nil {
		return nil, err
	}
	answer, rest, err := readAnswer(conn, http.MethodGet) //nolint:bodyclose // it has none: what follows are frames
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-Websocket-Accept") != socketAccept(key) {
		return nil, fault.New(fault.Upstream, fmt.Sprintf("the relay's address gives no WebSocket: HTTP %d", answer.StatusCode)).At(host)
	}
	return newSocket(rest, true, pool), nil
}

// upgradeServer answers such a request; everything else is refused.
func upgradeServer(ctx context.Context, conn net.Conn, pool *Pool) (net.Conn, error) {
	defer deadlineOf(ctx, conn)()
	in := bufio.NewReaderSize(&io.LimitedReader{R: conn, N: maxHead}, maxHead)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, err
	}
	key := req.Header.Get("Sec-Websocket-Key")
	ok := req.Method == http.MethodGet && req.URL.Path == socketPath && key != "" && len(key) < 100 &&
		strings.EqualFold(req.Header.Get("Upgrade"), "websocket") && req.Header.Get("Sec-Websocket-Version") == "13"
	if !ok {
		_, _ = io.WriteString(conn, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		return nil, fault.New(fault.Invalid, "a request that is no leg")
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + socketAccept(key) + "\r\n"
	if req.Header.Get("Sec-Websocket-Protocol") == socketName {
		answer += "Sec-WebSocket-Protocol: " + socketName + "\r\n"
	}
	if _, err := io.WriteString(conn, answer+"\r\n"); err != nil {
		return nil, err
	}
	return newSocket(unread(conn, in), false, pool), nil
}

func socketAccept(key string) string {
	sum := sha1.Sum([]byte(key + socketGUID)) //nolint:gosec // RFC 6455 section 4.2.2
	return base64.StdEncoding.EncodeToString(sum[:])
}

// socket is the stream inside a WebSocket.
type socket struct {
	net.Conn
	wire   *Wire // beneath, corked for a frame that makes several records
	client bool  // who masks what it sends (section 5.3)
	pool   *Pool

	// Of the reader, of which there is one at a time.
	in     *bufio.Reader
	left   uint64 // bytes of the frame's payload still to read
	masked bool
	mask   [4]byte
	at     int // how far into the mask
	ended  bool

	mu     sync.Mutex // held while a frame is written
	closed bool
}

func newSocket(conn net.Conn, client bool, pool *Pool) *socket {
	return &socket{Conn: conn, wire: wireOf(conn), client: client, pool: pool, in: bufio.NewReaderSize(conn, 4096)}
}

// NetConn is the connection beneath.
func (s *socket) NetConn() net.Conn { return s.Conn }

// Read reads bytes of data frames, answers pings, and ends at a close.
func (s *socket) Read(p []byte) (int, error) {
	for s.left == 0 {
		if s.ended {
			return 0, io.EOF
		}
		if err := s.header(); err != nil {
			return 0, noEOF(err)
		}
	}
	n, err := s.in.Read(p[:min(uint64(len(p)), s.left)])
	s.left -= uint64(n) //nolint:gosec // not negative
	if s.masked {
		s.at = applyMask(p[:n], s.mask, s.at)
	}
	if n > 0 {
		return n, nil
	}
	return 0, noEOF(err)
}

// header reads a frame's header, and all of a control frame.
func (s *socket) header() error {
	var head [2]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return err
	}
	op, length := head[0]&0x0f, uint64(head[1]&0x7f)
	if head[0]&0x70 != 0 || s.client == (head[1]&0x80 != 0) {
		return broken("a WebSocket frame with reserved bits, or masked by the wrong side")
	}
	size := map[uint64]int{126: 2, 127: 8}[length]
	if size > 0 {
		var b [8]byte
		if _, err := io.ReadFull(s.in, b[8-size:]); err != nil {
			return err
		}
		length = binary.BigEndian.Uint64(b[:])
	}
	if s.masked = !s.client; s.masked {
		if _, err := io.ReadFull(s.in, s.mask[:]); err != nil {
			return err
		}
	}
	s.at = 0
	switch {
	case (op == opBinary || op == opMore) && length <= maxSocket:
		s.left = length
		return nil
	case op >= opClose && op <= opPong && size == 0 && head[0]&0x80 != 0:
		return s.control(op, int(length))
	}
	return broken(fmt.Sprintf("a WebSocket frame of opcode %d with %d bytes", op, length))
}

func (s *socket) control(op byte, length int) error {
	payload := make([]byte, length)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return err
	}
	if s.masked {
		applyMask(payload, s.mask, 0)
	}
	switch op {
	case opPing:
		return s.frame(opPong, payload)
	case opClose:
		s.ended = true
	}
	return nil
}

// Write sends p in frames of a batch at most.
func (s *socket) Write(p []byte) (int, error) {
	for sent := 0; ; {
		n := min(len(p)-sent, batch-socketHeader)
		if err := s.frame(opBinary, p[sent:sent+n]); err != nil {
			return sent, err
		}
		if sent += n; sent == len(p) {
			return sent, nil
		}
	}
}

// frame writes one frame.
func (s *socket) frame(op byte, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = op == opClose
	buf := s.pool.batch()
	defer s.pool.putBatch(buf)
	b := append((*buf)[:0], 0x80|op)
	switch {
	case len(p) < 126:
		b = append(b, byte(len(p))) //nolint:gosec // under 126
	case len(p) < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(len(p))) //nolint:gosec // checked
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(len(p)))
	}
	if s.client {
		b[1] |= 0x80
		var mask [4]byte
		_, _ = rand.Read(mask[:]) // never fails
		b = append(append(b, mask[:]...), p...)
		applyMask(b[len(b)-len(p):], mask, 0)
	} else {
		b = append(b, p...)
	}
	s.wire.Cork()
	_, err := s.Conn.Write(b)
	return errors.Join(err, s.wire.Flush())
}

// CloseWrite sends a close: the other end reads no more.
func (s *socket) CloseWrite() error {
	err := s.frame(opClose, binary.BigEndian.AppendUint16(nil, 1000)) // normal closure
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// applyMask masks or unmasks, from a place in the mask on, and returns the next.
func applyMask(p []byte, mask [4]byte, at int) int {
	for ; len(p) > 0 && at%4 != 0; at++ {
		p[0] ^= mask[at%4]
		p = p[1:]
	}
	word := uint64(binary.LittleEndian.Uint32(mask[:]))
	word |= word << 32
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^word)
	}
	for i := range p {
		p[i] ^= mask[i%4]
	}
	return (at + len(p)) % 4
}
