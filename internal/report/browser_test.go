package report

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// chromium runs the browser on a page, and returns what it prints and what it
// complains of.
func chromium(t *testing.T, page string, args ...string) (out, complaints string) {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT CHECKED: the page in a browser; -short is set")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT CHECKED: the page in a browser: chromium is not installed (Debian: apt-get install chromium)")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--virtual-time-budget=5000",
	}, args...)
	cmd := exec.CommandContext(t.Context(), browser, append(args, "file://"+path)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	said := slices.DeleteFunc(strings.Split(stderr.String(), "\n"), func(line string) bool { return !strings.Contains(line, "CONSOLE") })
	return stdout.String(), strings.Join(said, "\n")
}

// The browser runs our script and nobody else's, and its policy is content.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	dom, complaints := chromium(t, htmlOf(t, hostile()), "--dump-dom")
	if complaints != "" {
		t.Errorf("the console says\n%s", complaints)
	}
	if !strings.Contains(dom, `<html lang="en" class="scripted">`) {
		t.Error("the page's own script did not run to its end: the policy does not fit it, or it failed")
	}
	if strings.Contains(dom, "<title>pwned") || !strings.Contains(dom, "<title>Open: ") {
		t.Error("a name in the estate ran as a script")
	}
	if n := strings.Count(dom, "data-tip="); n < 30 {
		t.Errorf("the script gave tips to %d places of the drawings", n)
	}
}

// The policy is what stops a script that got in.
func TestPolicyStopsOthersScripts(t *testing.T) {
	t.Parallel()
	page := strings.Replace(htmlOf(t, small()), "<main>", `<main><script>document.title="pwned"</script><img src="x" onerror="document.title='pwned'"><p style="color:red">`, 1)
	dom, complaints := chromium(t, page, "--dump-dom")
	if strings.Contains(dom, "<title>pwned") {
		t.Error("a second script ran")
	}
	if n := strings.Count(complaints, "Content Security Policy"); n < 3 {
		t.Errorf("the policy refused %d of script, handler, image and style:\n%s", n, complaints)
	}
}

// The page paints at every width: the drawing for that width is there, in the
// colours of light and dark.
func TestPageIsPainted(t *testing.T) {
	t.Parallel()
	page := htmlOf(t, big(60))
	for _, c := range []struct{ width, scheme int }{{1400, 1}, {820, 0}, {420, 1}} {
		t.Run(fmt.Sprintf("%d wide, scheme %d", c.width, c.scheme), func(t *testing.T) {
			t.Parallel()
			shot := filepath.Join(t.TempDir(), "page.png")
			chromium(t, page, "--screenshot="+shot, fmt.Sprintf("--window-size=%d,1400", c.width), fmt.Sprintf("--blink-settings=preferredColorScheme=%d", c.scheme))
			f, err := os.Open(shot)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			picture, err := png.Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			if size := picture.Bounds().Size(); size.X != c.width || size.Y != 1400 {
				t.Errorf("%v", size)
			}
			seen := map[[3]uint32]int{}
			for y := 0; y < 1400; y += 2 {
				for x := range c.width {
					r, g, b, _ := picture.At(x, y).RGBA()
					seen[[3]uint32{r >> 8, g >> 8, b >> 8}]++
				}
			}
			// Panel, and the two lines that matter: reaches as meant, reaches and
			// is not meant to.
			want := map[string][3]uint32{"panel": {0xff, 0xff, 0xff}, "meant": {0x0b, 0x5c, 0xad}, "intruder": {0xb3, 0x26, 0x1e}}
			if c.scheme == 0 {
				want = map[string][3]uint32{"panel": {0x17, 0x1f, 0x2b}, "meant": {0x74, 0xb6, 0xff}, "intruder": {0xff, 0x8f, 0x85}}
			}
			for name, colour := range want {
				if seen[colour] < 200 {
					t.Errorf("%d points of the colour %s", seen[colour], name)
				}
			}
		})
	}
}

// TestAxe holds every sample to axe-core's rules, expanded, in light and dark,
// at three widths. It needs the network for npm, and a minute.
func TestAxe(t *testing.T) {
	if os.Getenv("OSTIARY_TORTURE") == "" {
		t.Skip("NOT CHECKED: axe-core on the page; set OSTIARY_TORTURE=1, with node, npm and chromium installed")
	}
	for _, tool := range []string{"node", "npm", "chromium"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT CHECKED: axe-core on the page: %s is not installed", tool)
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "axe"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	args := []string{"axe.mjs"}
	for name, r := range samples() {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(htmlOf(t, r)), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name+".html")
	}
	node := exec.CommandContext(t.Context(), "node", args...)
	node.Dir = dir
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("axe: %v\n%s", err, out)
	}
	t.Logf("axe:\n%s", out)
}
