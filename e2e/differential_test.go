package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSameBytes makes the same calls twice with each official client: to the
// emulator, and to a gateway in front of it. Three things are compared:
//
//   - at the gateway: what came from the emulator and what went to the client,
//     byte for byte, nothing masked;
//   - the two runs: bytes again, where only what masked lists may differ,
//     because the emulator chooses it at random;
//   - what the client made of the answers, as its program printed it.
//
// The clock of the emulator stands still, so times and rate-limit headers are
// equal too.
func TestSameBytes(t *testing.T) {
	for _, client := range []struct {
		name    string
		program func(*testing.T) []string
		works   int  // calls that must come to an answer, so that not all is refusals
		h2      bool // once more without recorders, which speak HTTP/1.1 alone
	}{
		{"openai", javaScript("openai.mjs"), 178, false},
		{"langchain", javaScript("langchain.mjs"), 34, false},
		{"vercel", javaScript("vercel.mjs"), 44, false},
		{"openai-go", goClient("openai-go"), 75, true},
		{"azopenai", goClient("azopenai"), 16, true},
	} {
		t.Run(client.name, func(t *testing.T) {
			program := client.program(t)
			direct, through := startSides(t)
			want, got := direct.run(t, program, direct.front.address), through.run(t, program, through.front.address)
			compareExchanges(t, direct, through)
			compareResults(t, want, got, client.works)
			if client.h2 {
				compareResults(t, want, through.run(t, program, through.address, "OSTIARY_RUN=-again"), client.works)
			}
		})
	}
}

// run makes the calls and gives what the program printed.
func (s *side) run(t *testing.T, program []string, address string, more ...string) map[string]json.RawMessage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program[1], program[2:]...)
	cmd.Dir = program[0]
	cmd.Env = append(more, // and nothing else: a client reads keys and proxies from its environment
		"PATH="+os.Getenv("PATH"), "NODE_EXTRA_CA_CERTS="+s.ca, "OSTIARY_CA="+s.ca,
		"OSTIARY_BASE_URL=https://"+address, "OSTIARY_KEY="+s.key, "OSTIARY_TOKEN="+s.token, "OSTIARY_STRANGER="+s.stranger,
	)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", program, err, stderr.Bytes())
	}
	out = bytes.ReplaceAll(out, []byte(address), []byte("SERVER"))
	var results map[string]json.RawMessage
	if err := json.Unmarshal(masked(out), &results); err != nil {
		t.Fatalf("%v in %.2000s", err, out)
	}
	return results
}

// random is what the emulator makes up for each answer in a body: the id of a
// completion, of a response and what is in it, and the padding of a stream's
// events. Its length stays.
var random = regexp.MustCompile(`(?:chat)?cmpl-[A-Za-z0-9]{29}|(?:resp|msg|fc|rs)_[0-9a-f]{50}|\\*"obfuscation\\*":\\*"[A-Za-z0-9]{1,16}\\*"`)

func masked(body []byte) []byte {
	return random.ReplaceAllFunc(body, func(found []byte) []byte {
		from := bytes.LastIndexAny(bytes.TrimRight(found, `\"`), `-_"`) + 1
		for i, c := range found[from:] {
			if c != '"' && c != '\\' {
				found[from+i] = 'x'
			}
		}
		return found
	})
}

func maskedText(s string) string { return string(masked([]byte(s))) }

// unbounded takes out the boundary of a form, which a client chooses at random
// (RFC 2046 section 5.1.1).
func unbounded(body []byte) []byte {
	line, _, ok := bytes.Cut(body, []byte("\r\n"))
	if !ok || !bytes.HasPrefix(line, []byte("--")) {
		return body
	}
	return bytes.ReplaceAll(body, line, []byte("--"))
}

// ownLack are headers that Azure's front door puts on every answer, and the
// gateway on none of its own. They are excepted only while the document says so.
func ownLack(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	lack := map[string]bool{}
	for _, name := range []string{"apim-request-id", "strict-transport-security", "x-ms-client-request-id", "x-ms-region"} {
		lack[name] = regexp.MustCompile("own errors[^\n]*`" + name + "`").Match(text)
	}
	return lack
}

// excepted says which headers of an answer docs/gateway.md excepts: those of
// the connection (RFC 9110 section 7.6.1), alt-svc, and the gateway's own.
func excepted(name string) bool {
	switch name = strings.ToLower(name); name {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "alt-svc":
		return true
	}
	return strings.HasPrefix(name, "x-ostiary-")
}

// header gives the lines that count. Between two runs, maskRandom hides the
// values that differ by nature.
func (x *exchange) header(maskRandom bool) []string {
	var lines []string
	for _, line := range x.Header {
		name, _, _ := strings.Cut(line, ":")
		if excepted(name) {
			continue
		}
		if maskRandom {
			switch strings.ToLower(name) {
			case "date", "apim-request-id", "x-request-id", "x-ms-client-request-id":
				line = name + ": (random)"
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// differences of got from want, each in words.
func differences(want, got *exchange, maskRandom bool) (all []string) {
	if want.Status != got.Status {
		all = append(all, "status "+want.Status+" became "+got.Status)
	}
	wanted, gotten := want.header(maskRandom), got.header(maskRandom)
	counts := func(line string) bool { // where bodies differ, their lengths tell nothing more
		return len(want.Body) == len(got.Body) || !strings.HasPrefix(strings.ToLower(line), "content-length:")
	}
	for _, line := range wanted {
		if counts(line) && !slices.Contains(gotten, line) {
			all = append(all, "header lost: "+line)
		}
	}
	for _, line := range gotten {
		if counts(line) && !slices.Contains(wanted, line) {
			all = append(all, "header added: "+line)
		}
	}
	a, b := want.Body, got.Body
	if maskRandom {
		a, b = masked(bytes.Clone(a)), masked(bytes.Clone(b))
	}
	if !bytes.Equal(a, b) {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		from := max(0, at-40)
		all = append(all, "body, from byte "+quoteAround(a, from)+" became "+quoteAround(b, from))
	}
	if want.BodyErr != nil || got.BodyErr != nil {
		all = append(all, "an answer was cut")
	}
	return all
}

func quoteAround(b []byte, from int) string {
	return "…" + string(b[from:min(len(b), from+120)]) + "…"
}

// compareExchanges compares call by call, and tells each kind of difference once.
func compareExchanges(t *testing.T, direct, through *side) {
	t.Helper()
	want, got, back := direct.front.exchanges(), through.front.exchanges(), through.back.exchanges()
	if len(want) != len(got) {
		t.Fatalf("%d calls to the emulator, %d to the gateway", len(want), len(got))
	}
	told := map[string]int{}
	tell := func(x *exchange, where, what string) {
		if told[where+": "+what]++; told[where+": "+what] == 1 {
			t.Errorf("%s: %s: %s", where, x.Request, what)
		}
	}
	own, edited, lack := 0, 0, ownLack(t)
	for i, x := range got {
		if maskedText(x.Request) != maskedText(want[i].Request) || !bytes.Equal(unbounded(x.Asked), unbounded(want[i].Asked)) {
			t.Fatalf("call %d is %s to the emulator, %s to the gateway", i, want[i].Request, x.Request)
		}
		var beyond []*exchange // began after this call, and before the next
		for len(back) > 0 && (i+1 == len(got) || back[0].begin < got[i+1].begin) {
			beyond, back = append(beyond, back[0]), back[1:]
		}
		where := "passed on"
		switch {
		case len(beyond) == 0:
			own++
			where = "the gateway's own"
		case !bytes.Equal(beyond[len(beyond)-1].Asked, x.Asked):
			edited++ // its answer is another one; only the two runs can be compared
		default:
			for _, what := range differences(beyond[len(beyond)-1], x, false) {
				tell(x, "at the gateway", what)
			}
		}
		for _, what := range differences(want[i], x, true) {
			name, _, _ := strings.Cut(strings.TrimPrefix(what, "header lost: "), ":")
			if len(beyond) > 0 || !lack[strings.ToLower(name)] {
				tell(x, where, what)
			}
		}
	}
	t.Logf("%d answers: %d the gateway's own, %d to edited questions, the rest compared to the byte", len(got), own, edited)
	for what, times := range told {
		if times > 1 {
			t.Logf("%d times: %.100s", times, what)
		}
	}
}

// compareResults compares what the client made of the answers.
func compareResults(t *testing.T, want, got map[string]json.RawMessage, works int) {
	t.Helper()
	answered := 0
	for name, result := range want {
		if bytes.HasPrefix(result, []byte(`{"value"`)) {
			answered++
		}
		if !bytes.Equal(result, got[name]) {
			t.Errorf("%s: the client has\n%.600s\nfrom the emulator, and through the gateway\n%.600s", name, result, got[name])
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d results from the emulator, %d through the gateway", len(want), len(got))
	}
	if answered < works {
		t.Errorf("only %d of %d calls were answered, %d wanted", answered, len(want), works)
	}
}

// unreachable says whether a tool failed because a registry cannot be reached.
func unreachable(out []byte) bool {
	return regexp.MustCompile(`ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|no such host|connection refused|connection reset|i/o timeout|network is unreachable|TLS handshake timeout|module lookup disabled`).Match(out)
}
