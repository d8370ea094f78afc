package authority

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ostiary/ostiary/internal/fault"
	"github.com/ostiary/ostiary/internal/httpd"
	"github.com/ostiary/ostiary/internal/membership"
	"github.com/ostiary/ostiary/internal/pki"
	"github.com/ostiary/ostiary/internal/secret"
)

// TestMain runs an authority instead of tests where it is asked to: the process
// that TestKilledAuthority kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OSTIARY_TEST_AUTHORITY"); dir != "" {
		if err := serveUntilKilled(dir, os.Getenv("OSTIARY_TEST_LISTEN"), secret.New(os.Getenv("OSTIARY_TEST_DATABASE"))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// openReal is an authority with its real log.
func openReal(dir, address string, database secret.String) (*Authority, error) {
	issuance, err := OpenIssuance(dir, nil)
	if err != nil {
		return nil, err
	}
	return New(Config{Project: "demo", Directory: dir, Address: address, Issuance: issuance, Database: database})
}

func serveUntilKilled(dir, address string, database secret.String) error {
	a, err := openReal(dir, address, database)
	if err != nil {
		return err
	}
	config, err := a.TLS()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { _ = a.Run(context.Background()) }()
	fmt.Println("ready")
	return httpd.Serve(context.Background(), ln, a.Handler(), config, nil)
}

// TestKilledAuthority kills a real authority by SIGKILL again and again while
// 200 tickets are redeemed, each by two keys at once. In the end every ticket
// has made exactly one member, whose node has its certificate: none was burnt,
// none served twice.
func TestKilledAuthority(t *testing.T) {
	const tickets = 200
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	all := makeTickets(t, dir, address, tickets)

	ctx, cancel := context.WithCancel(t.Context())
	kills := 0
	var killer sync.WaitGroup
	var answered atomic.Int64 // redemptions
	killer.Go(func() { kills = killAgainAndAgain(t, ctx, dir, address, secret.String{}, &answered) })
	redeemAll(t, all, dir, &answered)
	cancel()
	killer.Wait()
	a, err := openReal(dir, address, secret.String{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	checkStore(t, a, tickets)
	t.Logf("%d kills", kills)
	if kills < 10 {
		t.Errorf("only %d kills: this showed little", kills)
	}
}

// redeemAll redeems every ticket by two keys, and wants one of them to win.
func redeemAll(t *testing.T, all []membership.Ticket, dir string, answered *atomic.Int64) {
	const workers = 8
	tickets := len(all)
	won := make([]int, tickets) // keys that redeemed each
	var mu sync.Mutex
	var nodes sync.WaitGroup
	jobs := make(chan int)
	for range workers {
		nodes.Go(func() {
			for n := range jobs {
				ours := redeem(t, all[n%tickets], filepath.Join(dir, "nodes", fmt.Sprint(n)))
				answered.Add(1)
				if ours {
					mu.Lock()
					won[n%tickets]++
					mu.Unlock()
				}
			}
		})
	}
	for n := range tickets { // the two keys of a ticket right after one another
		jobs <- n
		jobs <- n + tickets
	}
	close(jobs)
	nodes.Wait()
	for n, keys := range won {
		if keys != 1 {
			t.Errorf("ticket %d was redeemed by %d keys", n, keys)
		}
	}
}

func makeTickets(t *testing.T, dir, address string, n int) []membership.Ticket {
	t.Helper()
	a, err := openReal(dir, address, secret.String{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return a.tickets(t, n)
}

func (a *Authority) tickets(t *testing.T, n int) []membership.Ticket {
	t.Helper()
	all := make([]membership.Ticket, n)
	for i := range all {
		var err error
		if all[i], err = a.CreateTicket(t.Context(), TicketRequest{Role: pki.Relay, ExpiresIn: "1h"}); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// redeem tries until the authority lives long enough to say yes or no.
func redeem(t *testing.T, ticket membership.Ticket, dir string) bool {
	for t.Context().Err() == nil {
		_, err := membership.Enroll(t.Context(), ticket, dir)
		switch {
		case err == nil:
			return true
		case strings.Contains(err.Error(), "used by another key"):
			return false
		case fault.KindOf(err) != fault.Unavailable && fault.KindOf(err) != fault.Upstream:
			t.Error(err)
			return false
		}
		time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
	}
	return false
}

// killAgainAndAgain kills after some redemptions, at whatever point the next are.
func killAgainAndAgain(t *testing.T, ctx context.Context, dir, address string, database secret.String, answered *atomic.Int64) (kills int) {
	for ; ctx.Err() == nil; kills++ {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "OSTIARY_TEST_AUTHORITY="+dir, "OSTIARY_TEST_LISTEN="+address, "OSTIARY_TEST_DATABASE="+database.Reveal())
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Error(err)
			return kills
		}
		lines := bufio.NewReader(out)
		if line, err := lines.ReadString('\n'); line != "ready\n" {
			rest, _ := io.ReadAll(lines)
			t.Errorf("the authority did not start: %s%s%v", line, rest, err)
			_ = child.Process.Kill()
			_ = child.Wait()
			return kills
		}
		for enough := answered.Load() + rand.Int64N(36); answered.Load() < enough && ctx.Err() == nil; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	return kills
}

// checkStore looks at what the authority has in the end.
func checkStore(t *testing.T, a *Authority, tickets int) {
	t.Helper()
	count := func(query string) (n int) {
		if err := a.store.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for what, query := range map[string]string{
		"tickets used once":              `SELECT count(*) FROM tickets WHERE used=1`,
		"members":                        `SELECT count(*) FROM members`,
		"redemptions of a member's key":  `SELECT count(*) FROM redemptions r JOIN members m ON m.key_hash=r.key_hash`,
		"tickets with one redemption":    `SELECT count(*) FROM (SELECT ticket FROM redemptions GROUP BY ticket HAVING count(*)=1) AS once`,
		"members with a certificate row": `SELECT count(DISTINCT member) FROM certificates`,
	} {
		if n := count(query); n != tickets {
			t.Errorf("%s: %d of %d", what, n, tickets)
		}
	}
}
