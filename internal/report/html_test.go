package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/internal/posture"
)

func htmlOf(t *testing.T, r posture.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// element is one start tag of a page.
type element struct {
	name  string
	attrs map[string]string
}

// elements reads a page's tags. What stands in style and script is ours, and
// left out.
func elements(t *testing.T, page string) []element {
	t.Helper()
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>`).ReplaceAllString(page, "<script></script>")
	dec := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!doctype html>")))
	dec.Strict, dec.Entity, dec.AutoClose = false, xml.HTMLEntity, []string{"meta", "input"}
	var all []element
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			e := element{start.Name.Local, map[string]string{}}
			for _, a := range start.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			all = append(all, e)
		}
	}
}

// The page has only elements and attributes that we wrote, whatever the names
// in the estate are.
func TestPageHoldsNothingOfStrangers(t *testing.T) {
	for name, r := range samples() {
		page := htmlOf(t, r)
		if n := strings.Count(page, "<script"); n != 1 {
			t.Errorf("%s: %d scripts", name, n)
		}
		for _, e := range elements(t, page) {
			if !slices.Contains(strings.Fields("html head meta title style body a svg defs marker path symbol circle rect use text header div h1 h2 h3 p bdi nav ul li b main section label input button span details summary code dl dt dd pre table thead tbody tr th td small footer script"), e.name) {
				t.Errorf("%s: an element %q", name, e.name)
			}
			for attr, value := range e.attrs {
				if strings.HasPrefix(attr, "on") || attr == "style" || attr == "src" || attr == "srcset" || attr == "srcdoc" {
					t.Errorf("%s: %s has the attribute %s", name, e.name, attr)
				}
				if attr == "href" && !regexp.MustCompile(`^#[a-z0-9-]+$`).MatchString(value) {
					t.Errorf("%s: a link to %q", name, value)
				}
			}
		}
		for _, bad := range []string{"\x1b", "\u202e", "\x00", "ZgotmplZ"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: the page holds %q", name, bad)
			}
		}
	}
}

// One file: nothing is fetched, and the policy allows nothing but the page's
// own style and script.
func TestPageIsSelfContained(t *testing.T) {
	page := htmlOf(t, small())
	if found := regexp.MustCompile(`(?i)https?://|//[a-z0-9.-]+\.[a-z]|@import|url\([^#)]`).FindString(page); found != "" {
		t.Errorf("the page names something outside: %q", found)
	}
	inner := func(tag string) []byte {
		_, rest, _ := strings.Cut(page, "<"+tag+">")
		text, _, _ := strings.Cut(rest, "</"+tag+">")
		return []byte(text)
	}
	want := fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hash(inner("style")), hash(inner("script")))
	for _, e := range elements(t, page) {
		if e.attrs["http-equiv"] == "Content-Security-Policy" {
			if e.attrs["content"] != want {
				t.Errorf("policy\n%s\nwant\n%s", e.attrs["content"], want)
			}
			return
		}
	}
	t.Error("the page has no policy")
}

// Every link has its target, and every id is there once.
func TestPageLinks(t *testing.T) {
	for name, r := range samples() {
		ids, links := map[string]int{}, map[string]bool{}
		for _, e := range elements(t, htmlOf(t, r)) {
			if id := e.attrs["id"]; id != "" {
				ids[id]++
			}
			if href := e.attrs["href"]; href != "" {
				links[strings.TrimPrefix(href, "#")] = true
			}
			for _, attr := range []string{"marker-start", "aria-labelledby"} {
				if v := e.attrs[attr]; v != "" {
					links[strings.TrimSuffix(strings.TrimPrefix(v, "url(#"), ")")] = true
				}
			}
		}
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s: the id %q is there %d times", name, id, n)
			}
		}
		for link := range links {
			if ids[link] == 0 {
				t.Errorf("%s: a link to #%s leads nowhere", name, link)
			}
		}
	}
}

// Headings go down a step at a time, and the verdict is the first.
func TestPageHeadings(t *testing.T) {
	for name, r := range samples() {
		last := 0
		for _, e := range elements(t, htmlOf(t, r)) {
			if len(e.name) != 2 || e.name[0] != 'h' || e.name == "hr" {
				continue
			}
			level := int(e.name[1] - '0')
			if level > last+1 || last == 0 && level != 1 {
				t.Errorf("%s: %s after h%d", name, e.name, last)
			}
			last = level
		}
		if last == 0 {
			t.Errorf("%s: no headings", name)
		}
	}
}

// A page of an estate that nobody could read on paper is still a page, and
// says what it left out.
func TestPageIsBounded(t *testing.T) {
	r := big(3000)
	for i := range findingsMax + 7 {
		r.Findings = append(r.Findings, posture.Finding{ID: "many", Status: posture.Fail, Level: posture.Must, Resource: vnet(strconv.Itoa(i)), What: "x", Evidence: []posture.Evidence{{Pointer: "/a"}, {Pointer: "/b"}, {Pointer: "/c"}, {Pointer: "/d"}, {Pointer: "/e"}}})
	}
	for range doorsMax*tablesMax + 3 {
		r.Reached = append(r.Reached, posture.Reached{Account: account, Endpoint: "zz", Address: "z"})
	}
	page := htmlOf(t, r)
	if len(page) > 4<<20 {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"9 more are left out here", "more rows are left out here", "5 endpoints left out here", "networks, in the table below"} {
		if !strings.Contains(page, want) {
			t.Errorf("does not say %q", want)
		}
	}
}
